// Ashlar: layers that are known by their keys and shapes.  SPDX-License-Identifier: BSL-1.0
#include "generate/module.hpp"

#include <ashlar/io/cpp_text.hpp>

#include <algorithm>
#include <optional>

namespace ashlar::codegen {
namespace {

using ashlar::detail::message;

Layer no_layer(std::string note = {}) { return {{}, {}, {}, std::move(note)}; }

/// weight and bias, or the weight alone.
Layer recognise_weight(Module const& module) {
  Leaf const& weight = *module.find("weight");
  Leaf const* const bias = module.find("bias");
  Extents const& w = weight.shape;
  if (bias != nullptr && bias->shape.rank != 1) return no_layer();
  if (w.rank == 3 || w.rank == 4) {
    bool const forwards = bias == nullptr || bias->shape[0] == w[0];
    bool const backwards = bias == nullptr || bias->shape[0] == w[1];
    bool const called = module.is_called({"transpose", "deconv", "upconv"});
    if (backwards && (called || !forwards)) return convolution_of(weight, bias != nullptr, true);
    if (forwards) return convolution_of(weight, bias != nullptr, false);
    return no_layer();
  }
  if (w.rank == 2 && bias != nullptr) {
    if (bias->shape[0] == w[0]) {
      return Spelled("Linear", weight.dtype).add(w[1]).add(w[0]).layer("", "", {"weight", "bias"});
    }
    if (bias->shape[0] == w[1]) return no_layer("a Linear whose weight is (in, out), as GPT-2 has it");
    return no_layer();
  }
  if (w.rank == 2) {
    if (module.is_called({"embed"})) {
      return Spelled("Embedding", weight.dtype).add(w[0]).add(w[1]).layer("", "", {"weight"});
    }
    return no_layer(message({"Linear<", w[1], ", ", w[0], "> without a bias, or Embedding<", w[0], ", ", w[1], ">"}));
  }
  if (w.rank == 1 && bias != nullptr && bias->shape == w) {
    if (module.is_called({"group", "instance"}))
      return no_layer(
          "a GroupNorm or an InstanceNorm by its name; ashlar codegen --layer KEY=GroupNorm<groups> makes it one");
    return Spelled("LayerNorm", weight.dtype).add(w[0]).layer("", "ashlar::LayerNormOptions{}", {"weight", "bias"});
  }
  if (w.rank == 1 && bias == nullptr) {
    if (module.is_called({"prelu"})) return Spelled("PReLU", weight.dtype).add(w[0]).layer("", "", {"weight"});
    if (module.is_called({"rms"})) {
      return Spelled("RMSNorm", weight.dtype).add(w[0]).layer("", "ashlar::RMSNormOptions{}", {"weight"});
    }
    return no_layer(message({"PReLU<", w[0], ">, RMSNorm<", w[0], "> or another norm without a bias"}));
  }
  return no_layer();
}

Layer batch_norm(Module const& module, std::vector<std::string> keys, std::size_t before) {
  Leaf const& mean = *module.find("running_mean");
  for (std::string const& key : keys) {
    if (key != "num_batches_tracked" && !(module.find(key)->shape == mean.shape)) return no_layer();
  }
  if (mean.shape.rank != 1) return no_layer();
  bool const affine = module.has("weight");
  bool const one = module.is_called({"1d"}) || (before != 0 && before != 4 && !module.is_called({"2d"}));
  Layer out = Spelled(one ? "BatchNorm1d" : "BatchNorm2d", mean.dtype)
                  .add(mean.shape[0])
                  .layer(affine ? "" : "ashlar::BatchNormOptions{.affine = false}", "ashlar::BatchNormOptions{}", keys);
  if (before == 0) out.note = "or BatchNorm1d: nothing before it tells";
  return out;
}

}  // namespace

Module::Module(Tree const& tree, std::size_t node) : tree_(tree), node_(tree.nodes[node]), name_(node_.part) {
  for (Node::Child const& child : node_.children) {
    if (!child.is_leaf) modules_ = true;
    else tied_ = tied_ || tree.leaves[child.index].tied_to != none;
  }
  if (name_.find_first_not_of("0123456789") == std::string::npos && node_.parent != none) {
    name_ = tree.nodes[node_.parent].part;
  }
  for (char& c : name_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
Leaf const* Module::find(std::string_view key) const {
  for (Node::Child const& child : node_.children) {
    if (child.is_leaf && child.part == key) return &tree_.leaves[child.index];
  }
  return nullptr;
}
bool Module::is(std::vector<std::string> const& keys) const {
  if (modules_ || tied_ || node_.children.size() != keys.size()) return false;
  std::optional<DType> type;
  for (std::string const& key : keys) {
    Leaf const* const leaf = find(key);
    if (leaf == nullptr) return false;
    if (key == "num_batches_tracked") {
      if (leaf->dtype != DType::i64 || leaf->shape.rank != 0 || leaf->kind != Kind::buffer) return false;
      continue;
    }
    Kind const kind = key.starts_with("running_") ? Kind::buffer : Kind::parameter;
    if (leaf->kind != kind || leaf->shape.numel() == 0 || (type && *type != leaf->dtype)) return false;
    type = leaf->dtype;
  }
  return type && (*type == DType::f32 || *type == DType::f64 || *type == DType::f16 || *type == DType::bf16);
}
bool Module::is_called(std::initializer_list<std::string_view> words) const {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view w) { return name_.find(w) != std::string::npos; });
}

Spelled& Spelled::add(std::size_t n) { return add(std::to_string(n)); }
Spelled& Spelled::add(std::string text) {
  arguments_.push_back(std::move(text));
  return *this;
}
Layer Spelled::layer(std::string const& options, std::string const& preset, std::vector<std::string> keys) {
  bool const plain = dtype_ == DType::f32;
  if (!options.empty() || (!plain && !preset.empty())) add(options.empty() ? preset : options);
  if (!plain) add(type_text(dtype_));
  std::string text = message({"ashlar::", name_, "<"});
  for (std::size_t i = 0; i < arguments_.size(); ++i) text += message({i == 0 ? "" : ", ", arguments_[i]});
  return {name_, text + ">", std::move(keys)};
}

Layer convolution_of(Leaf const& weight, bool bias, bool transposed, std::size_t groups) {
  bool const two = weight.shape.rank == 4;
  std::string const name = message({transposed ? "ConvTranspose" : "Conv", two ? "2d" : "1d"});
  std::string const options = message({"ashlar::", transposed ? "ConvTransposeOptions" : "ConvOptions"});
  std::size_t const parts = groups == 0 ? 1 : groups;
  Spelled text(name, weight.dtype);
  text.add(transposed ? weight.shape[0] : weight.shape[1] * parts);
  text.add(transposed ? weight.shape[1] * parts : weight.shape[0]);
  if (two && weight.shape[2] != weight.shape[3]) {
    text.add(message({"ashlar::Size2{", weight.shape[2], ", ", weight.shape[3], "}"}));
  } else {
    text.add(weight.shape[2]);
  }
  std::string settings = parts == 1 ? std::string() : message({".groups = ", parts});
  if (!bias) settings += settings.empty() ? ".bias = false" : ", .bias = false";
  std::vector<std::string> keys{"weight"};
  if (bias) keys.push_back("bias");
  Layer out = text.layer(settings.empty() ? std::string() : message({options, "{", settings, "}"}), options + "{}",
                         std::move(keys));
  if (!transposed && groups == 0 && weight.shape[1] == 1 && weight.shape[0] > 1) {
    out.note = message({"or ", weight.shape[0], " channels in, with .groups = ", weight.shape[0]});
  }
  return out;
}

Layer recognise(Tree const& tree, std::size_t node, std::size_t before) {
  Module const module(tree, node);
  if (module.is({"weight", "bias"}) || module.is({"weight"})) return recognise_weight(module);
  std::vector<std::string> const all{"weight", "bias", "running_mean", "running_var", "num_batches_tracked"};
  if (module.is({"weight", "bias", "running_mean", "running_var", "num_batches_tracked"})) {
    return batch_norm(module, all, before);
  }
  if (module.is({"running_mean", "running_var", "num_batches_tracked"})) {
    return batch_norm(module, {"running_mean", "running_var", "num_batches_tracked"}, before);
  }
  // PyTorch has num_batches_tracked since 0.4; load does without it in its files.
  if (module.is_state_dict() && module.is({"weight", "bias", "running_mean", "running_var"})) {
    return batch_norm(module, {"weight", "bias", "running_mean", "running_var"}, before);
  }
  if (Layer layer = recognise_recurrent(module); !layer.name.empty()) return layer;
  if (Leaf const* const in = module.find("in_proj_weight"); in != nullptr && in->shape.rank == 2) {
    return no_layer(message({"MultiheadAttention<", in->shape[1],
                             ", heads>, but the file does not hold how many heads; ashlar codegen "
                             "--layer KEY=MultiheadAttention<heads> says it"}));
  }
  if (module.has("weight_g") && module.has("weight_v")) {
    return no_layer("under torch.nn.utils.weight_norm: weight = weight_g * weight_v / norm(weight_v)");
  }
  if (module.has("weight") && module.has_tie() && !module.holds_modules()) {
    return no_layer("a layer that has a tensor in common with another");
  }
  return no_layer();
}

std::string type_text(DType dtype) {
  bool const ours = dtype == DType::f16 || dtype == DType::bf16;
  return message({ours ? "ashlar::" : "", ashlar::detail::spelling(dtype)});
}

char const* settings_of(std::string_view layer) {
  if (layer == "Conv2d" || layer == "Conv1d") {
    return "stride, padding, dilation, groups; without a bias it may be a ConvTranspose";
  }
  if (layer.starts_with("ConvTranspose")) {
    return "stride, padding, output_padding, dilation, groups; told from a Conv by the bias or by name";
  }
  if (layer == "BatchNorm1d" || layer == "BatchNorm2d") return "eps, momentum";
  if (layer == "LayerNorm") return "eps; a GroupNorm and an InstanceNorm have the same tensors";
  if (layer == "GroupNorm") return "eps; asked for";
  if (layer.starts_with("InstanceNorm")) return "eps, momentum; asked for";
  if (layer == "MultiheadAttention") return "batch_first; asked for";
  if (layer == "Embedding") return "padding_idx; told from a Linear without a bias by its name alone";
  if (layer == "LSTM" || layer == "GRU") return "batch_first, dropout";
  if (layer == "RNN") return "batch_first, dropout, nonlinearity";
  if (layer == "RNNCell") return "nonlinearity";
  if (layer == "RMSNorm") return "eps; told from other layers with a weight alone by its name";
  if (layer == "PReLU") return "told from a norm without a bias by its name alone";
  return nullptr;
}

char const* header_of(std::string_view layer) {
  if (layer == "Conv2d" || layer == "Conv1d") return "nn/conv.hpp";
  if (layer == "BatchNorm1d" || layer == "BatchNorm2d") return "nn/batch_norm.hpp";
  if (layer == "LayerNorm") return "nn/layer_norm.hpp";
  if (layer == "GroupNorm" || layer.starts_with("InstanceNorm")) return "nn/group_norm.hpp";
  if (layer == "MultiheadAttention") return "nn/multihead_attention.hpp";
  if (layer == "Embedding") return "nn/embedding.hpp";
  if (layer == "PReLU") return "nn/prelu.hpp";
  if (layer == "RMSNorm") return "nn/rms_norm.hpp";
  if (layer.starts_with("ConvTranspose")) return "nn/conv_transpose.hpp";
  if (layer == "LSTM" || layer == "GRU" || layer == "RNN") return "nn/recurrent.hpp";
  if (layer.ends_with("Cell")) return "nn/recurrent_cell.hpp";
  return "nn/linear.hpp";
}

}  // namespace ashlar::codegen
