// tests/kernels/cuda/row_cases.hpp: softmax, losses and the like, which reduce rows.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/loss/cross_entropy.cuh>
#include <ashlar/kernels/loss/cuda.cuh>
#include <ashlar/kernels/loss/nll.cuh>
#include <ashlar/kernels/softmax/cuda.cuh>

#include <ashlar/kernels/loss/cpu.hpp>
#include <ashlar/kernels/softmax/reference.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device.hpp"

namespace cuda_test {

namespace kernels = ashlar::kernels;

/// Values (outer * inner, classes) as a tensor (outer, classes, inner) holds them.
template <class T>
std::vector<T> strided(std::vector<T> const& rows, std::size_t classes, std::size_t inner) {
  std::vector<T> out(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::size_t const r = i / classes;
    out[(r / inner * classes + i % classes) * inner + r % inner] = rows[i];
  }
  return out;
}

/// exp and log are within 2 ulp, and sums of classes have another order: 1e-6 and a rounding a class.
template <class Device>
void softmax_case(Device& device, Failures& failures, std::size_t rows, std::size_t classes, std::size_t inner = 1) {
  std::string const what =
      "softmax " + std::to_string(rows) + " x " + std::to_string(classes) + ", inner " + std::to_string(inner) + ": ";
  auto const placed = [&](std::vector<float> const& v) { return strided(v, classes, inner); };
  auto& launcher = device.launcher();
  std::size_t const n = rows * classes;
  auto x = random<float>(n, 1);
  for (float& v : x) v *= 30;
  if (rows > 2) {  // a row with NaN, one of -infinity alone, one with one +infinity
    x[classes / 2] = NAN;
    for (std::size_t c = 0; c < classes; ++c) x[classes + c] = -INFINITY;
    x[3 * classes - 1] = INFINITY;
  }
  auto const dy = random<float>(n, 2);
  double const bound = 1e-6 + 0.1 * rounding<float>(classes);
  auto const on_x = device.upload(placed(x), 1);
  auto const on_dy = device.upload(placed(dy), 1);
  std::vector<float> y(n);

  for (bool const log : {false, true}) {
    auto const on_y = device.upload(std::vector<float>(n, NAN), 1);
    auto dx = random<float>(n, 3);
    auto const on_dx = device.upload(placed(dx), 1);
    if (log) {
      kernels::cuda::log_softmax(launcher, rows, classes, on_x.data(), on_y.data(), inner);
      kernels::reference::log_softmax(rows, classes, x.data(), y.data());
      kernels::cuda::log_softmax_pullback(launcher, rows, classes, on_y.data(), on_dy.data(), on_dx.data(), inner);
      kernels::reference::log_softmax_pullback(rows, classes, y.data(), dy.data(), dx.data());
    } else {
      kernels::cuda::softmax(launcher, rows, classes, on_x.data(), on_y.data(), inner);
      kernels::reference::softmax(rows, classes, x.data(), y.data());
      kernels::cuda::softmax_pullback(launcher, rows, classes, on_y.data(), on_dy.data(), on_dx.data(), inner);
      kernels::reference::softmax_pullback(rows, classes, y.data(), dy.data(), dx.data());
    }
    failures.expect_close(what + (log ? "log" : "y"), device.download(on_y), placed(y), bound);
    failures.expect_close(what + (log ? "log dx" : "dx"), device.download(on_dx), placed(dx), 4 * bound);
  }
  if (inner != 1) return;
  std::vector<float> norm(rows);
  auto const on_norm = device.upload(norm, 1);
  kernels::cuda::log_sum_exp(launcher, rows, classes, on_x.data(), on_norm.data());
  for (std::size_t r = 0; r < rows; ++r) norm[r] = kernels::reference::log_sum_exp(classes, x.data() + r * classes);
  failures.expect_close(what + "norm", device.download(on_norm), norm, bound);
}

/// Every reduction, with class weights, ignored rows and label smoothing or without, against cpu.hpp.
template <class Device>
void cross_entropy_case(Device& device, Failures& failures, std::size_t rows, std::size_t classes,
                        bool defaults_only = false, std::size_t inner = 1) {
  auto& launcher = device.launcher();
  auto const placed = [&](std::vector<float> const& v) { return strided(v, classes, inner); };
  std::size_t const n = rows * classes;
  auto const x = random<float>(n, 1);
  auto q = random<float>(n, 2);
  for (float& v : q) v = (v + 1) / static_cast<float>(classes);
  auto weight = random<float>(classes, 3);
  for (float& v : weight) v += 1.5f;
  std::vector<std::int64_t> target(rows);
  for (std::size_t r = 0; r < rows; ++r) target[r] = r % 5 == 3 ? -100 : static_cast<std::int64_t>(r * 7 % classes);
  auto const on_x = device.upload(placed(x), 1);
  auto const on_q = device.upload(placed(q), 1);
  auto const on_weight = device.upload(weight, 1);
  auto const on_target = device.upload(target);
  auto const counted = device.upload(std::vector<double>(1, NAN));
  double const bound = 2e-6 + 0.1 * rounding<float>(classes);

  for (kernels::Reduction const reduction :
       {kernels::Reduction::none, kernels::Reduction::mean, kernels::Reduction::sum}) {
    for (bool const all : {false, true}) {
      if (defaults_only && (all || reduction != kernels::Reduction::mean)) continue;
      std::string const what = "cross_entropy " + std::to_string(rows) + " x " + std::to_string(classes) + ", inner " +
                               std::to_string(inner) + ", reduction " + std::to_string(static_cast<int>(reduction)) +
                               (all ? ", all: " : ": ");
      kernels::CrossEntropy<float> host{all ? weight.data() : nullptr, -100, reduction, all ? 0.1 : 0.0};
      auto settings = host;
      settings.weight = all ? on_weight.data() : nullptr;
      std::size_t const outs = reduction == kernels::Reduction::none ? rows : 1;
      auto const dout = random<float>(outs, 4);
      auto const on_dout = device.upload(dout, 1);
      std::vector<float> out(outs), norm(rows);
      auto const on_out = device.upload(std::vector<float>(outs, NAN), 1);
      auto const on_norm = device.upload(std::vector<float>(rows, NAN), 1);
      auto const expect = [&](char const* name, auto const& got, auto const& expected) {
        failures.expect_close(what + name, device.download(got), expected, bound);
      };

      double const weights =
          kernels::cross_entropy(rows, classes, x.data(), target.data(), host, out.data(), norm.data());
      kernels::cuda::cross_entropy(launcher, rows, classes, on_x.data(), on_target.data(), settings, on_out.data(),
                                   on_norm.data(), counted.data(), inner);
      expect("loss", on_out, out);
      expect("norm", on_norm, norm);
      expect("counted", counted, std::vector<double>{weights});
      auto dx = random<float>(n, 5);
      auto on_dx = device.upload(placed(dx), 1);
      kernels::cross_entropy_pullback(rows, classes, x.data(), target.data(), host, norm.data(), weights, dout.data(),
                                      dx.data());
      kernels::cuda::cross_entropy_pullback(launcher, rows, classes, on_x.data(), on_target.data(), settings,
                                            on_norm.data(), counted.data(), on_dout.data(), on_dx.data(), inner);
      expect("dlogits", on_dx, placed(dx));

      kernels::cross_entropy_probabilities(rows, classes, x.data(), q.data(), host, out.data(), norm.data());
      kernels::cuda::cross_entropy_probabilities(launcher, rows, classes, on_x.data(), on_q.data(), settings,
                                                 on_out.data(), on_norm.data(), inner);
      expect("probabilities", on_out, out);
      auto dq = random<float>(n, 6);
      auto const on_dq = device.upload(placed(dq), 1);
      kernels::cross_entropy_probabilities_pullback(rows, classes, x.data(), q.data(), host, norm.data(), dout.data(),
                                                    dx.data(), dq.data());
      kernels::cuda::cross_entropy_probabilities_pullback(launcher, rows, classes, on_x.data(), on_q.data(), settings,
                                                          on_norm.data(), on_dout.data(), on_dx.data(), on_dq.data(),
                                                          inner);
      expect("probabilities, dlogits", on_dx, placed(dx));
      expect("probabilities, dtarget", on_dq, placed(dq));

      double const of_nll = kernels::nll(rows, classes, x.data(), target.data(), host, out.data());
      kernels::cuda::nll(launcher, rows, classes, on_x.data(), on_target.data(), settings, on_out.data(),
                         counted.data(), inner);
      expect("nll", on_out, out);
      kernels::nll_pullback(rows, classes, target.data(), host, of_nll, dout.data(), dx.data());
      kernels::cuda::nll_pullback(launcher, rows, classes, on_target.data(), settings, counted.data(), on_dout.data(),
                                  on_dx.data(), inner);
      expect("nll, dlogits", on_dx, placed(dx));
    }
  }

  if (inner != 1) return;
  auto const bad = device.upload(std::vector<std::size_t>(1, 77));
  for (std::size_t const at : {rows, rows / 2}) {
    if (at < rows) target[at] = static_cast<std::int64_t>(classes);
    auto const on_bad = device.upload(target);
    kernels::cuda::first_bad_target(launcher, rows, classes, on_bad.data(), -100, bad.data());
    if (device.download(bad)[0] != at) failures.add("first_bad_target of " + std::to_string(rows));
  }
}

/// A loss of pairs with every reduction, and BCE with weights of columns.
template <class Loss, class Device>
void loss_case(Device& device, Failures& failures, Loss const& f, std::size_t n, std::size_t shift) {
  auto& launcher = device.launcher();
  auto x = random<float>(n, 1);
  auto target = random<float>(n, 2);
  for (float& v : x) v = 0.5f + 0.49f * v;
  for (float& v : target) v = 0.5f + 0.49f * v;
  constexpr std::size_t columns = 3;
  std::vector<float> const weight = {0.5f, 1, 2};
  auto const on_x = device.upload(x, shift);
  auto const on_target = device.upload(target, shift);
  auto const on_weight = device.upload(weight);
  for (kernels::Reduction const reduction :
       {kernels::Reduction::none, kernels::Reduction::mean, kernels::Reduction::sum}) {
    std::string const what = std::string(Loss::name) + " of " + std::to_string(n) + ", reduction " +
                             std::to_string(static_cast<int>(reduction)) + ": ";
    std::size_t const outs = reduction == kernels::Reduction::none ? n : 1;
    auto const dout = random<float>(outs, 3);
    auto const on_dout = device.upload(dout, shift);
    std::vector<float> out(outs);
    auto const on_out = device.upload(std::vector<float>(outs, NAN), shift);
    auto dx = random<float>(n, 4), dtarget = random<float>(n, 5);
    auto const on_dx = device.upload(dx, shift);
    auto const on_dtarget = device.upload(dtarget, shift);
    auto const expect = [&](char const* name) {
      failures.expect_close(what + name, device.download(on_out), out, 2e-6);
      failures.expect_close(what + name + " dx", device.download(on_dx), dx, 2e-6);
      failures.expect_close(what + name + " dtarget", device.download(on_dtarget), dtarget, 2e-6);
    };
    kernels::loss(f, n, x.data(), target.data(), reduction, out.data());
    kernels::loss_pullback(f, n, x.data(), target.data(), reduction, dout.data(), dx.data(), dtarget.data());
    kernels::cuda::loss(launcher, f, n, on_x.data(), on_target.data(), reduction, on_out.data());
    kernels::cuda::loss_pullback(launcher, f, n, on_x.data(), on_target.data(), reduction, on_dout.data(), on_dx.data(),
                                 on_dtarget.data());
    expect("");
    if (n % columns != 0 || n == 0) continue;
    std::size_t const rows = n / columns;
    kernels::bce_with_logits(rows, columns, x.data(), target.data(), weight.data(), reduction, out.data());
    kernels::bce_with_logits_pullback(rows, columns, x.data(), target.data(), weight.data(), reduction, dout.data(),
                                      dx.data(), dtarget.data());
    kernels::cuda::bce_with_logits(launcher, rows, columns, on_x.data(), on_target.data(), on_weight.data(), reduction,
                                   on_out.data());
    kernels::cuda::bce_with_logits_pullback(launcher, rows, columns, on_x.data(), on_target.data(), on_weight.data(),
                                            reduction, on_dout.data(), on_dx.data(), on_dtarget.data());
    expect("bce");
  }
}

}  // namespace cuda_test
