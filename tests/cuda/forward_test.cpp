// tests/cuda/forward_test.cpp: networks on a CUDA device compute what they compute on the host, and so do gradients.
// SPDX-License-Identifier: BSL-1.0
//
// Compiled by g++ and clang for an emulated device, and by nvcc for a GPU (on_gpu.cu). Bound: an element is a chain
// of at most 64 sums here, in another order than on the host, and an activation has another polynomial: 1e-5 of the
// largest element in float, 1e-12 in double. What is exact on both sides, dropout's mask among it, is compared as such.
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>

#include "support/close.hpp"
#include "support/cuda_close.hpp"
#include "support/cuda_machine.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

using namespace ashlar;
using namespace ashlar::test;

namespace {

auto const squares = [](auto const& y) { return mean(square(y)); };

struct MLP {
  Linear<20, 64> hidden;
  ReLU relu;
  Linear<64, 10> output;
};

struct Narrow {
  Linear<3, 40> hidden;
  SiLU act;
  Named<"middle 1", Linear<40, 33>> middle;
  ReLU relu;
  Frozen<Linear<33, 6>> last;
  Tanh tanh;
  Linear<6, 2> output;
};

struct Wide {  // smooth, so that a rounding changes no gradient by more than a rounding
  Linear<5, 64> hidden;
  Tanh tanh;
  Linear<64, 64, float, false> output;
};

template <class T>
struct Mixed {  // nested, tied, frozen, without a bias, with settings that are scalars of the struct
  Sequential<Linear<12, 33, T>, GELU, Linear<infer, 16, T>> body;
  LeakyReLU leaky{.negative_slope = 0.3};
  std::array<Linear<16, 16, T>, 2> blocks;
  Tanh tanh;
  Tied<"blocks"> again;
  Frozen<Linear<16, 16, T>> frozen;
  ELU elu{.alpha = 0.5};
  Linear<16, 7, T, false> out;
};

template <class T>
struct Custom {  // a forward of one's own: branches, a layer used twice, arithmetic, a parameter by itself
  Linear<8, 8, T> step;
  Linear<8, 3, T> out;
  Parameter<T, 8> scale;
  double mix = 0.25;
  auto operator()(auto const& x) const {
    auto y = tanh(step(x)) * on_tape_of(x, scale) + x;
    if (mix > 0) y = step(y) * mix - y / 3;
    return log_softmax(out(y - 1 / (square(y) + 1)));
  }
};

struct WithDropout {
  Linear<20, 40> hidden;
  Dropout dropout{.p = 0.3};
  Linear<40, 5> output;
};

}  // namespace

TEST_CASE("an MLP on a CUDA device, for every number of rows") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const net = make<MLP>(Rng{0});
  auto const gpu = to<Cuda>(*net);
  for (std::size_t rows : {0u, 1u, 2u, 33u, 130u}) {
    CAPTURE(rows);
    auto const x = filled(Tensor<float, dyn, 20>(rows));
    auto const y = gpu(to<Cuda>(x));
    static_assert(std::is_same_v<decltype(y), BasicTensor<float, Cuda, dyn, 10> const>);
    check_close(to<Cpu>(y), net(x));
  }
  check_close(to<Cpu>(gpu(to<Cuda>(filled(Tensor<float, 20>())))), net(filled(Tensor<float, 20>())));
  check_net(*net, filled(Tensor<float, dyn, 20>(9)), squares);
}

TEST_CASE("networks of nested, tied and frozen layers, and forwards of one's own, on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_net(*make<Mixed<float>>(Rng{1}), filled(Tensor<float, 4, 12>()), squares);
  auto custom = make<Custom<double>>(Rng{2});
  for (auto& e : custom->scale) e = 0.5;
  check_net(*custom, filled(Tensor<double, dyn, 8>(6)), [](auto const& y) { return sum(y * y); });
}

TEST_CASE("small layers in one kernel, for few rows and for many") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const net = make<Narrow>(Rng{0});
  auto const gpu = to<Cuda>(*net);
  for (std::size_t const rows : {std::size_t{5}, kernels::cuda::most_rows_of_mlp + 1}) {
    CAPTURE(rows);
    auto const x = filled(Tensor<float, dyn, 3>(rows));
    check_close(to<Cpu>(gpu(to<Cuda>(x))), forward(*net, x));
  }
}

