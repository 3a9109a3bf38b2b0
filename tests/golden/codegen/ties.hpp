// "ties.pt": 13 tensors and 10 tied keys, 79 elements, 316 bytes, f32. Written by ashlar codegen from keys and
// shapes; what it could not know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<Net>("ties.pt");
//
// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:
//   1 Embedding: padding_idx; told from a Linear without a bias by its name alone
//   2 Linear
// 14 keys are in no layer that is known, as parameters or, by name and dtype, buffers.
// 1 place in lists has no tensors; net_parts::Unknown stands there.
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// The file has its keys in another order than a state_dict of this struct, in which parameters come before buffers
// and those before modules. load does not mind.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/structure.hpp>

#include <array>

namespace net_parts {

/// A layer without tensors, of which a file tells nothing but the place: an activation, pooling, dropout. Write
/// which, as ashlar::ReLU; it stores nothing either.
struct Unknown {
  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file names no layers without tensors: write them for Unknown");
  }
};

/// "decoder"
/// Not told from the file alone: a layer that has a tensor in common with another.
struct Decoder {
  ashlar::Parameter<float, 7> bias;
  ashlar::Tied<"embed.weight"> weight;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Decoder computes: write its operator()");
  }
};

/// "a"
struct A {
  ashlar::Linear<4, 4> hidden;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what A computes: write its operator()");
  }
};

/// "b.inner.a.hidden"
struct Hidden {
  ashlar::Parameter<float, 2> other;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Hidden computes: write its operator()");
  }
};

/// "b.inner.a"
struct InnerA {
  Hidden hidden;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what InnerA computes: write its operator()");
  }
};

/// "b.inner"
struct Inner {
  ashlar::Parameter<float, 3> w;
  InnerA a;
  ashlar::Tied<"a.hidden.weight"> again;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Inner computes: write its operator()");
  }
};

/// "b"
struct B {
  Inner inner;
  ashlar::Tied<"a.hidden"> hidden;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what B computes: write its operator()");
  }
};

/// "list"
using List = ashlar::Sequential<
    ashlar::Linear<2, 2>,  // 0
    Unknown,  // 1
    ashlar::Tied<"0">>;  // 2

/// "c"
struct C {
  ashlar::Parameter<float, 5> w;
  ashlar::Parameter<float, 1> x;
  ashlar::Parameter<float, 5> tied;  // tied in the file, to what no Tied can name from here: a copy

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what C computes: write its operator()");
  }
};

/// "blocks.0" and 1 other
struct Block {
  ashlar::Parameter<float, 1> own;
  ashlar::Tied<"embed.weight"> shared;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Block computes: write its operator()");
  }
};

}  // namespace net_parts

/// What "ties.pt" holds.
struct Net {
  ashlar::Parameter<float, 5> w;
  ashlar::Embedding<7, 4> embed;
  net_parts::Decoder decoder;
  net_parts::A a;
  net_parts::B b;
  net_parts::List list;
  net_parts::C c;
  std::array<net_parts::Block, 2> blocks;
  ashlar::Tied<"w"> last;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Net computes: write its operator()");
  }
};
