// "odd_names.pt": 13 tensors, 26 elements, 104 bytes, f32. Written by ashlar codegen from keys and shapes; what it
// could not know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<Net>("odd_names.pt", net_parts::load_options());
//
// 13 keys are in no layer that is known, as parameters or, by name and dtype, buffers.
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// load_options() renames 2 keys: no member can have them, because they are too long, empty or hold control
// characters, because one is a tensor and a front of others, or because one struct would have more than 128 members.
// The file has its keys in another order than a state_dict of this struct, in which parameters come before buffers
// and those before modules. load does not mind.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/reflect/structure.hpp>

namespace net_parts {

/// "block 0" and 6 others
/// Not told from the file alone: PReLU<2>, RMSNorm<2> or another norm without a bias.
struct Block {
  ashlar::Parameter<float, 2> weight;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Block computes: write its operator()");
  }
};

/// "operator"
struct Operator {
  ashlar::Parameter<float, 2> bias;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Operator computes: write its operator()");
  }
};

/// "layers.0.self_attn"
struct SelfAttn {
  ashlar::Parameter<float, 2> in_proj_weight;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what SelfAttn computes: write its operator()");
  }
};

/// "layers.0"
struct Layer0 {
  SelfAttn self_attn;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Layer0 computes: write its operator()");
  }
};

/// "layers"
using Layers = ashlar::Sequential<
    Layer0>;  // 0

/// "\316\261\316\262"
struct Part {
  ashlar::Named<"\351\207\215\343\201\277", ashlar::Parameter<float, 2>> _;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Part computes: write its operator()");
  }
};

/// "_"
struct PartBlock {
  ashlar::Parameter<float, 2> lead;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what PartBlock computes: write its operator()");
  }
};

/// "trail"
struct Trail {
  ashlar::Parameter<float, 2> _;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Trail computes: write its operator()");
  }
};

/// What load has to be told of this file.
inline ashlar::LoadOptions load_options() {
  ashlar::LoadOptions options;
  options.rename.emplace_back("trail.", "trail._");
  options.rename.emplace_back(".lead", "_.lead");
  return options;
}

}  // namespace net_parts

/// What "odd_names.pt" holds.
struct Net {
  ashlar::Parameter<float, 2> weight;
  ashlar::Named<"block 0", net_parts::Block> block_0;
  ashlar::Named<"0", net_parts::Block> _0;
  ashlar::Named<"10", net_parts::Block> _10;
  ashlar::Named<"2", net_parts::Block> _2;
  ashlar::Named<"class", net_parts::Block> x_class;
  ashlar::Named<"operator", net_parts::Operator> x_operator;
  ashlar::Named<"a-b", net_parts::Block> a_b;
  net_parts::Layers layers;
  ashlar::Named<"x/y", net_parts::Block> x_y;
  ashlar::Named<"\316\261\316\262", net_parts::Part> _;
  ashlar::Named<"_", net_parts::PartBlock> _3;
  net_parts::Trail trail;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Net computes: write its operator()");
  }
};
