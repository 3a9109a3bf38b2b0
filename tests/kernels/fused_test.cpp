// tests/kernels/fused_test.cpp: a chain that runs Linear and its activation in one kernel has the bits of the two
// alone. SPDX-License-Identifier: BSL-1.0
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include "support.hpp"

struct FusedNet {
  ashlar::Linear<20, 40> first;
  ashlar::ReLU relu;
  ashlar::LinearNoBias<40, 24> second;
  ashlar::ReLU6 relu6;
  ashlar::Named<"a layer", ashlar::Linear<24, 33>> third;
  ashlar::Named<"its activation", ashlar::ReLU> named;
  ashlar::Linear<33, 10> fourth;
  ashlar::ReLU last;  // not fused: fewer than 16 results
  ashlar::Linear<10, 70> fifth;
  ashlar::Tanh tanh;  // not fused: not exact
};

namespace {

using Row = ashlar::Tensor<float, 20>;
using Batch = ashlar::Tensor<float, ashlar::dyn, 20>;
using Value = ashlar::Traced<ashlar::Training, float, ashlar::dyn, 20>;
static_assert(ashlar::detail::fused_members<0, FusedNet, Row>() == 2 &&
              ashlar::detail::fused_members<0, FusedNet, Batch const>() == 2);
static_assert(ashlar::detail::fused_members<0, FusedNet, Value>() == 1 &&
              ashlar::detail::fused_members<0, FusedNet, Value const>() == 1);
static_assert(ashlar::detail::fused_members<6, FusedNet, ashlar::Tensor<float, 33>>() == 1);
static_assert(ashlar::detail::fused_members<8, FusedNet, ashlar::Tensor<float, 10>>() == 1);
static_assert(ashlar::detail::fused_members<9, FusedNet, ashlar::Tensor<float, 70>>() == 1);

template <class X>
auto one_by_one(FusedNet const& n, X const& x) {
  auto const a = n.relu(n.first(x));
  auto const b = n.relu6(n.second(a));
  auto const c = ashlar::relu(n.third(b));
  return n.tanh(n.fifth(n.last(n.fourth(c))));
}

}  // namespace

KERNEL_CASE("a chain runs Linear and its activation in one kernel, with the same bits") {
  auto const net = ashlar::make<FusedNet>(ashlar::Rng{3});
  each_isa([&] {
    Row row{};
    for (std::size_t i = 0; i < 20; ++i) row(i) = static_cast<float>(i) - 9.5f;
    CHECK(ashlar::bitwise_equal(net(row), one_by_one(*net, row)));
    for (std::size_t rows : {0u, 1u, 2u, 13u}) {
      Batch batch(rows);
      for (std::size_t i = 0; i < batch.numel(); ++i) batch.data()[i] = static_cast<float>(i % 23) - 11;
      CHECK(ashlar::bitwise_equal(net(batch), one_by_one(*net, batch)));
      CHECK(ashlar::bitwise_equal(net(batch.view()), net(batch)));
      auto grads = ashlar::zeros_like(net);
      ashlar::Tape tape(*net, *grads);
      auto const traced = tape(batch);
      CHECK(ashlar::bitwise_equal(traced, net(batch)));
      tape.clear();
    }
  });
}
