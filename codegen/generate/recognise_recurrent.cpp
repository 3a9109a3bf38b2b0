// Ashlar: recurrent layers by their keys and shapes.  SPDX-License-Identifier: BSL-1.0
#include "generate/module.hpp"

#include <ashlar/io/message.hpp>

#include <string>
#include <vector>

namespace ashlar::codegen {
namespace {

using ashlar::detail::message;

/// Keys of `layers` layers in PyTorch's order.
std::vector<std::string> keys_of(std::size_t layers, bool bias, bool both_ways) {
  std::vector<std::string> keys;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    for (char const* way : {"", "_reverse"}) {
      if (*way != '\0' && !both_ways) continue;
      for (char const* stem : {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"}) {
        if (stem[0] == 'w' || bias) keys.push_back(message({stem, layer, way}));
      }
    }
  }
  return keys;
}

/// weight_ih (rows, in), weight_hh (rows, hidden), biases (rows).
bool fits(Module const& module, std::vector<std::string> const& keys, std::size_t rows, std::size_t hidden) {
  for (std::string const& key : keys) {
    Extents const& shape = module.find(key)->shape;
    if (shape.rank != (key[0] == 'w' ? 2u : 1u) || shape[0] != rows) return false;
    if (key.starts_with("weight_hh") && shape[1] != hidden) return false;
  }
  return true;
}

char const* name_for(std::size_t rows, std::size_t hidden) {
  if (rows == 4 * hidden) return "LSTM";
  if (rows == 3 * hidden) return "GRU";
  return rows == hidden ? "RNN" : nullptr;
}

Layer recognise_cell(Module const& module) {
  bool const bias = module.has("bias_ih");
  std::vector<std::string> keys{"weight_ih", "weight_hh"};
  if (bias) keys.insert(keys.end(), {"bias_ih", "bias_hh"});
  if (!module.is(keys)) return {};
  Leaf const& in = *module.find("weight_ih");
  Leaf const& hidden = *module.find("weight_hh");
  if (in.shape.rank != 2 || hidden.shape.rank != 2 || !fits(module, keys, in.shape[0], hidden.shape[1])) return {};
  char const* const name = name_for(in.shape[0], hidden.shape[1]);
  if (name == nullptr) return {};
  return Spelled(message({name, "Cell"}), in.dtype)
      .add(in.shape[1])
      .add(hidden.shape[1])
      .layer(bias ? "" : "ashlar::RNNCellOptions{.bias = false}", "ashlar::RNNCellOptions{}", std::move(keys));
}

}  // namespace

Layer recognise_recurrent(Module const& module) {
  if (module.has("weight_ih")) return recognise_cell(module);
  Leaf const* const in = module.find("weight_ih_l0");
  Leaf const* const hidden = module.find("weight_hh_l0");
  if (in == nullptr || hidden == nullptr || in->shape.rank != 2 || hidden->shape.rank != 2) return {};
  bool const bias = module.has("bias_ih_l0");
  bool const both_ways = module.has("weight_ih_l0_reverse");
  std::size_t const each = (bias ? 4 : 2) * (both_ways ? 2 : 1);
  std::size_t const layers = module.size() / each;
  if (layers == 0 || layers > 8) return {};  // 8: what ashlar::RNNOptions takes
  std::vector<std::string> keys = keys_of(layers, bias, both_ways);
  std::size_t const h = hidden->shape[1];
  char const* const name = name_for(in->shape[0], h);
  if (name == nullptr || !module.is(keys) || !fits(module, keys, in->shape[0], h)) return {};
  for (std::string const& key : keys) {
    if (!key.starts_with("weight_ih_l")) continue;
    std::size_t const expected = key[11] == '0' ? in->shape[1] : h * (both_ways ? 2 : 1);
    if (module.find(key)->shape[1] != expected) return {};
  }
  std::string options;
  auto const set = [&](std::string const& text) { options += (options.empty() ? "" : ", ") + text; };
  if (layers != 1) set(message({".num_layers = ", layers}));
  if (!bias) set(".bias = false");
  if (both_ways) set(".bidirectional = true");
  if (!options.empty()) options = message({"ashlar::RNNOptions{", options, "}"});
  return Spelled(name, in->dtype).add(in->shape[1]).add(h).layer(options, "ashlar::RNNOptions{}", std::move(keys));
}

}  // namespace ashlar::codegen
