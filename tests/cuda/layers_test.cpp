// tests/cuda/layers_test.cpp: Embedding, norms, PReLU and matmul on a CUDA device, against the host.
// SPDX-License-Identifier: BSL-1.0
//
// Bounds: those of forward_test.cpp.
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/nn/multihead_attention.hpp>

#include "support/cuda_close.hpp"
#include "support/cuda_machine.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

using namespace ashlar;
using namespace ashlar::test;

namespace {

template <class T>
struct Words {
  Embedding<7, 12, T, EmbeddingOptions{.padding_idx = 2}> embed;
  LayerNorm<12, LayerNormOptions{}, T> norm;
  PReLU<1, T> prelu;
  RMSNorm<12, RMSNormOptions{.eps = 1e-6}, T> rms;
  Parameter<T, 12, 5> out;
  auto operator()(auto const& x) const { return matmul(rms(prelu(norm(embed(x)))), out); }
  void reset_parameters(TorchRng& rng) {
    initialise(embed, rng);
    initialise(norm, rng);
    initialise(prelu, rng);
    initialise(rms, rng);
    init::normal_(out, 0, 1, rng);
  }
};

struct Planes {  // in this order none takes the effect of another away
  LayerNorm<NormalizedShape{5, 3}, LayerNormOptions{.elementwise_affine = false}, double> layer;
  InstanceNorm2d<4, InstanceNormOptions{.affine = true}, double> instance;
  PReLU<4, double> prelu;
  GroupNorm<2, 4, GroupNormOptions{}, double> group;
};

struct Tracked {
  InstanceNorm1d<4, InstanceNormOptions{.track_running_stats = true}, float> norm;
};

struct Masked {  // a mask that is the network's, as GPTs have it
  Buffer<float, 4, 4> mask;
  MultiheadAttention<8, 2, MultiheadAttentionOptions{.batch_first = true}> attention;
  auto operator()(auto const& x) const { return attention(x, x, x, mask); }
};

auto const cubes = [](auto const& y) { return mean(square(y) * y); };

template <class I>
Tensor<I, dyn, 3> indices(std::size_t rows) {
  Tensor<I, dyn, 3> x(rows);
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<I>(i * i * 5 % 7);
  return x;
}

}  // namespace

TEST_CASE("Embedding, LayerNorm, PReLU, RMSNorm and matmul on a CUDA device, and their gradients") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_net(*make<Words<float>>(Rng{1}), indices<std::int64_t>(5), cubes);
  check_net(*make<Words<double>>(Rng{2}), indices<std::int32_t>(4), cubes);
  check_op([](auto const& a, auto const& b) { return matmul(a, b); }, filled(Tensor<float, dyn, 3, 6>(2)),
           filled(Tensor<float, 6, 4>(), 2));
}

TEST_CASE("InstanceNorm and GroupNorm on a CUDA device, and their gradients") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_net(*make<Planes>(Rng{3}), filled(Tensor<double, dyn, 4, 5, 3>(3)), cubes);
  auto tracked = make<Tracked>();
  tracked->norm.running_mean.fill(0.5f);
  auto const x = filled(Tensor<float, 2, 4, 6>());
  check_close(to<Cpu>(to<Cuda>(*tracked)(to<Cuda>(x))), forward(*tracked, x));
  check_net(*tracked, x, cubes);
  auto const constant = to<Cuda>(*tracked);
  auto grads = zeros_like(constant);
  Tape tape(constant, grads);
  CHECK_THROWS_WITH(tape(to<Cuda>(x)), Catch::Contains("that must not be const"));
}

TEST_CASE("attention on a CUDA device with a mask that is a buffer of the network") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto net = make<Masked>(Rng{4});
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) net->mask(i, j) = j > i ? -10000.0F : 0.0F;
  }
  check_net(*net, filled(Tensor<float, dyn, 4, 8>(3)), cubes);
}

TEST_CASE("an index that is no row of an Embedding on a CUDA device gives NaN and no gradient") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const net = make<Embedding<3, 4>>(Rng{1});
  auto gpu = to<Cuda>(*net);
  auto grads = zeros_like(gpu);
  auto const x = to<Cuda>(Tensor<std::int64_t, 4>{1, 3, -1, 0});
  Tape tape(gpu, grads);
  auto const y = tape(x);
  tape.backward(sum(y));
  auto const value = y.to_host();
  auto const gradient = to<Cpu>(grads);
  for (std::size_t d = 0; d < 4; ++d) {
    CHECK(value(0, d) == net->weight(1, d));
    CHECK(std::isnan(value(1, d)));
    CHECK(std::isnan(value(2, d)));
    CHECK(value(3, d) == net->weight(0, d));
    for (std::size_t row = 0; row < 3; ++row) CHECK(gradient->weight(row, d) == (row < 2 ? 1 : 0));
  }
}
