// Checks that a network, or an op, does on a CUDA device what it does on the host.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/cuda.hpp>
#include <ashlar/nn/make.hpp>

#include "support/close.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace ashlar::test {

template <class T>
inline constexpr double bound = std::is_same_v<T, float> ? 1e-5 : 1e-12;

/// Values in [-2, 2), the same every time.
template <class X>
X filled(X x, std::uint32_t seed = 1) {
  std::uint32_t state = seed * 2654435761u + 12345u;
  for (auto& e : x) {
    state = state * 1664525u + 1013904223u;
    e = static_cast<typename X::value_type>(static_cast<double>(state >> 8) / (1 << 22) - 2);
  }
  return x;
}

template <class A, class E>
void check_close(A const& actual, E const& expected) {
  CHECK(actual.shape() == expected.shape());
  CHECK(worst_of_scale(actual.span(), expected.span()) <= bound<typename E::value_type>);
}

/// f(x...) of tensors on the device is that of tensors on the host.
template <class F, class... X>
void check_op(F&& f, X const&... x) {
  check_close(to<Cpu>(f(to<Cuda>(x)...)), f(x...));
}

/// x on a tape, with a gradient if it is no index.
template <class Tape, class X>
auto on_tape(Tape& tape, X const& x) {
  if constexpr (std::is_floating_point_v<typename X::value_type>) {
    return tape.variable(x);
  } else {
    return tape.input(x);
  }
}

/// The network's output, the gradients of `loss(output)` for parameters and input, and what the network holds after a
/// forward in training: the statistics of a BatchNorm are other ones then.
template <class Net, class X, class Loss>
void check_net(Net& net, X const& x, Loss&& loss, Rng rng = Rng{3}) {
  auto gpu = to<Cuda>(net);
  auto const x_gpu = to<Cuda>(x);
  check_close(to<Cpu>(gpu(x_gpu)), forward(net, x));

  auto grads = zeros_like(net);
  Rng host_rng = rng;
  Tape tape(net, *grads, host_rng);
  auto const input = on_tape(tape, x);
  auto const value = tape.backward(loss(tape(input)));

  auto grads_gpu = zeros_like(gpu);
  Tape tape_gpu(gpu, grads_gpu, rng);
  auto const input_gpu = on_tape(tape_gpu, x_gpu);
  auto const value_gpu = tape_gpu.backward(loss(tape_gpu(input_gpu))).item();

  using T = std::remove_const_t<decltype(value)>;
  CHECK(std::abs(value_gpu - value) <= bound<T> * std::abs(value));
  if constexpr (std::is_same_v<T, typename X::value_type>) {
    check_close(input_gpu.grad_to_host(), X(input.grad()));
  }
  auto const back = to<Cpu>(grads_gpu);
  auto const net_back = to<Cpu>(gpu);
  for (Row const& row : manifest<Net>()) {
    if (row.kind == Kind::scalar || row.is_alias()) continue;
    CAPTURE(row.key);
    auto const at = [&]<class E>(Net const& of, E const*) {
      return std::span(reinterpret_cast<E const*>(reinterpret_cast<std::byte const*>(&of) + row.offset),
                       row.bytes / sizeof(E));
    };
    T const* const element = nullptr;
    std::int64_t const* const integer = nullptr;
    if (row.dtype == DType::i64) {
      CHECK(at(*net_back, integer)[0] == at(net, integer)[0]);
      continue;
    }
    CHECK(worst_of_scale(at(*net_back, element), at(net, element)) <= bound<T>);
    if (row.is_trained()) CHECK(worst_of_scale(at(*back, element), at(*grads, element)) <= bound<T>);
  }
}

}  // namespace ashlar::test
