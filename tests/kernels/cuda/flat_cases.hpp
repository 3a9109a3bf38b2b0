// tests/kernels/cuda/flat_cases.hpp: kernels over flat blocks: pointwise, convert, dropout, optimizer, reduce.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/convert/cuda.cuh>
#include <ashlar/kernels/dropout/cuda.cuh>
#include <ashlar/kernels/optimizer/clip.cuh>
#include <ashlar/kernels/optimizer/cuda.cuh>
#include <ashlar/kernels/pointwise/cuda.cuh>
#include <ashlar/kernels/reduce/cuda.cuh>

#include <ashlar/kernels/optimizer/reference.hpp>
#include <ashlar/kernels/pointwise/reference.hpp>
#include <ashlar/kernels/reduce/cpu.hpp>
#include <ashlar/kernels/reduce/reference.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

inline std::string at_size(char const* what, std::size_t n, std::size_t shift) {
  return std::string(what) + " of " + std::to_string(n) + ", shift " + std::to_string(shift) + ": ";
}

/// A functor and its pullback. The GPU's exp, tanh and erf are within 2 ulp; a sum of a few makes that 1e-6.
template <class Op, class Device>
void map_case(Device& device, Failures& failures, Op const& op, char const* name, std::size_t n, std::size_t shift) {
  std::string const what = at_size(name, n, shift);
  auto x = random<float>(n, 1);
  for (float& v : x) v *= 8;
  for (std::size_t i = 0; i < n && i < 4; ++i) x[i] = std::vector<float>{0.0f, INFINITY, NAN, -INFINITY}[i];
  std::vector<float> y(n);
  kernels::reference::map(op, n, x.data(), y.data());
  auto const on_x = device.upload(x, shift);
  auto const on_y = device.upload(std::vector<float>(n, NAN), shift);
  kernels::cuda::map(device.launcher(), op, n, on_x.data(), on_y.data());
  failures.expect_close(what + "y", device.download(on_y), y, 1e-6);

  auto const dy = random<float>(n, 2);
  auto dx = random<float>(n, 3);
  auto const on_dy = device.upload(dy, shift);
  auto const on_dx = device.upload(dx, shift);
  kernels::cuda::map_pullback(device.launcher(), op, n, on_x.data(), on_y.data(), on_dy.data(), on_dx.data());
  kernels::reference::map_pullback(op, n, x.data(), y.data(), dy.data(), dx.data());
  failures.expect_close(what + "dx", device.download(on_dx), dx, 4e-6);
}

