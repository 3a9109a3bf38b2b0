// "all_minilm_l6_v2.safetensors": 104 tensors, 22713728 elements, 90856960 bytes, f32, i64. Written by ashlar codegen
// from keys and shapes; what it could not know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<Net>("all_minilm_l6_v2.safetensors");
//
// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:
//   3 Embedding: padding_idx; told from a Linear without a bias by its name alone
//   13 LayerNorm: eps; a GroupNorm and an InstanceNorm have the same tensors
//   37 Linear
// 1 key is in no layer that is known, as parameters or, by name and dtype, buffers.
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// The file has its keys in another order than a state_dict of this struct, in which parameters come before buffers
// and those before modules. load does not mind.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/linear.hpp>

#include <array>
#include <cstdint>

namespace net_parts {

/// "embeddings"
struct Embeddings {
  ashlar::Buffer<std::int64_t, 1, 512> position_ids;
  ashlar::LayerNorm<384> LayerNorm;
  ashlar::Embedding<512, 384> position_embeddings;
  ashlar::Embedding<2, 384> token_type_embeddings;
  ashlar::Embedding<30522, 384> word_embeddings;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Embeddings computes: write its operator()");
  }
};

/// "encoder.layer.0.attention.output" and 5 others
struct AttentionOutput {
  ashlar::LayerNorm<384> LayerNorm;
  ashlar::Linear<384, 384> dense;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what AttentionOutput computes: write its operator()");
  }
};

/// "encoder.layer.0.attention.self" and 5 others
struct Self {
  ashlar::Linear<384, 384> key;
  ashlar::Linear<384, 384> query;
  ashlar::Linear<384, 384> value;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Self computes: write its operator()");
  }
};

/// "encoder.layer.0.attention" and 5 others
struct Attention {
  AttentionOutput output;
  Self self;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Attention computes: write its operator()");
  }
};

/// "encoder.layer.0.intermediate" and 5 others
struct Intermediate {
  ashlar::Linear<384, 1536> dense;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Intermediate computes: write its operator()");
  }
};

/// "encoder.layer.0.output" and 5 others
struct Output {
  ashlar::LayerNorm<384> LayerNorm;
  ashlar::Linear<1536, 384> dense;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Output computes: write its operator()");
  }
};

/// "encoder.layer.0" and 5 others
struct Layer {
  Attention attention;
  Intermediate intermediate;
  Output output;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Layer computes: write its operator()");
  }
};

/// "encoder"
struct Encoder {
  std::array<Layer, 6> layer;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Encoder computes: write its operator()");
  }
};

/// "pooler"
struct Pooler {
  ashlar::Linear<384, 384> dense;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Pooler computes: write its operator()");
  }
};

}  // namespace net_parts

/// What "all_minilm_l6_v2.safetensors" holds.
struct Net {
  net_parts::Embeddings embeddings;
  net_parts::Encoder encoder;
  net_parts::Pooler pooler;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Net computes: write its operator()");
  }
};