TEST_CASE("products of a network on a CUDA device are rounded for those who ask for it, and for nobody else") {
  CudaMachine const machine;
  if (!machine.usable() || info(Cuda{0}).major < 8) return;  // tensor cores for float came with 8.0
  auto const gpu = to<Cuda>(*make<Wide>(Rng{0}));
  auto const x = filled(Tensor<float, dyn, 5>(8192));  // 128 tiles: as many as let tensor cores be faster
  auto const on_gpu = to<Cuda>(x);
  auto grads = zeros_like(gpu);
  Tape tape(gpu, grads);
  auto const run = [&] {
    zero_grad(grads);
    auto const in = tape.variable(on_gpu);
    tape.backward(mean(square(tape(in))));
    return std::tuple(to<Cpu>(gpu(on_gpu)), in.grad_to_host(), to<Cpu>(grads));
  };
  CHECK(get_float32_matmul_precision() == Float32MatmulPrecision::highest);
  auto const [y, dx, exact] = run();
  // An operand is off by 2^-11 (TF32) or 2^-8 (bfloat16) of itself at most, a product by twice that, and its way
  // through the layers leaves that of the largest element, within a small factor.
  for (auto const& [precision, unit] :
       {std::pair(Float32MatmulPrecision::high, 0x1p-11), std::pair(Float32MatmulPrecision::medium, 0x1p-8)}) {
    set_float32_matmul_precision(precision);
    auto const [rounded_y, rounded_dx, rounded] = run();
    auto const few = to<Cpu>(gpu(to<Cuda>(filled(Tensor<float, dyn, 5>(7)))));
    set_float32_matmul_precision(Float32MatmulPrecision::highest);
    CHECK(worst_of_scale(rounded_y.span(), y.span()) < 4 * unit);
    CHECK(worst_of_scale(rounded_y.span(), y.span()) > unit / 16);
    CHECK(worst_of_scale(rounded_dx.span(), dx.span()) < 8 * unit);
    CHECK(worst_of_scale(rounded_dx.span(), dx.span()) > unit / 16);
    CHECK(worst_of_scale(rounded->hidden.weight.span(), exact->hidden.weight.span()) < 8 * unit);
    CHECK(bitwise_equal(few, to<Cpu>(gpu(to<Cuda>(filled(Tensor<float, dyn, 5>(7)))))));
  }
  CHECK(bitwise_equal(std::get<0>(run()), y));
}

TEST_CASE("a copy of many pieces arrives as it was") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  std::size_t const n = (std::size_t{9} << 20) + 3;  // 36 MiB: by four threads, and a last piece that is no whole one
  Tensor<float, dyn> x(n);
  for (std::size_t i = 0; i < n; ++i) x.data()[i] = static_cast<float>(i % 16777213);
  CHECK(bitwise_equal(to<Cpu>(to<Cuda>(x)), x));
}

TEST_CASE("dropout on a CUDA device draws the host's numbers") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_net(*make<WithDropout>(Rng{1}), filled(Tensor<float, dyn, 20>(11)), squares);
}

TEST_CASE("ops on tensors that lie on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const x = filled(Tensor<float, dyn, 7>(5));
  auto const y = filled(Tensor<float, dyn, 7>(5), 2);
  auto const row = filled(Tensor<float, 7>(), 3);
  auto const each = [&](auto... f) { (check_op(f, x), ...); };
  each([](auto const& a) { return relu(a); }, [](auto const& a) { return gelu(a); },
       [](auto const& a) { return gelu_tanh(a); }, [](auto const& a) { return silu(a); },
       [](auto const& a) { return sigmoid(a); }, [](auto const& a) { return softplus(a); },
       [](auto const& a) { return hardtanh(a); }, [](auto const& a) { return mish(a); },
       [](auto const& a) { return softmax(a); }, [](auto const& a) { return log_softmax(a); },
       [](auto const& a) { return sum(a); }, [](auto const& a) { return mean(a); }, [](auto const& a) { return 2 - a; },
       [](auto const& a) { return 1 / (a * a + 1); }, [](auto const& a) { return Flatten{}(a); });
  check_op([](auto const& a, auto const& b) { return a + b; }, x, y);
  check_op([](auto const& a, auto const& b) { return a - b; }, x, row);
  check_op([](auto const& a, auto const& b) { return a - b; }, row, x);
  check_op([](auto const& a, auto const& b) { return a * b; }, x, row);
  check_op([](auto const& a, auto const& b) { return a / b; }, row, x);
  check_op([](auto const& a, auto const& w, auto const& b) { return linear(a, w, b); }, x,
           filled(Tensor<float, 3, 7>()), filled(Tensor<float, 3>()));
}