/// Arithmetic: one rounding, or none, from the plain expression.
template <class Device>
void arithmetic_case(Device& device, Failures& failures, std::size_t n, std::size_t shift) {
  namespace cuda = kernels::cuda;
  std::string const what = at_size("arithmetic", n, shift);
  auto& launcher = device.launcher();
  auto const a = random<float>(n, 1);
  auto b = random<float>(n, 2);
  for (float& v : b) v = v < 0 ? v - 0.5f : v + 0.5f;
  auto const c = random<float>(n, 3);
  auto const on_a = device.upload(a, shift);
  auto const on_b = device.upload(b, shift);
  auto const on_c = device.upload(c, shift);
  auto const check = [&](char const* name, auto const& run, auto const& expected_of) {
    auto const y = device.upload(c, shift);
    run(y.data());
    std::vector<float> expected(n);
    for (std::size_t i = 0; i < n; ++i) expected[i] = expected_of(i);
    failures.expect_close(what + name, device.download(y), expected, 2e-7);
  };
  float const* const pa = on_a.data();
  float const* const pb = on_b.data();
  float const* const pc = on_c.data();
  check("add", [&](float* y) { cuda::add(launcher, n, pa, pb, y); }, [&](std::size_t i) { return a[i] + b[i]; });
  check("sub", [&](float* y) { cuda::sub(launcher, n, pa, pb, y); }, [&](std::size_t i) { return a[i] - b[i]; });
  check("mul", [&](float* y) { cuda::mul(launcher, n, pa, pb, y); }, [&](std::size_t i) { return a[i] * b[i]; });
  check("div", [&](float* y) { cuda::div(launcher, n, pa, pb, y); }, [&](std::size_t i) { return a[i] / b[i]; });
  check(
      "add_scalar", [&](float* y) { cuda::add_scalar(launcher, n, pa, 2.5f, y); },
      [&](std::size_t i) { return a[i] + 2.5f; });
  check(
      "mul_scalar", [&](float* y) { cuda::mul_scalar(launcher, n, pa, 2.5f, y); },
      [&](std::size_t i) { return a[i] * 2.5f; });
  check(
      "scalar_sub", [&](float* y) { cuda::scalar_sub(launcher, n, 2.5f, pa, y); },
      [&](std::size_t i) { return 2.5f - a[i]; });
  check(
      "div_scalar", [&](float* y) { cuda::div_scalar(launcher, n, pa, 3.0f, y); },
      [&](std::size_t i) { return a[i] / 3.0f; });
  check(
      "scalar_div", [&](float* y) { cuda::scalar_div(launcher, n, 3.0f, pb, y); },
      [&](std::size_t i) { return 3.0f / b[i]; });
  check(
      "accumulate", [&](float* y) { cuda::accumulate(launcher, n, pa, y); },
      [&](std::size_t i) { return c[i] + a[i]; });
  check(
      "axpy", [&](float* y) { cuda::axpy(launcher, n, 2.5f, pa, y); },
      [&](std::size_t i) { return 2.5f * a[i] + c[i]; });
  check(
      "mul_pullback", [&](float* y) { cuda::mul_pullback(launcher, n, pa, pb, y); },
      [&](std::size_t i) { return c[i] + a[i] * b[i]; });
  check(
      "div_pullback_a", [&](float* y) { cuda::div_pullback_a(launcher, n, pa, pb, y); },
      [&](std::size_t i) { return c[i] + a[i] / b[i]; });
  check(
      "div_pullback_b", [&](float* y) { cuda::div_pullback_b(launcher, n, pa, pb, pc, y); },
      [&](std::size_t i) { return c[i] - a[i] * (c[i] / b[i]); });
  check("scale", [&](float* y) { cuda::scale(launcher, n, 2.5f, y); }, [&](std::size_t i) { return c[i] * 2.5f; });
  check("fill", [&](float* y) { cuda::fill(launcher, n, 2.5f, y); }, [&](std::size_t) { return 2.5f; });
}

/// Bits are those of reference.hpp. n values of both formats, among them subnormal, infinite and NaN.
template <class Device>
void convert_case(Device& device, Failures& failures, std::size_t n, std::size_t shift) {
  std::string const what = at_size("convert", n, shift);
  auto& launcher = device.launcher();
  std::vector<std::uint16_t> half(n);
  std::vector<float> value(n);
  for (std::size_t i = 0; i < n; ++i) {
    half[i] = static_cast<std::uint16_t>(i * 40503u);
    value[i] = __builtin_bit_cast(float, static_cast<std::uint32_t>(i * 2654435761u));
  }
  auto const on_half = device.upload(half, shift);
  auto const on_value = device.upload(value, shift);
  std::vector<float> floats(n);
  std::vector<std::uint16_t> halves(n);
  auto const to_float = device.upload(std::vector<float>(n), shift);
  auto const to_half = device.upload(std::vector<std::uint16_t>(n), shift);
  kernels::cuda::bf16_to_f32(launcher, n, on_half.data(), to_float.data());
  for (std::size_t i = 0; i < n; ++i) floats[i] = kernels::bf16_to_f32(half[i]);
  failures.expect_same_bits(what + "bf16_to_f32", device.download(to_float), floats);
  kernels::cuda::f16_to_f32(launcher, n, on_half.data(), to_float.data());
  for (std::size_t i = 0; i < n; ++i) floats[i] = kernels::f16_to_f32(half[i]);
  failures.expect_same_bits(what + "f16_to_f32", device.download(to_float), floats);
  kernels::cuda::f32_to_bf16(launcher, n, on_value.data(), to_half.data());
  for (std::size_t i = 0; i < n; ++i) halves[i] = kernels::f32_to_bf16(value[i]);
  failures.expect_same_bits(what + "f32_to_bf16", device.download(to_half), halves);
  kernels::cuda::f32_to_f16(launcher, n, on_value.data(), to_half.data());
  for (std::size_t i = 0; i < n; ++i) halves[i] = kernels::f32_to_f16(value[i]);
  failures.expect_same_bits(what + "f32_to_f16", device.download(to_half), halves);
}

