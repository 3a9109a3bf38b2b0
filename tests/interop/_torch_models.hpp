// Networks of which torch_module.py imports the PyTorch modules.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn.hpp>
#include <ashlar/nn/conv_transpose.hpp>
#include <ashlar/nn/group_norm.hpp>
#include <ashlar/nn/recurrent.hpp>
#include <ashlar/nn/recurrent_cell.hpp>
#include <ashlar/nn/transformer.hpp>

#include <array>
#include <cstdint>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

struct ConvBlock {
  ashlar::Conv2d<6, 6, ashlar::Size2{3, 1}, ashlar::ConvOptions{.padding = "same", .groups = 2, .bias = false}> conv;
  ashlar::BatchNorm2d<6, ashlar::BatchNormOptions{.eps = 1e-3}> bn;
  ashlar::LeakyReLU act{.negative_slope = 0.1};
};
struct ConvNet {
  ashlar::Sequential<ashlar::Conv2d<1, 6, 5, ashlar::ConvOptions{.padding = 2}>, ashlar::Sigmoid, ashlar::MaxPool2d<2>>
      stem;
  std::array<ConvBlock, 3> blocks;
  ashlar::AvgPool2d<2, ashlar::AvgPoolOptions{.padding = 1, .ceil_mode = true, .count_include_pad = false}> pool;
  ashlar::AdaptiveAvgPool2d<ashlar::Size2{3, 2}> even;
  ashlar::Flatten flatten;
  ashlar::Dropout drop{0.25};
  ashlar::Named<"the head", ashlar::Linear<36, 10>> head;
  ashlar::LogSoftmax softmax;
};

// ---- what is no chain: every kind of member
// ---------------------------------------------------------------------------
struct Scale {
  ashlar::Parameter<float, 4> weight;
  ashlar::Buffer<std::int64_t> steps;
  ashlar::Constant<double, 2, 2> fixed;
  std::int64_t epoch = 3;
  double rate = 0.5;
  bool on = true;
  std::array<float, 2> betas{0.9f, 0.999f};
  ashlar::Buffer<float, 4> mean;
  auto operator()(auto const& x) const { return x; }
};
struct Block {
  ashlar::Linear<4, 4> own;
  ashlar::Tied<"words"> again;  // outside: a module
  ashlar::Tied<"first.hidden"> also;
};
struct First {
  ashlar::Linear<4, 4, double> hidden;
  ashlar::Parameter<ashlar::float16, 3> small;
};
struct Members {
  ashlar::Named<"a-b", Scale> scale;
  ashlar::Embedding<7, 4, float, ashlar::EmbeddingOptions{.padding_idx = 0}> words;
  First first;
  std::array<Block, 2> blocks;
  ashlar::Sequential<ashlar::Linear<4, 4>, ashlar::Tanh, ashlar::Tied<"0">, ashlar::Named<"last", ashlar::Linear<4, 2>>>
      list;
  std::array<ashlar::Parameter<float, 2>, 3> vectors;
  ashlar::LSTM<3, 2, ashlar::RNNOptions{.num_layers = 2, .batch_first = true, .bidirectional = true}> lstm;
  ashlar::RNN<3, 2, ashlar::RNNOptions{.nonlinearity = "relu"}> rnn;
  ashlar::GRUCell<3, 2> cell;
  ashlar::LayerNorm<ashlar::NormalizedShape{3, 4}, ashlar::LayerNormOptions{.eps = 1e-12}> norm;
  ashlar::LayerNorm<4, ashlar::LayerNormOptions{.elementwise_affine = false}> plain;
  ashlar::BatchNorm1d<4, ashlar::BatchNormOptions{.affine = false}, double> bn;
  ashlar::Frozen<ashlar::PReLU<4>> frozen;
  ashlar::Frozen<First, "hidden.bias"> half_frozen;
  ashlar::GELUTanh gelu;
  ashlar::ConvTranspose2d<4, 6, 3, ashlar::ConvTransposeOptions{.stride = 2, .output_padding = 1, .groups = 2}> up;
  ashlar::GroupNorm<2, 4> groups;
  ashlar::MultiheadAttention<4, 2, ashlar::MultiheadAttentionOptions{.batch_first = true}> attention;
  ashlar::TransformerEncoderLayer<4, 2, 6, ashlar::TransformerOptions{.activation = "gelu", .norm_first = true}>
      encoder;
  ashlar::InstanceNorm1d<4, ashlar::InstanceNormOptions{.affine = true, .track_running_stats = true}> each;
  ashlar::Tied<"words"> decoder;
};
using Chain = ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 8>, ashlar::ReLU,
                                 ashlar::Tied<"2">, ashlar::Linear<8, 1>>;
