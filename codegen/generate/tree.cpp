// Ashlar: the tree of a file's keys, under names that members can have.  SPDX-License-Identifier: BSL-1.0
#include "generate/tree.hpp"

#include <ashlar/io/cpp_text.hpp>
#include <ashlar/io/renamed_rows.hpp>
#include <ashlar/io/source.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace ashlar::codegen {
namespace {

using ashlar::detail::is_in;
using ashlar::detail::message;
using ashlar::detail::printable;
using ashlar::detail::Source;

// More members than Boost.PFR binds (200) are put into structs of this many.
constexpr std::size_t max_members = 128;
constexpr std::size_t max_depth = 32;
constexpr std::size_t max_part = 120;
// A struct of more bytes than this is no object of any machine, but an expanded tensor of one element may have them.
constexpr std::size_t max_bytes = std::size_t{1} << 40;

bool is_legal(std::string_view part) {
  return !part.empty() && part.size() <= max_part && std::none_of(part.begin(), part.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '.';
  });
}

std::vector<std::string> split(std::string_view key) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    std::size_t const dot = key.find('.', begin);
    parts.emplace_back(key.substr(begin, dot == std::string_view::npos ? dot : dot - begin));
    if (dot == std::string_view::npos) return parts;
    begin = dot + 1;
  }
}
std::string join(std::vector<std::string> const& parts) {
  std::string key;
  for (std::string const& part : parts) {
    if (!key.empty()) key += '.';
    key += part;
  }
  return key;
}

/// Keys of a list, with so few gaps that layers may have stood there.
bool are_indices(std::vector<std::string> const& parts) {
  std::size_t most = 0;
  for (std::string const& part : parts) {
    bool const number = !part.empty() && part.size() < 7 && part.find_first_not_of("0123456789") == std::string::npos;
    if (!number || (part.size() > 1 && part[0] == '0')) return false;
    most = std::max(most, static_cast<std::size_t>(std::stoul(part)));
  }
  return most < 3 * parts.size() + 8;
}

/// Finds keys that members can have for those that they cannot have.
class Renaming {
 public:
  explicit Renaming(std::vector<Leaf>& leaves) : leaves_(leaves) {
    for (Leaf const& leaf : leaves) from_.push_back(leaf.key);
  }

  void run() {
    for (Leaf& leaf : leaves_) taken_.insert(leaf.key);
    for (Leaf& leaf : leaves_) make_legal(leaf);
    part_leaves_from_modules();
    while (split_wide_modules()) {
    }
  }
  /// What LoadOptions::rename has to be: longer keys first, because a name stands for all that lies under it.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> rules() const {
    std::vector<std::pair<std::string, std::string>> out;
    std::set<std::string, std::less<>> renamed;
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      if (from_[i] != leaves_[i].key) renamed.insert(from_[i]);
    }
    // The name "" stands for all keys, so that each of them needs a rule then.
    bool const all = std::find(from_.begin(), from_.end(), std::string()) != from_.end();
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      std::string_view const key = from_[i];
      // A key that is not renamed, but lies under one that is, needs a rule, too.
      bool needed = all || renamed.contains(key);
      for (std::size_t dot = key.find('.'); !needed && dot != key.npos; dot = key.find('.', dot + 1)) {
        needed = renamed.contains(key.substr(0, dot));
      }
      if (needed) out.emplace_back(from_[i], leaves_[i].key);
    }
    std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) {
      return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a < b;
    });
    return out;
  }

 private:
  void give(Leaf& leaf, std::string const& wanted) {
    std::string key = wanted;
    for (std::size_t& n = given_[wanted]; !taken_.insert(key).second;) {
      n = std::max<std::size_t>(n + 1, 2);
      key = message({wanted, "_", n});
    }
    leaf.key = key;
  }
  void make_legal(Leaf& leaf) {
    std::vector<std::string> parts = split(leaf.key);
    bool legal = parts.size() <= max_depth;
    for (std::string const& part : parts) legal = legal && is_legal(part);
    // A scalar is a plain member, which no Named gives another key.
    if (legal && leaf.kind == Kind::scalar) legal = ashlar::detail::identifier(parts.back()) == parts.back();
    if (legal) return;
    if (parts.size() > max_depth) parts.erase(parts.begin() + max_depth - 1, parts.end() - 1);
    for (std::string& part : parts) {
      for (char& c : part) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '_';
      }
      if (part.size() > max_part) part.resize(max_part);
      if (part.empty()) part = "_";
    }
    if (leaf.kind == Kind::scalar) parts.back() = ashlar::detail::identifier(parts.back());
    give(leaf, join(parts));
  }
  /// "a" beside "a.b": a member is a tensor or a struct.
  void part_leaves_from_modules() {
    std::set<std::string> modules;
    for (Leaf const& leaf : leaves_) {
      for (std::size_t dot = leaf.key.find('.'); dot != std::string::npos; dot = leaf.key.find('.', dot + 1)) {
        modules.insert(leaf.key.substr(0, dot));
      }
    }
    for (Leaf& leaf : leaves_) {
      if (modules.count(leaf.key) == 0) continue;
      std::string wanted = leaf.key + "_";
      while (modules.count(wanted) != 0) wanted += '_';
      give(leaf, wanted);
    }
  }
  bool split_wide_modules() {
    std::map<std::string, std::vector<std::string>> members;  // of each module, in order
    std::set<std::string> seen;
    for (Leaf const& leaf : leaves_) {
      std::size_t begin = 0;
      for (std::size_t dot = 0; dot != std::string::npos; begin = dot + 1) {
        dot = leaf.key.find('.', begin);
        if (!seen.insert(leaf.key.substr(0, dot)).second) continue;
        members[leaf.key.substr(0, begin)].push_back(
            leaf.key.substr(begin, dot == std::string::npos ? dot : dot - begin));
      }
    }
    bool changed = false;
    for (auto const& [front, parts] : members) {
      if (parts.size() <= max_members || are_indices(parts)) continue;
      changed = true;
      std::set<std::string> names(parts.begin(), parts.end());
      std::string group = "group_";
      while (std::any_of(parts.begin(), parts.end(), [&](auto const& p) { return p.starts_with(group); })) group += '_';
      std::map<std::string, std::string> group_of;
      std::size_t const size = std::max(max_members, (parts.size() + max_members - 1) / max_members);
      for (std::size_t i = 0; i < parts.size(); ++i) group_of[parts[i]] = message({group, i / size});
      for (Leaf& leaf : leaves_) {
        if (!leaf.key.starts_with(front)) continue;
        std::string const rest = leaf.key.substr(front.size());
        leaf.key = message({front, group_of[rest.substr(0, rest.find('.'))], ".", rest});
      }
    }
    return changed;
  }

  std::vector<Leaf>& leaves_;
  std::vector<std::string> from_;
  std::set<std::string> taken_;
  std::map<std::string, std::size_t> given_;  // the number that a key was given last, to be one of its own
};