/// The mask has the bits of Rng::dropout_mask, and the Rng ends where it does.
template <class Device>
void dropout_case(Device& device, Failures& failures, std::size_t n, std::size_t shift, double p) {
  std::string const what = at_size("dropout", n, shift);
  auto& launcher = device.launcher();
  ashlar::Rng host{42, 5};
  ashlar::Rng mine = host;
  ashlar::Rng fused = host;
  std::vector<float> mask(n);
  host.dropout_mask(n, p, mask.data());
  auto const on_mask = device.upload(std::vector<float>(n, NAN), shift);
  kernels::cuda::dropout_mask(launcher, mine, n, p, on_mask.data());
  failures.expect_same_bits(what + "mask", device.download(on_mask), mask);
  if (mine.counter != host.counter) failures.add(what + "the counter is another");

  auto const numbers = kernels::cuda::DropoutNumbers::take(fused, n, p);
  auto const x = random<float>(n, 1);
  auto dx = random<float>(n, 2);
  std::vector<float> y(n);
  kernels::reference::mul(n, x.data(), mask.data(), y.data());
  auto const on_x = device.upload(x, shift);
  auto const on_y = device.upload(std::vector<float>(n, NAN), shift);
  auto const on_dx = device.upload(dx, shift);
  kernels::cuda::dropout(launcher, numbers, n, on_x.data(), on_y.data());
  failures.expect_same_bits(what + "y", device.download(on_y), y);
  kernels::cuda::dropout_pullback(launcher, numbers, n, on_x.data(), on_dx.data());
  for (std::size_t i = 0; i < n; ++i) dx[i] += y[i];
  failures.expect_close(what + "dx", device.download(on_dx), dx, 2e-7);
}