TEST_CASE("losses on a CUDA device, and their gradients") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const x = filled(Tensor<double, dyn, 5>(9));
  Tensor<std::int64_t, dyn> classes(9);
  for (std::size_t i = 0; i < 9; ++i) classes(i) = i == 3 ? -100 : static_cast<std::int64_t>(i % 5);
  auto const targets = softmax(filled(Tensor<double, dyn, 5>(9), 7));
  auto const weight = filled(Tensor<double, 5>(), 8);
  auto const x_gpu = to<Cuda>(x);
  auto const classes_gpu = to<Cuda>(classes);
  auto const targets_gpu = to<Cuda>(targets);
  auto const weight_gpu = to<Cuda>(weight);

  ReLU none;  // a tape is that of a network, whatever it is
  ReLU none_grads;
  Tape tape(none, none_grads);
  auto none_gpu = to<Cuda>(none);
  auto none_grads_gpu = to<Cuda>(none);
  Tape tape_gpu(none_gpu, none_grads_gpu);
  auto const check = [&](auto const& f) {
    auto const input = tape.variable(x);
    double const value = tape.backward(f(input, classes, targets, weight));
    auto const input_gpu = tape_gpu.variable(x_gpu);
    double const value_gpu = tape_gpu.backward(f(input_gpu, classes_gpu, targets_gpu, weight_gpu)).item();
    CHECK(std::abs(value_gpu - value) <= bound<double> * std::abs(value));
    check_close(input_gpu.grad_to_host(), Tensor<double, dyn, 5>(input.grad()));
  };
  check([](auto& y, auto& c, auto&, auto&) { return cross_entropy(y, c); });
  check([](auto& y, auto& c, auto&, auto&) { return cross_entropy(y, c, {.label_smoothing = 0.1}, Reduction::sum); });
  check([](auto& y, auto& c, auto&, auto& w) { return cross_entropy(y, c, {.weight = w, .label_smoothing = 0.2}); });
  check([](auto& y, auto&, auto& t, auto& w) { return cross_entropy(y, t, {.weight = w}); });
  check([](auto& y, auto& c, auto&, auto&) { return mean(square(cross_entropy(y, c, {}, Reduction::none))); });
  check([](auto& y, auto& c, auto&, auto& w) { return nll_loss(log_softmax(y), c, {.weight = w}); });
  check([](auto& y, auto&, auto& t, auto&) { return mse_loss(y, t); });
  check([](auto& y, auto&, auto& t, auto&) { return huber_loss(y, t, {.delta = 0.5}, Reduction::sum); });
  check([](auto& y, auto&, auto& t, auto&) { return kl_div(log_softmax(y), t, {}, Reduction::batchmean); });
  check([](auto& y, auto&, auto& t, auto& w) { return binary_cross_entropy_with_logits(y, t, {.pos_weight = w}); });
}

TEST_CASE("softmax and losses over a dimension that is not the last, on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, 5, 3, 2>;
  auto const x = filled(X(4));
  Tensor<std::int64_t, dyn, 3, 2> classes(4);
  for (std::size_t i = 0; i < classes.numel(); ++i)
    classes.data()[i] = i == 7 ? -100 : static_cast<std::int64_t>(i % 5);
  auto const targets = softmax(filled(X(4), 7), 1);
  auto const weight = filled(Tensor<double, 5>(), 8);
  auto const classes_gpu = to<Cuda>(classes);
  auto const targets_gpu = to<Cuda>(targets);
  auto const weight_gpu = to<Cuda>(weight);
  ReLU none;
  ReLU none_grads;
  Tape tape(none, none_grads);
  auto none_gpu = to<Cuda>(none);
  auto none_grads_gpu = to<Cuda>(none);
  Tape tape_gpu(none_gpu, none_grads_gpu);
  auto const check = [&](auto const& f) {
    auto const input = tape.variable(x);
    double const value = tape.backward(f(input, classes, targets, weight));
    auto const input_gpu = tape_gpu.variable(to<Cuda>(x));
    double const value_gpu = tape_gpu.backward(f(input_gpu, classes_gpu, targets_gpu, weight_gpu)).item();
    CHECK(std::abs(value_gpu - value) <= bound<double> * std::abs(value));
    check_close(input_gpu.grad_to_host(), X(input.grad()));
  };
  for (std::ptrdiff_t const dim : {0, 1, 2, 3, -2}) {
    CAPTURE(dim);
    check_op([&](auto const& a) { return softmax(a, dim); }, x);
    check([&](auto& y, auto&, auto&, auto&) { return mean(square(softmax(y, dim))); });
    check([&](auto& y, auto&, auto&, auto&) { return mean(square(log_softmax(y, dim))); });
  }
  check([](auto& y, auto& c, auto&, auto& w) { return cross_entropy(y, c, {.weight = w, .label_smoothing = 0.2}); });
  check([](auto& y, auto& c, auto&, auto&) { return mean(square(cross_entropy(y, c, {}, Reduction::none))); });
  check([](auto& y, auto&, auto& t, auto& w) { return cross_entropy(y, t, {.weight = w}); });
  check([](auto& y, auto& c, auto&, auto& w) { return nll_loss(log_softmax(y, 1), c, {.weight = w}); });
}
