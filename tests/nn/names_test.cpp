// A program's own functions are not taken for the library's, whatever their names.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/grad/tape.hpp>
#include <ashlar/io/mapped.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/for_each_layer.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/train/gradients.hpp>

#include <catch2/catch.hpp>

#include <array>

namespace mine {

// Any call that found these by its arguments, which are of types in here, would not compile.
#define ASHLAR_OWN(name) \
  template <class... A>  \
  void name(A&&...) = delete
ASHLAR_OWN(call);
ASHLAR_OWN(check);
ASHLAR_OWN(discard);
ASHLAR_OWN(forward);
ASHLAR_OWN(grad_norm);
ASHLAR_OWN(initialise);
ASHLAR_OWN(list_references);
ASHLAR_OWN(pick);
ASHLAR_OWN(run);
ASHLAR_OWN(visit);
ASHLAR_OWN(visit_child);
ASHLAR_OWN(walk);
#undef ASHLAR_OWN

struct Block {
  ashlar::Linear<4, 4> linear;
  ashlar::ReLU relu;
};
struct Scale {
  ashlar::Parameter<float, 4> weight;
  auto operator()(auto const& x) const { return x * weight; }
  void reset_parameters(ashlar::TorchRng&) { weight.fill(2); }
};
struct Net {
  Block first;
  std::array<Block, 2> more;
  ashlar::Sequential<Block, Scale> last;
  ashlar::Named<"a name", Block> named;
  ashlar::Tied<"first"> again;
  ashlar::Frozen<Scale> frozen;
};

}  // namespace mine

TEST_CASE("functions of the program's own namespace are not found by a network's type") {
  using namespace ashlar;
  auto net = make<mine::Net>(Rng{1});
  Tensor<float, 3, 4> x;
  x.fill(1);
  auto const y = net(x);
  CHECK(bitwise_equal(y, ashlar::forward(*net, x)));
  CHECK(net->frozen.weight(0) == 2);

  auto grads = zeros_like(net);
  Tape tape(*net, *grads);
  CHECK(tape.backward(sum(tape(x))) == sum(y).item());
  CHECK(clip_grad_norm_(*grads, 1.0) > 0);
  int layers = 0;
  for_each_layer(*net, [&](mine::Scale const&) { ++layers; });
  CHECK(layers == 2);
}