/// Three steps of each optimizer, with everything switched on and with nothing.
template <class Device>
void optimizer_case(Device& device, Failures& failures, std::size_t n, std::size_t shift) {
  std::string const what = at_size("optimizer", n, shift);
  auto& launcher = device.launcher();
  auto const g = random<float>(n, 2);
  auto const on_g = device.upload(g, shift);
  std::vector<float> const zero(n);
  for (bool const all : {false, true}) {
    auto const check = [&](char const* name, auto const& on_device, auto const& on_host) {
      auto p = random<float>(n, 1);
      auto a = zero, b = zero, c = zero;
      auto const on_p = device.upload(p, shift);
      auto const on_a = device.upload(zero, shift);
      auto const on_b = device.upload(zero, shift);
      auto const on_c = device.upload(zero, shift);
      for (int t = 1; t <= 3; ++t) {
        on_device(t, on_p.data(), on_a.data(), on_b.data(), on_c.data());
        on_host(t, p.data(), a.data(), b.data(), c.data());
      }
      failures.expect_close(what + name, device.download(on_p), p, 2e-6);
      failures.expect_close(what + name + " state", device.download(on_a), a, 2e-6);
      failures.expect_close(what + name + " second state", device.download(on_b), b, 2e-6);
      failures.expect_close(what + name + " third state", device.download(on_c), c, 2e-6);
    };
    auto const sgd = [&](int t) {
      return all ? kernels::SgdStep<float>{0.1, 0.9, 0.1, 0.01, true, true, t == 1} : kernels::SgdStep<float>{0.1};
    };
    check(
        "sgd",
        [&](int t, float* p, float* a, float*, float*) {
          kernels::cuda::sgd(launcher, n, sgd(t), p, on_g.data(), all ? a : nullptr);
        },
        [&](int t, float* p, float* a, float*, float*) {
          kernels::reference::sgd(n, sgd(t), p, g.data(), all ? a : nullptr);
        });
    for (bool const decoupled : {false, true}) {
      auto const adam = [&](int t) {
        double const b1 = 1 - std::pow(0.9, t);
        double const b2 = 1 - std::pow(0.999, t);
        return kernels::AdamStep<float>{0.1, 0.9, 0.999, 1e-8, all ? 0.01 : 0, decoupled, all, all, b1, b2};
      };
      check(
          "adam",
          [&](int t, float* p, float* a, float* b, float* c) {
            kernels::cuda::adam(launcher, n, adam(t), p, on_g.data(), a, b, all ? c : nullptr);
          },
          [&](int t, float* p, float* a, float* b, float* c) {
            kernels::reference::adam(n, adam(t), p, g.data(), a, b, all ? c : nullptr);
          });
    }
    auto const rmsprop = [&](int) {
      return all ? kernels::RmspropStep<float>{0.01, 0.9, 1e-3, 0.01, 0.9, true, true}
                 : kernels::RmspropStep<float>{0.01, 0.99, 1e-3};
    };
    check(
        "rmsprop",
        [&](int t, float* p, float* a, float* b, float* c) {
          kernels::cuda::rmsprop(launcher, n, rmsprop(t), p, on_g.data(), a, all ? b : nullptr, all ? c : nullptr);
        },
        [&](int t, float* p, float* a, float* b, float* c) {
          kernels::reference::rmsprop(n, rmsprop(t), p, g.data(), a, all ? b : nullptr, all ? c : nullptr);
        });
    auto const adagrad = [&](int) {
      return all ? kernels::AdagradStep<float>{0.1, 1e-5, 0.01, true} : kernels::AdagradStep<float>{0.1, 1e-5};
    };
    check(
        "adagrad",
        [&](int t, float* p, float* a, float*, float*) {
          kernels::cuda::adagrad(launcher, n, adagrad(t), p, on_g.data(), a);
        },
        [&](int t, float* p, float* a, float*, float*) { kernels::reference::adagrad(n, adagrad(t), p, g.data(), a); });
    check(
        "ema", [&](int, float* p, float* a, float*, float*) { kernels::cuda::ema(launcher, n, 0.9, p, a); },
        [&](int, float* p, float* a, float*, float*) { kernels::reference::ema(n, 0.9, p, a); });
  }
}

/// Sums are in double, so a float sum is within one rounding of the reference.
template <class Device>
void reduce_case(Device& device, Failures& failures, std::size_t n, std::size_t shift) {
  std::string const what = at_size("reduce", n, shift);
  auto& launcher = device.launcher();
  auto x = random<float>(n, 1);
  auto on_x = device.upload(x, shift);
  auto const one = device.upload(std::vector<float>(1, NAN));
  kernels::cuda::sum(launcher, n, on_x.data(), one.data());
  failures.expect_close<float>(what + "sum", device.download(one), {kernels::reference::sum(n, x.data())}, 2e-7);
  kernels::cuda::mean(launcher, n, on_x.data(), one.data());
  failures.expect_close<float>(what + "mean", device.download(one), {kernels::mean(n, x.data())}, 2e-7);
  auto const square = device.upload(std::vector<double>(1, NAN));
  kernels::cuda::sum_of_squares(launcher, n, on_x.data(), square.data());
  failures.expect_close<double>(what + "squares", device.download(square),
                                {kernels::reference::sum_of_squares(n, x.data())}, 1e-12);

  auto const index = device.upload(std::vector<std::size_t>(1, 77));
  auto const flags = device.upload(std::vector<unsigned char>(2, 7));
  auto const look = [&](char const* name) {
    on_x = device.upload(x, shift);
    kernels::cuda::argmax(launcher, n, on_x.data(), index.data());
    if (device.download(index)[0] != kernels::argmax(n, x.data())) failures.add(what + name + "another argmax");
    kernels::cuda::all_finite(launcher, n, on_x.data(), reinterpret_cast<bool*>(flags.data()));
    kernels::cuda::any_non_finite(launcher, n, on_x.data(), reinterpret_cast<bool*>(flags.data()) + 1);
    bool const finite = kernels::all_finite(n, x.data());
    if (device.download(flags) != std::vector<unsigned char>{finite, !finite}) failures.add(what + name + "finite");
  };
  look("finite values: ");
  if (n == 0) return;
  x[n / 3] = 2;
  x[n - 1] = 2;
  look("two largest: ");
  x[n / 2] = INFINITY;
  look("infinity: ");
  x[n - 1] = NAN;
  look("NaN: ");
}

