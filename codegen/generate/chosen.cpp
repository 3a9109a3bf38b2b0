// Ashlar: layers that the caller names, with the number that no file holds.  SPDX-License-Identifier: BSL-1.0
#include "generate/module.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ashlar::codegen {
namespace {

using ashlar::detail::error;
using ashlar::detail::message;
using ashlar::detail::printable;

/// "GroupNorm<8>"
struct Choice {
  std::string_view name;
  std::size_t number = 0;  ///< 0: none was given
};

/// What can be chosen, and what its number is; none if it takes no number, in brackets if it need not be given.
struct Known {
  std::string_view name;
  std::string_view number;
};
constexpr Known known_layers[] = {
    {"GroupNorm", "groups"},
    {"MultiheadAttention", "heads"},
    {"InstanceNorm1d", ""},
    {"InstanceNorm2d", ""},
    {"LayerNorm", ""},
    {"RMSNorm", ""},
    {"PReLU", ""},
    {"Linear", ""},
    {"Embedding", ""},
    {"Conv1d", "[groups]"},
    {"Conv2d", "[groups]"},
    {"ConvTranspose1d", "[groups]"},
    {"ConvTranspose2d", "[groups]"},
};

/// Whether * in the pattern, for any text without a dot, makes it the path.
bool fits(std::string_view pattern, std::string_view path) {
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;  // the last * and where its text ends
  std::size_t end = 0;
  for (std::size_t i = 0; i < path.size();) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      end = i;
    } else if (p < pattern.size() && pattern[p] == path[i]) {
      ++p, ++i;
    } else if (star != std::string_view::npos && path[end] != '.') {
      p = star + 1;
      i = ++end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Empty, or what is wrong with the text.
std::string parse(std::string_view text, Choice& out) {
  std::size_t const open = text.find('<');
  out.name = text.substr(0, open);
  Known const* known = nullptr;
  for (Known const& k : known_layers) {
    if (k.name == out.name) known = &k;
  }
  if (known == nullptr) {
    std::string names;
    for (Known const& k : known_layers) {
      std::string_view const sign = k.number.empty() ? "" : "<";
      names += message({names.empty() ? "" : ", ", k.name, sign, k.number, sign.empty() ? "" : ">"});
    }
    return "expected one of " + names;
  }
  if (open != std::string_view::npos) {
    char const* const end = text.data() + text.size() - 1;
    auto const [at, fault] = std::from_chars(text.data() + open + 1, end, out.number);
    bool const good = text.back() == '>' && fault == std::errc() && at == end && out.number != 0;
    if (!good || known->number.empty()) out.number = 0;
    if (out.number == 0 || out.number > (std::size_t{1} << 32)) {
      return known->number.empty() ? message({known->name, " takes no number"})
                                   : message({"expected ", known->name, "<", known->number, ">, a number from 1 on"});
    }
  } else if (!known->number.empty() && known->number[0] != '[') {
    return message({"expected ", known->name, "<", known->number, ">: a number that is not in the file"});
  }
  return {};
}

Layer unfit(std::string why) { return {{}, {}, {}, std::move(why)}; }

Layer group_norm(Module const& module, Choice const& choice) {
  if (!module.is({"weight", "bias"}) || module.find("weight")->shape.rank != 1) {
    return unfit("a weight and a bias of one dimension are expected");
  }
  Leaf const& weight = *module.find("weight");
  if (weight.shape[0] % choice.number != 0) {
    return unfit(message({weight.shape[0], " channels are no multiple of ", choice.number, " groups"}));
  }
  return Spelled("GroupNorm", weight.dtype)
      .add(choice.number)
      .add(weight.shape[0])
      .layer("", "ashlar::GroupNormOptions{}", {"weight", "bias"});
}

Layer instance_norm(Module const& module, Choice const& choice) {
  bool const affine = module.has("weight");
  bool const tracks = module.has("running_mean");
  std::vector<std::string> keys;
  if (affine) keys = {"weight", "bias"};
  if (tracks) keys.insert(keys.end(), {"running_mean", "running_var", "num_batches_tracked"});
  if (keys.empty() || !module.is(keys)) return unfit("weight and bias, running statistics, or both are expected");
  Leaf const& first = *module.find(keys[0]);
  if (first.shape.rank != 1) return unfit("tensors of one dimension are expected");
  std::string const settings =
      message({"ashlar::InstanceNormOptions{", affine ? ".affine = true" : "", affine && tracks ? ", " : "",
               tracks ? ".track_running_stats = true" : "", "}"});
  return Spelled(std::string(choice.name), first.dtype).add(first.shape[0]).layer(settings, "", std::move(keys));
}

Layer attention(Tree const& tree, std::size_t node, Module const& module, Choice const& choice) {
  Leaf const* const in = module.find("in_proj_weight");
  std::size_t out = none;
  for (Node::Child const& child : tree.nodes[node].children) {
    if (!child.is_leaf && child.part == "out_proj") out = child.index;
  }
  bool const bias = module.has("in_proj_bias");
  if (in == nullptr || out == none || module.size() != (bias ? 3u : 2u)) {
    return unfit("in_proj_weight and out_proj are expected, perhaps in_proj_bias, and nothing else");
  }
  Module const projection(tree, out);
  std::size_t const features = in->shape.rank == 2 ? in->shape[1] : 0;
  bool good = features != 0 && in->shape[0] == 3 * features &&
              projection.is(bias ? std::vector<std::string>{"weight", "bias"} : std::vector<std::string>{"weight"});
  good = good && projection.find("weight")->shape == Extents{2, {features, features}} &&
         projection.find("weight")->dtype == in->dtype;
  if (good && bias) {
    good = module.find("in_proj_bias")->shape == Extents{1, {3 * features}} &&
           module.find("in_proj_bias")->dtype == in->dtype && projection.find("bias")->shape == Extents{1, {features}};
  }
  if (!good) return unfit("the shapes are not those of queries, keys and values of one size");
  if (features % choice.number != 0) {
    return unfit(message({features, " features are no multiple of ", choice.number, " heads"}));
  }
  std::vector<std::string> keys{"in_proj_weight"};
  if (bias) keys.emplace_back("in_proj_bias");
  keys.emplace_back("out_proj.weight");
  if (bias) keys.emplace_back("out_proj.bias");
  std::string const options = "ashlar::MultiheadAttentionOptions";
  return Spelled("MultiheadAttention", in->dtype)
      .add(features)
      .add(choice.number)
      .layer(bias ? std::string() : options + "{.bias = false}", options + "{}", std::move(keys));
}

/// Layers of a vector, with a bias or without.
Layer vector_layer(Module const& module, Choice const& choice) {
  bool const norm = choice.name == "LayerNorm";
  std::vector<std::string> const keys =
      norm ? std::vector<std::string>{"weight", "bias"} : std::vector<std::string>{"weight"};
  if (!module.is(keys) || module.find("weight")->shape.rank != 1) {
    return unfit(norm ? "a weight and a bias of one dimension are expected" : "a weight of one dimension is expected");
  }
  Leaf const& weight = *module.find("weight");
  std::string const preset = choice.name == "PReLU" ? std::string() : message({"ashlar::", choice.name, "Options{}"});
  return Spelled(std::string(choice.name), weight.dtype).add(weight.shape[0]).layer("", preset, keys);
}

Layer matrix_layer(Module const& module, Choice const& choice) {
  bool const linear = choice.name == "Linear";
  bool const bias = linear && module.has("bias");
  std::vector<std::string> keys{"weight"};
  if (bias) keys.emplace_back("bias");
  if (!module.is(keys) || module.find("weight")->shape.rank != 2) {
    return unfit(linear ? "a weight of two dimensions is expected, and perhaps a bias"
                        : "a weight of two dimensions is expected, and no bias");
  }
  Leaf const& weight = *module.find("weight");
  if (bias && module.find("bias")->shape != Extents{1, {weight.shape[0]}}) {
    return unfit(message({"a bias of ", weight.shape[0], " elements is expected"}));
  }
  if (!linear) {
    return Spelled("Embedding", weight.dtype).add(weight.shape[0]).add(weight.shape[1]).layer("", "", {"weight"});
  }
  return Spelled(bias ? "Linear" : "LinearNoBias", weight.dtype)
      .add(weight.shape[1])
      .add(weight.shape[0])
      .layer("", "", keys);
}

Layer convolution(Module const& module, Choice const& choice) {
  bool const transposed = choice.name.starts_with("ConvTranspose");
  std::size_t const rank = choice.name.ends_with("2d") ? 4 : 3;
  bool const bias = module.has("bias");
  std::size_t const groups = choice.number == 0 ? 1 : choice.number;
  if (!module.is(bias ? std::vector<std::string>{"weight", "bias"} : std::vector<std::string>{"weight"}) ||
      module.find("weight")->shape.rank != rank) {
    return unfit(message({"a weight of ", rank, " dimensions is expected, and perhaps a bias"}));
  }
  Leaf const& weight = *module.find("weight");
  std::size_t const out = transposed ? weight.shape[1] * groups : weight.shape[0];
  if (weight.shape[0] % groups != 0) {
    return unfit(message({weight.shape[0], " channels are no multiple of ", groups, " groups"}));
  }
  if (bias && module.find("bias")->shape != Extents{1, {out}}) {
    return unfit(message({"a bias of ", out, " elements is expected"}));
  }
  return convolution_of(weight, bias, transposed, groups);
}

Layer choose(Tree const& tree, std::size_t node, Choice const& choice) {
  Module const module(tree, node);
  if (choice.name == "GroupNorm") return group_norm(module, choice);
  if (choice.name == "MultiheadAttention") return attention(tree, node, module, choice);
  if (choice.name.starts_with("Instance")) return instance_norm(module, choice);
  if (choice.name.starts_with("Conv")) return convolution(module, choice);
  if (choice.name == "Linear" || choice.name == "Embedding") return matrix_layer(module, choice);
  return vector_layer(module, choice);
}

}  // namespace

Result<void> choose_layers(Tree& tree, std::string_view where, GenerateOptions const& options) {
  std::vector<std::string> problems;
  for (auto const& [pattern, text] : options.layers) {
    Choice choice;
    if (std::string const why = parse(text, choice); !why.empty()) {
      return error(Errc::value, {"GenerateOptions::layers: ", printable(pattern), "=", printable(text), ": ",
                                 std::string_view(why)});
    }
    std::size_t found = 0;
    for (std::size_t node = 0; node < tree.nodes.size(); ++node) {
      std::string const& path = tree.nodes[node].path;
      if (node == 0 ? !pattern.empty() : !fits(pattern, path)) continue;
      ++found;
      Layer layer = choose(tree, node, choice);
      if (!layer.name.empty()) {
        tree.chosen.insert_or_assign(node, std::move(layer));
      } else if (problems.size() < 32) {
        problems.push_back(message({printable(path), " is no ", text, ": ", std::string_view(layer.note)}));
      }
    }
    if (found == 0) problems.push_back(message({"no module has the key ", printable(pattern)}));
  }
  if (problems.empty()) return {};
  return Error(Errc::mismatch, message({where, ": these layers were asked for and do not fit"}), std::move(problems));
}

}  // namespace ashlar::codegen
