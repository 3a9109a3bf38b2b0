// Ashlar: structs, lists and layers for the modules of a file, and their names.  SPDX-License-Identifier: BSL-1.0
#include "generate/parts.hpp"

#include <ashlar/io/cpp_text.hpp>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

namespace ashlar::codegen {
namespace {

using ashlar::detail::identifier;
using ashlar::detail::is_in;
using ashlar::detail::literal;
using ashlar::detail::message;

std::size_t index_of(std::string const& part) { return static_cast<std::size_t>(std::stoul(part)); }

/// Parameters, buffers, constants, scalars, then ties and modules: the order of a state_dict.
int pass_of(Tree const& tree, Node::Child const& child) {
  if (!child.is_leaf || tree.leaves[child.index].tied_to != none) return static_cast<int>(Kind::scalar) + 1;
  return static_cast<int>(tree.leaves[child.index].kind);
}
std::vector<Node::Child> in_order(Tree const& tree, std::vector<Node::Child> const& children) {
  std::vector<Node::Child> out;
  for (int pass = 0; pass <= static_cast<int>(Kind::scalar) + 1; ++pass) {
    std::copy_if(children.begin(), children.end(), std::back_inserter(out),
                 [&](Node::Child const& child) { return pass_of(tree, child) == pass; });
  }
  return out;
}
std::vector<Node::Child> by_index(Node const& node) {
  std::vector<Node::Child> out = node.children;
  std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return index_of(a.part) < index_of(b.part); });
  return out;
}