/// Two blocks of gradients are one vector. Norms are taken in double, in another order: 1e-12; scaling is one rounding.
template <class Device>
void clip_case(Device& device, Failures& failures, std::size_t n, std::size_t shift) {
  std::string const what = at_size("clip", n, shift);
  auto& launcher = device.launcher();
  auto x = random<float>(n, 1), y = random<float>(3, 2);
  auto const norm = device.upload(std::vector<double>(1, NAN)), factor = device.upload(std::vector<double>(1, NAN)),
             sums = device.upload(std::vector<double>(2, NAN));
  for (bool const has_nan : {false, true}) {
    if (has_nan) x.resize(n), x.push_back(NAN), x.push_back(2);
    for (double const p : {2.0, 1.0, 0.5, 3.0, HUGE_VAL}) {
      double total = 0;
      for (auto const* v : {&x, &y}) {
        for (float const e : *v) {
          double const a = std::abs(static_cast<double>(e));
          if (!std::isinf(p)) total += std::pow(a, p);
          else if (!(a <= total) && !std::isnan(total)) total = a;
        }
      }
      if (!std::isinf(p)) total = std::pow(total, 1 / p);
      for (double const max_norm : {2 * total, 0.25 * total}) {
        auto const on_x = device.upload(x, shift), on_y = device.upload(y, shift);
        kernels::cuda::power_sum(launcher, x.size(), on_x.data(), p, sums.data());
        kernels::cuda::power_sum(launcher, y.size(), on_y.data(), p, sums.data() + 1);
        kernels::cuda::norm_of_sums(launcher, 2, static_cast<double const*>(sums.data()), p, max_norm, norm.data(),
                                    factor.data());
        failures.expect_close<double>(what + "norm " + std::to_string(p), device.download(norm), {total}, 1e-12);
        kernels::cuda::scale_down(launcher, x.size(), static_cast<double const*>(factor.data()), on_x.data());
        auto scaled = x;
        double const by = max_norm / (total + 1e-6);
        for (float& e : scaled) e *= by >= 1 ? 1.0f : static_cast<float>(by);
        failures.expect_close(what + "scaled", device.download(on_x), scaled, 2e-7);
      }
    }
    auto const on_x = device.upload(x, shift);
    kernels::cuda::clip_value(launcher, x.size(), 0.5f, on_x.data());
    auto clipped = x;
    for (float& e : clipped) e = e > 0.5f ? 0.5f : e < -0.5f ? -0.5f : e;
    failures.expect_same_bits(what + "values", device.download(on_x), clipped);
  }
}

template <class Device>
void add_rows_case(Device& device, Failures& failures, std::size_t rows, std::size_t columns) {
  auto const x = random<float>(rows * columns, 1);
  auto out = random<float>(columns, 2);
  auto const on_x = device.upload(x, 1);
  auto const on_out = device.upload(out, 1);
  kernels::cuda::add_rows(device.launcher(), rows, columns, on_x.data(), on_out.data());
  kernels::add_rows(rows, columns, x.data(), out.data());
  failures.expect_close("add_rows of " + std::to_string(rows) + " x " + std::to_string(columns),
                        device.download(on_out), out, rounding<float>(rows));
}

}  // namespace cuda_test
