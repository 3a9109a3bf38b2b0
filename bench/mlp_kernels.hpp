// bench/mlp_kernels.hpp: the networks of mlp.hpp as calls of the bare kernels on memory that is there already. What the
// library takes beyond this is its own.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "mlp.hpp"

#include <ashlar/kernels/linear/cpu.hpp>
#include <ashlar/kernels/loss/cpu.hpp>
#include <ashlar/kernels/optimizer/cpu.hpp>
#include <ashlar/kernels/pointwise/cpu.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bench::bare {

namespace k = ashlar::kernels;

struct Infer {
  alignas(64) float w1[infer_hidden * infer_in];
  alignas(64) float b1[infer_hidden];
  alignas(64) float w2[infer_out * infer_hidden];
  alignas(64) float b2[infer_out];
  alignas(64) float x[64 * infer_in];
  alignas(64) float h[64 * infer_hidden];
  alignas(64) float y[64 * infer_out];
};

struct Net {
  alignas(64) float w1[train_hidden * train_in];
  alignas(64) float b1[train_hidden];
  alignas(64) float w2[train_out * train_hidden];
  alignas(64) float b2[train_out];
};

struct Train {
  Net net, grad, m, v;
  alignas(64) float x[train_rows * train_in];
  alignas(64) float z[train_rows * train_hidden], h[train_rows * train_hidden];
  alignas(64) float dh[train_rows * train_hidden], dz[train_rows * train_hidden];
  alignas(64) float y[train_rows * train_out], dy[train_rows * train_out];
  float norm[train_rows];
  std::int64_t target[train_rows];
  int step;
};

inline Infer& inference() {
  static Infer* const s = [] {
    Infer* p = new Infer;
    fill(reinterpret_cast<float*>(p), sizeof(Infer) / sizeof(float), 0.1f);
    return p;
  }();
  return *s;
}

template <std::size_t Rows>
float infer() {
  Infer& s = inference();
  k::linear<infer_in, infer_hidden>(Rows, s.x, s.w1, s.b1, s.h);
  k::map(k::ReLU{}, Rows * infer_hidden, s.h, s.h);
  k::linear<infer_hidden, infer_out>(Rows, s.h, s.w2, s.b2, s.y);
  return s.y[0];
}

inline Train& training() {
  static Train* const s = [] {
    Train* p = new Train{};
    fill(reinterpret_cast<float*>(&p->net), sizeof(Net) / sizeof(float), 0.1f);
    fill(p->x, train_rows * train_in, 1.0f);
    for (std::size_t r = 0; r < train_rows; ++r) p->target[r] = static_cast<std::int64_t>(r % train_out);
    return p;
  }();
  return *s;
}

inline constexpr std::size_t parameters =
    sizeof(Net) / sizeof(float);  // the block an optimizer walks, padding included
inline float* flat(Net& n) { return reinterpret_cast<float*>(&n); }

inline float gradients(Train& s) {
  k::linear<train_in, train_hidden>(train_rows, s.x, s.net.w1, s.net.b1, s.z);
  k::map(k::ReLU{}, train_rows * train_hidden, s.z, s.h);
  k::linear<train_hidden, train_out>(train_rows, s.h, s.net.w2, s.net.b2, s.y);
  k::CrossEntropy<float> const settings;
  float loss = 0;
  double const counted = k::cross_entropy(train_rows, train_out, s.y, s.target, settings, &loss, s.norm);
  k::fill(parameters, 0.0f, flat(s.grad));
  k::fill(train_rows * train_out, 0.0f, s.dy);
  k::fill(train_rows * train_hidden, 0.0f, s.dh);
  k::fill(train_rows * train_hidden, 0.0f, s.dz);
  float const one = 1;
  k::cross_entropy_pullback(train_rows, train_out, s.y, s.target, settings, s.norm, counted, &one, s.dy);
  k::linear_backward_parameters<train_hidden, train_out>(train_rows, s.h, s.dy, s.grad.w2, s.grad.b2);
  k::linear_backward_input<train_hidden, train_out>(train_rows, s.dy, s.net.w2, s.dh);
  k::map_pullback(k::ReLU{}, train_rows * train_hidden, s.z, s.h, s.dh, s.dz);
  k::linear_backward_parameters<train_in, train_hidden>(train_rows, s.x, s.dz, s.grad.w1, s.grad.b1);
  return loss;
}

inline float train_sgd() {
  Train& s = training();
  float const loss = gradients(s);
  k::sgd(parameters, k::SgdStep<float>{.lr = 0.01, .momentum = 0.9}, flat(s.net), flat(s.grad), flat(s.m));
  return loss;
}

inline float train_adam() {
  Train& s = training();
  float const loss = gradients(s);
  k::AdamStep<float> step;
  ++s.step;
  step.bias_correction1 = 1 - std::pow(step.beta1, s.step);
  step.bias_correction2 = 1 - std::pow(step.beta2, s.step);
  k::adam(parameters, step, flat(s.net), flat(s.grad), flat(s.m), flat(s.v), static_cast<float*>(nullptr));
  return loss;
}

inline Contestant contestant() { return {infer<1>, infer<64>, train_sgd, train_adam}; }

}  // namespace bench::bare