/// "self_attn" -> "SelfAttn", "layer.1" -> "Layer1", "0" -> "Part0".
std::string camel(std::string_view text) {
  std::string out;
  bool upper = true;
  for (char c : text.substr(0, 60)) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool const digit = c >= '0' && c <= '9';
    if (!letter && !digit) {
      upper = true;
      continue;
    }
    if (out.empty() && digit) out = "Part";
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out.empty() ? "Part" : out;
}
/// "layers" -> "layer": what one of them is called.
std::string singular(std::string text) {
  if (text.size() > 3 && text.back() == 's' && text[text.size() - 2] != 's') text.pop_back();
  return text;
}
bool is_number(std::string_view part) {
  return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Parts::Parts(Tree const& tree, GenerateOptions const& options)
    : tree_(tree),
      options_(options),
      layer_of_(tree.nodes.size()),
      tied_to_(tree.nodes.size()),
      first_leaf_(tree.nodes.size(), none) {
  for (std::size_t n = tree.nodes.size(); n-- != 0;) {  // modules stand behind those they lie in
    for (Node::Child const& child : tree.nodes[n].children) {
      first_leaf_[n] = std::min(first_leaf_[n], child.is_leaf ? child.index : first_leaf_[child.index]);
    }
  }
  root_ = type_of(0);
  add_order(0);
  name_parts(options.name);
}

/// The rank of the weight that the module's channels come from: the nearest one, before it if there is one.
std::size_t Parts::rank_near(std::size_t node) const {
  std::size_t const at = first_leaf_[node];
  std::size_t const channels = tree_.leaves[at].shape.rank == 0 ? 0 : tree_.leaves[at].shape[0];
  std::size_t any = 0;
  auto const fits = [&](Leaf const& leaf) {
    if (leaf.shape.rank < 2 || leaf.shape.rank > 4) return false;
    if (any == 0) any = leaf.shape.rank;
    return leaf.shape[0] == channels;
  };
  for (std::size_t i = at; i-- != 0;) {
    if (fits(tree_.leaves[i])) return tree_.leaves[i].shape.rank;
  }
  for (std::size_t i = at; i < tree_.leaves.size(); ++i) {
    if (fits(tree_.leaves[i])) return tree_.leaves[i].shape.rank;
  }
  return any;
}

/// The path of the module of which all tensors are the ones of this; empty if there is none. A module of one tensor is
/// left alone: what shares a matrix may be an Embedding here and a Linear there.
std::string Parts::tie_of(std::size_t node) const {
  std::string_view const path = tree_.nodes[node].path;
  std::string target;
  std::size_t count = 0;
  for (Leaf const& leaf : tree_.leaves) {
    if (!is_in(leaf.key, path)) continue;
    if (leaf.tied_to == none) return {};
    std::string const& other = tree_.leaves[leaf.tied_to].key;
    std::string_view const rest = std::string_view(leaf.key).substr(path.size());
    if (!other.ends_with(rest) || other.size() == rest.size()) return {};
    std::string const front = other.substr(0, other.size() - rest.size());
    if (count++ != 0 && front != target) return {};
    target = front;
  }
  if (count < 2 || is_in(target, path) || is_in(path, target)) return {};
  for (Leaf const& leaf : tree_.leaves) {
    if (!is_in(leaf.key, target)) continue;
    if (leaf.tied_to != none || count-- == 0) return {};
  }
  return count == 0 ? target : std::string();
}

std::string Parts::type_of(std::size_t node) {
  Node const& n = tree_.nodes[node];
  if (n.parent != none) {
    if (std::string const target = tie_of(node); !target.empty()) {
      if (std::string const text = tie_target(tree_, n.parent, target); !text.empty()) {
        tied_to_[node] = target;
        return message({"ashlar::Tied<", literal(text), ">"});
      }
    }
  }
  Layer layer;
  if (auto const at = tree_.chosen.find(node); at != tree_.chosen.end()) layer = at->second;
  else if (options_.recognise) layer = recognise(tree_, node, rank_near(node));
  if (!layer.name.empty()) {
    ++layers_[layer.name];
    layer_of_[node] = layer;
    return layer.text;
  }
  return is_list(n.children) ? list_of(node, std::move(layer.note)) : struct_of(node, std::move(layer.note));
}

Member Parts::leaf_member(std::size_t node, Node::Child const& child) const {
  Leaf const& leaf = tree_.leaves[child.index];
  Member member{child.part, {}};
  std::string const type = type_text(leaf.dtype);
  if (leaf.tied_to != none) {
    std::string const& target = tree_.leaves[leaf.tied_to].key;
    if (std::string const text = tie_target(tree_, node, target); !text.empty()) {
      member.type = message({"ashlar::Tied<", literal(text), ">"});
      return member;
    }
    member.note = "tied in the file, to what no Tied can name from here: a copy";
  }
  if (leaf.overlaps) member.note = "shares memory with another tensor in the file, in part: a copy";
  if (leaf.kind == Kind::scalar) {
    member.is_scalar = true;
    member.type = leaf.shape.rank == 0 ? type : message({"std::array<", type, ", ", leaf.shape[0], ">"});
    return member;
  }
  member.type = message({leaf.kind == Kind::parameter ? "ashlar::Parameter<"
                         : leaf.kind == Kind::buffer  ? "ashlar::Buffer<"
                                                      : "ashlar::Constant<",
                         type});
  for (std::size_t d = 0; d < leaf.shape.rank; ++d) member.type += message({", ", leaf.shape[d]});
  member.type += '>';
  return member;
}

std::string Parts::struct_of(std::size_t node, std::string note) {
  ModulePart part{false, {}, std::move(note)};
  for (Node::Child const& child : in_order(tree_, tree_.nodes[node].children)) {
    if (child.is_leaf) {
      part.members.push_back(leaf_member(node, child));
      ++loose_;
    } else {
      std::string type = type_of(child.index);
      part.members.push_back({child.part, std::move(type), layer_of_[child.index].note});
    }
  }
  return part_of(node, std::move(part));
}

/// A std::array if all are equal, else a Sequential, in which places that have no key hold layers without tensors.
std::string Parts::list_of(std::size_t node, std::string note) {
  ModulePart part{true, {}, std::move(note)};
  for (Node::Child const& child : by_index(tree_.nodes[node])) {
    std::size_t const index = index_of(child.part);
    for (; part.members.size() < index; ++unknown_)
      part.members.push_back({std::to_string(part.members.size()), "\1\2"});
    if (child.is_leaf) {
      part.members.push_back(leaf_member(node, child));
      ++loose_;
    } else {
      std::string type = type_of(child.index);
      part.members.push_back({child.part, std::move(type), layer_of_[child.index].note});
    }
  }
  std::string const& first = part.members[0].type;
  bool const equal =
      std::all_of(part.members.begin(), part.members.end(), [&](Member const& m) { return m.type == first; });
  if (equal && first != "\1\2" && part.members.size() > 1 && node != 0 && part.note.empty()) {
    return message({"std::array<", first, ", ", part.members.size(), ">"});
  }
  return part_of(node, std::move(part));
}

std::string Parts::part_of(std::size_t node, ModulePart part) {
  std::string content = part.is_list ? "[" : "{";
  for (Member const& m : part.members) content += message({literal(m.key), " ", m.type, " ", m.note, ";"});
  content += part.note;
  if (node == 0) content += "the whole";  // a part of its own, even if something in it looks the same
  auto const [at, is_new] = by_content_.emplace(std::move(content), parts_.size());
  if (is_new) parts_.push_back(std::move(part));
  parts_[at->second].nodes.push_back(node);
  return message({"\1", at->second, "\2"});
}

void Parts::add_order(std::size_t node) {
  Node const& n = tree_.nodes[node];
  auto const path_of = [&](std::string_view part) {
    return n.path.empty() ? std::string(part) : message({n.path, ".", part});
  };
  if (!tied_to_[node].empty()) {  // the keys of the target, in its order
    std::vector<std::string> const before = order_;
    for (std::string const& key : before) {
      if (is_in(key, tied_to_[node])) order_.push_back(n.path + key.substr(tied_to_[node].size()));
    }
    return;
  }
  if (!layer_of_[node].keys.empty()) {
    for (std::string const& key : layer_of_[node].keys) order_.push_back(path_of(key));
    return;
  }
  auto const children = in_order(tree_, is_list(n.children) ? by_index(n) : n.children);
  for (Node::Child const& child : children) {
    if (child.is_leaf) order_.push_back(path_of(child.part));
    else add_order(child.index);
  }
}

std::string Parts::wanted_name(ModulePart const& part) const {
  Node const& first = tree_.nodes[part.nodes[0]];
  if (first.parent == none) return {};
  Node const& around = tree_.nodes[first.parent];
  if (!is_number(first.part)) {
    std::string name = first.part;
    // What several modules are is not called by the number of the first: conv1 and conv2 are Convs.
    if (part.nodes.size() > 1) {
      while (name.size() > 1 && ((name.back() >= '0' && name.back() <= '9') || name.back() == '_')) name.pop_back();
    }
    return camel(name);
  }
  std::string const list = camel(singular(around.parent == none ? "layers" : around.part));
  bool const all = part.nodes.size() > 1;
  return all ? list : list + first.part;
}

/// Names that no member has, so that a struct can use them beside any member.
void Parts::name_parts(std::string_view root) {
  std::set<std::string> taken{std::string(unknown_name), std::string(root), "ashlar", "std", "load_options", "Input"};
  for (ModulePart const& part : parts_) {
    for (Member const& m : part.members) taken.insert(identifier(m.key));
  }
  auto const depth = [&](std::size_t part) {
    std::string const& path = tree_.nodes[parts_[part].nodes[0]].path;
    return path.empty() ? 0 : 1 + std::count(path.begin(), path.end(), '.');
  };
  std::vector<std::size_t> order(parts_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return depth(a) != depth(b) ? depth(a) < depth(b) : a < b; });
  for (std::size_t const i : order) {  // outer ones first: they have the shorter names
    ModulePart& part = parts_[i];
    if (part.nodes[0] == 0) {
      part.name = root;
      continue;
    }
    std::string name = identifier(wanted_name(part));
    for (std::size_t at = tree_.nodes[part.nodes[0]].parent; taken.count(name) != 0 && at != none && at != 0;
         at = tree_.nodes[at].parent) {
      std::string const& outer = tree_.nodes[at].part;
      if (!is_number(outer)) name = identifier(camel(singular(outer)) + name);
    }
    if (taken.count(name) != 0) name += part.is_list ? "Layers" : "Block";
    std::string const base = name;
    for (std::size_t n = 2; !taken.insert(name).second; ++n) name = message({base, "_", n});
    part.name = name;
  }
}

std::string Parts::text(std::string_view type, std::string_view front) const {
  std::string out;
  for (std::size_t i = 0; i < type.size(); ++i) {
    if (type[i] != '\1') {
      out += type[i];
      continue;
    }
    std::size_t const end = type.find('\2', i);
    std::string const number(type.substr(i + 1, end - i - 1));
    out += front;
    out += number.empty() ? unknown_name : std::string_view(parts_[index_of(number)].name);
    i = end;
  }
  return out;
}

}  // namespace ashlar::codegen