bool is_float(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

/// Buffers by the names that PyTorch's own modules and the usual networks give them; a state_dict does not say.
bool is_buffer(std::string_view key, DType dtype) {
  std::string_view const name = ashlar::detail::last_part(key);
  for (char const* known : {"running_mean", "running_var", "num_batches_tracked", "position_ids", "inv_freq"}) {
    if (name == known) return true;
  }
  return !is_float(dtype);  // integers have no gradient
}

/// Leaves with the same elements, or with a part of them, as tensors that lie in one storage.
void find_ties(std::vector<Leaf>& leaves, std::vector<ValueTensor> const& tensors) {
  std::map<std::byte const*, std::vector<std::size_t>> by_storage;
  std::map<ashlar::detail::TensorIdentity, std::size_t> seen;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].tied_to != none || tensors[i].storage().empty() || tensors[i].numel() == 0) continue;
    auto const [first, is_new] = seen.try_emplace(ashlar::detail::identity_of(tensors[i]), i);
    if (is_new) by_storage[tensors[i].storage().data()].push_back(i);
    else leaves[i].tied_to = first->second;
  }
  auto const range = [&](std::size_t i) {
    ValueTensor const& t = tensors[i];
    std::size_t last = t.storage_offset();
    for (std::size_t d = 0; d < t.shape().rank; ++d) last += t.strides()[d] * (t.shape()[d] - 1);
    return std::pair(t.storage_offset() * size_of(t.dtype()), (last + 1) * size_of(t.dtype()));
  };
  for (auto const& [storage, same] : by_storage) {
    std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> order;
    for (std::size_t const i : same) order.emplace_back(range(i).first, range(i).second, i);
    std::sort(order.begin(), order.end());
    std::size_t end = 0;
    std::size_t widest = none;
    for (auto const& [from, to, i] : order) {
      if (widest != none && from < end) leaves[i].overlaps = leaves[widest].overlaps = true;
      if (to > end) {
        end = to;
        widest = i;
      }
    }
  }
}

void grow(Tree& tree) {
  tree.nodes.push_back({});
  std::map<std::string, std::size_t> node_of{{"", 0}};
  for (std::size_t i = 0; i < tree.leaves.size(); ++i) {
    std::string const& key = tree.leaves[i].key;
    tree.keys.insert(key);
    std::size_t node = 0;
    std::size_t begin = 0;
    for (std::size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', begin)) {
      auto const [at, is_new] = node_of.emplace(key.substr(0, dot), tree.nodes.size());
      if (is_new) {
        std::string part = key.substr(begin, dot - begin);
        tree.nodes[node].children.push_back({false, at->second, part});
        tree.nodes.push_back({std::move(part), at->first, node});
      }
      node = at->second;
      begin = dot + 1;
    }
    tree.nodes[node].children.push_back({true, i, key.substr(begin)});
  }
}

