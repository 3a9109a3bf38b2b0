// "rgnet.pt": 18 tensors, 309 elements, 1236 bytes, f32. Written by ashlar codegen from keys and shapes; what it
// could not know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<Net>("rgnet.pt");
//
// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:
//   9 Linear
// 4 places in lists have no tensors; net_parts::Unknown stands there.
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// The keys have the order of the file.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/structure.hpp>

namespace net_parts {

/// A layer without tensors, of which a file tells nothing but the place: an activation, pooling, dropout. Write
/// which, as ashlar::ReLU; it stores nothing either.
struct Unknown {
  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file names no layers without tensors: write them for Unknown");
  }
};

/// "0.block 0" and 3 others
using Block = ashlar::Sequential<
    ashlar::Linear<4, 8>,  // 0
    Unknown,  // 1
    ashlar::Linear<8, 4>>;  // 2

/// "0"
struct Layer0 {
  ashlar::Named<"block 0", Block> block_0;
  ashlar::Named<"block 1", Block> block_1;
  ashlar::Named<"block 2", Block> block_2;
  ashlar::Named<"block 3", Block> block_3;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Layer0 computes: write its operator()");
  }
};

}  // namespace net_parts

/// What "rgnet.pt" holds.
using Net = ashlar::Sequential<
    net_parts::Layer0,  // 0
    ashlar::Linear<4, 1>>;  // 1
