// Ashlar: the tree of members behind a flat list of keys.  SPDX-License-Identifier: BSL-1.0
//
// The typed view of a file is a pure function of its keys: keys are split at dots, each inner node becomes a table and
// each leaf a Tensor. The schema of a type (schema.hpp), the writer and the verifier of files all use this one tree, at
// compile time or at run time, so they cannot disagree.
#pragma once

#include <ashlar/core/text.hpp>
#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/schema/block.hpp>
#include <ashlar/schema/sort.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ashlar::detail {

/// Deeper keys are refused; each level is a nested table, and FlatBuffers verifiers stop at 64.
inline constexpr std::size_t max_key_parts = 32;

/// "none" for indices of nodes and keys.
inline constexpr std::uint32_t no_index = 0xffffffffu;

/// A member: a leaf (a tensor or scalar) or an inner node (a struct or array of them).
struct TreeNode {
  std::string_view name{};  ///< one part of a key; points into the keys
  std::uint32_t key = no_index;  ///< of a leaf: index in the list of keys
  std::uint32_t parent = no_index;
  std::uint32_t first_child = no_index;
  std::uint32_t last_child = no_index;
  std::uint32_t next = no_index;  ///< next sibling
  std::uint32_t children = 0;
  bool linked = false;
  bool list = false;  ///< children are 0, 1, ... of one structure: a FlatBuffers vector of one table type

  [[nodiscard]] constexpr bool is_leaf() const { return key != no_index; }
};

/// Nodes of the tree; node 0 is the root. Siblings stand in the order in which their first keys do.
struct Tree {
  Block<TreeNode> nodes{0};
  std::uint32_t duplicate = no_index;  ///< a key that stands twice, or is deeper than max_key_parts: no tree then
  std::uint32_t too_deep = no_index;

  [[nodiscard]] constexpr bool ok() const { return duplicate == no_index && too_deep == no_index; }

  /// The node that follows `at` when parents come before children, within the subtree of `top`; no_index at the end.
  /// With `skip` the children of `at` are left out.
  [[nodiscard]] constexpr std::uint32_t after(std::uint32_t at, std::uint32_t top = 0, bool skip = false) const {
    if (!skip && nodes[at].first_child != no_index) return nodes[at].first_child;
    while (at != top) {
      if (nodes[at].next != no_index) return nodes[at].next;
      at = nodes[at].parent;
    }
    return no_index;
  }
};

/// True if the subtrees have the same members, whatever the two top nodes are called.
constexpr bool same_structure(Tree const& tree, std::uint32_t a, std::uint32_t b) {
  auto const& nodes = tree.nodes;
  std::uint32_t x = a;
  std::uint32_t y = b;
  while (x != no_index && y != no_index) {
    if (nodes[x].is_leaf() != nodes[y].is_leaf() || nodes[x].children != nodes[y].children) return false;
    if (x != a && nodes[x].name != nodes[y].name) return false;
    x = tree.after(x, a);
    y = tree.after(y, b);
  }
  return x == y;
}

/// True if the children of `at` are inner nodes named 0, 1, ... in this order, all of the same structure.
constexpr bool is_list(Tree const& tree, std::uint32_t at) {
  auto const& nodes = tree.nodes;
  std::uint32_t const first = nodes[at].first_child;
  if (first == no_index) return false;
  std::uint64_t index = 0;
  char digits[20]{};
  for (std::uint32_t c = first; c != no_index; c = nodes[c].next, ++index) {
    if (nodes[c].is_leaf() || nodes[c].name != decimal(index, digits)) return false;
  }
  for (std::uint32_t c = nodes[first].next; c != no_index; c = nodes[c].next) {
    if (!same_structure(tree, first, c)) return false;
  }
  return true;
}

/// Nodes of the key at order[i] that it shares with order[i-1]: whole parts, each with the dot behind it.
constexpr std::size_t shared_prefix(std::string_view a, std::string_view b, std::size_t& parts) {
  std::size_t end = 0;
  parts = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
    if (a[i] == '.') {
      end = i + 1;
      ++parts;
    }
  }
  return end;
}

/// Builds the tree of `keys`.
///
/// Cost  keys are sorted, so n log n comparisons whatever the keys are; about 3000 compile-time steps a key at n = 300.
constexpr Tree build_tree(std::span<std::string_view const> keys) {
  Tree tree;
  Block<std::uint32_t> order(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) order.push(static_cast<std::uint32_t>(i));
  sort_indices(order.data(), order.size(), [&](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; });

  // Keys with a common prefix are neighbours now: make each node once. path[d] is the current inner node at depth d.
  Block<std::uint32_t> leaf_of(keys.size(), 0);
  tree.nodes = Block<TreeNode>(keys.size() * 2 + 1);
  tree.nodes.push({});
  std::uint32_t path[max_key_parts + 1]{};
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::string_view const key = keys[order[i]];
    std::size_t depth = 0;
    std::size_t begin = 0;
    if (i != 0) {
      std::string_view const previous = keys[order[i - 1]];
      if (previous == key) {
        tree.duplicate = order[i];
        return tree;
      }
      begin = shared_prefix(previous, key, depth);
    }
    for (;;) {
      std::size_t const dot = find_char(key, '.', begin);
      bool const leaf = dot == std::string_view::npos;
      if (depth + 1 > max_key_parts) {
        tree.too_deep = order[i];
        return tree;
      }
      auto const id = static_cast<std::uint32_t>(tree.nodes.size());
      TreeNode& node = tree.nodes.push({});
      node.name = leaf ? key.substr(begin) : key.substr(begin, dot - begin);
      node.parent = path[depth];
      if (leaf) {
        node.key = order[i];
        leaf_of[order[i]] = id;
        break;
      }
      path[++depth] = id;
      begin = dot + 1;
    }
  }

  // In the order of the keys, hook every node that is new into its parent: order of first appearance.
  tree.nodes[0].linked = true;
  for (std::uint32_t const leaf : leaf_of) {
    for (std::uint32_t at = leaf; !tree.nodes[at].linked; at = tree.nodes[at].parent) {
      TreeNode& node = tree.nodes[at];
      TreeNode& parent = tree.nodes[node.parent];
      node.linked = true;
      ++parent.children;
      if (parent.last_child == no_index) {
        parent.first_child = at;
      } else {
        tree.nodes[parent.last_child].next = at;
      }
      parent.last_child = at;
    }
  }

  // Parents come first, so an element of a list is known to be one when its own children are judged: FlatBuffers has no
  // vectors of vectors. The root holds the header as well, so it is always a table.
  for (std::uint32_t at = tree.after(0); at != no_index; at = tree.after(at)) {
    TreeNode& node = tree.nodes[at];
    if (node.is_leaf() || tree.nodes[node.parent].list) continue;
    node.list = is_list(tree, at);
  }
  return tree;
}

}  // namespace ashlar::detail