Error refusal(std::string_view where, std::string_view text, std::vector<std::string> problems = {}) {
  return Error(Errc::mismatch, message({where, ": ", text}), std::move(problems));
}

}  // namespace

Result<Tree> make_tree(Source source, std::string_view where, GenerateOptions const& options, std::string const& at) {
  Tree tree;
  tree.load.at = at;
  tree.load.strip_prefix = options.strip_prefix;
  tree.is_state_dict = source.is_state_dict;
  if (!source.problems.empty()) {
    tree.load.partial = true;
    std::string note = "Not all in it are tensors; the others are left out (load_options().partial):";
    for (std::size_t i = 0; i < std::min<std::size_t>(source.problems.size(), 8); ++i) {
      note += message({i == 0 ? " " : "; ", source.problems[i]});
    }
    tree.notes.push_back(std::move(note) + ".");
  }
  ashlar::detail::RenamedRows const rows(std::move(source), tree.load);
  if (!rows.problems().empty()) return refusal(where, "the keys do not fit the options:", rows.problems());

  std::vector<ValueTensor> tensors;
  std::vector<std::string> problems;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows.rows().size(); ++i) {
    Row const& row = rows.rows()[i];
    Leaf leaf{std::string(row.key), row.dtype, row.dtype, row.shape, row.kind};
    tensors.push_back(row.is_alias() ? tensors[static_cast<std::size_t>(row.alias_of)] : rows.tensor(i));
    if (row.is_alias()) leaf.tied_to = static_cast<std::size_t>(row.alias_of);
    if (tree.is_state_dict && !tensors[i].is_parameter() && is_buffer(row.key, row.dtype)) leaf.kind = Kind::buffer;
    if (options.dtype && leaf.kind != Kind::scalar && is_float(row.dtype)) leaf.dtype = *options.dtype;
    if (static_cast<std::size_t>(leaf.dtype) >= dtype_count) {
      problems.push_back(message({printable(row.key), " has the dtype ", name_of(row.dtype), ", which no member has"}));
    } else if (leaf.kind == Kind::scalar && row.shape.rank > 1) {
      problems.push_back(message({printable(row.key), " is a scalar of rank ", row.shape.rank}));
    }
    std::size_t const size = row.shape.numel() * size_of(leaf.dtype);
    bytes = size > max_bytes ? max_bytes + 1 : std::min(bytes + size, max_bytes + 1);
    tree.leaves.push_back(std::move(leaf));
  }
  if (!problems.empty()) return refusal(where, "no struct can have these members:", std::move(problems));
  if (tree.leaves.empty()) return refusal(where, "there are no tensors in it");
  if (bytes > max_bytes) return refusal(where, "a struct of more than 1 TiB: its tensors repeat their elements");

  find_ties(tree.leaves, tensors);
  Renaming renaming(tree.leaves);
  renaming.run();
  tree.load.rename = renaming.rules();
  if (!tree.load.rename.empty()) {
    tree.notes.push_back(message({"load_options() renames ", tree.load.rename.size(),
                                  " keys: no member can have them, because they are too long, empty or hold control "
                                  "characters, because one is a tensor and a front of others, or because one struct "
                                  "would have more than ",
                                  max_members, " members."}));
  }
  grow(tree);
  return tree;
}

bool is_list(std::vector<Node::Child> const& children) {
  std::vector<std::string> parts;
  for (Node::Child const& child : children) parts.push_back(child.part);
  return !parts.empty() && are_indices(parts);
}

std::string tie_target(Tree const& tree, std::size_t holder, std::string_view target) {
  for (std::size_t around = holder; around != none; around = tree.nodes[around].parent) {
    std::string_view const path = tree.nodes[around].path;
    if (!is_in(target, path) || target == path) continue;
    std::string const rest(ashlar::detail::rest_of(target, path));
    bool clear = true;
    for (std::size_t inner = holder; inner != around; inner = tree.nodes[inner].parent) {
      std::string const hidden = message({tree.nodes[inner].path, ".", rest});
      auto const at = tree.keys.lower_bound(hidden);
      auto const inside = tree.keys.lower_bound(hidden + ".");
      clear = clear && (at == tree.keys.end() || *at != hidden) &&
              (inside == tree.keys.end() || !inside->starts_with(hidden + "."));
    }
    if (clear) return rest;
  }
  return {};
}

}  // namespace ashlar::codegen
