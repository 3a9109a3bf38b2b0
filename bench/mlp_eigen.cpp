// bench/mlp_eigen.cpp: the networks of mlp.hpp in fixed-size Eigen, compiled with -O3 -march=native.
// SPDX-License-Identifier: BSL-1.0
#include "mlp.hpp"

#include <Eigen/Dense>

#include <cmath>

namespace bench {
namespace {

template <std::size_t R, std::size_t C>
using Matrix = Eigen::Matrix<float, static_cast<int>(R), static_cast<int>(C),
                             R != 1 && C == 1 ? Eigen::ColMajor : Eigen::RowMajor>;
template <std::size_t N>
using Vector = Eigen::Matrix<float, static_cast<int>(N), 1>;

struct Infer {
  Matrix<infer_hidden, infer_in> w1;
  Vector<infer_hidden> b1;
  Matrix<infer_out, infer_hidden> w2;
  Vector<infer_out> b2;
  Vector<infer_in> x;
  Vector<infer_hidden> h;
  Vector<infer_out> y;
  Matrix<64, infer_in> x64;
  Matrix<64, infer_hidden> h64;
  Matrix<64, infer_out> y64;
};

struct Net {
  Matrix<train_hidden, train_in> w1;
  Vector<train_hidden> b1;
  Matrix<train_out, train_hidden> w2;
  Vector<train_out> b2;
};

struct Train {
  Net net, grad, m, v;
  Matrix<train_rows, train_in> x;
  Matrix<train_rows, train_hidden> h, dh;
  Matrix<train_rows, train_out> y, dy;
  int target[train_rows];
  int step;
};

template <class T>
T& made() {
  static T* const t = [] {
    T* p = new T;
    fill(reinterpret_cast<float*>(p), sizeof(T) / sizeof(float), 0.1f);
    return p;
  }();
  return *t;
}

float infer1() {
  Infer& s = made<Infer>();
  s.h.noalias() = s.w1 * s.x;
  s.h = (s.h + s.b1).cwiseMax(0.0f);
  s.y.noalias() = s.w2 * s.h;
  s.y += s.b2;
  return s.y[0];
}

float infer64() {
  Infer& s = made<Infer>();
  s.h64.noalias() = s.x64 * s.w1.transpose();
  s.h64 = (s.h64.rowwise() + s.b1.transpose()).cwiseMax(0.0f);
  s.y64.noalias() = s.h64 * s.w2.transpose();
  s.y64.rowwise() += s.b2.transpose();
  return s.y64(0, 0);
}

Train& training() {
  static Train* const t = [] {
    Train* p = &made<Train>();
    for (std::size_t r = 0; r < train_rows; ++r) p->target[r] = static_cast<int>(r % train_out);
    for (Net* n : {&p->m, &p->v}) {
      n->w1.setZero();
      n->b1.setZero();
      n->w2.setZero();
      n->b2.setZero();
    }
    p->step = 0;
    return p;
  }();
  return *t;
}

float gradients(Train& s) {
  s.h.noalias() = s.x * s.net.w1.transpose();
  s.h = (s.h.rowwise() + s.net.b1.transpose()).cwiseMax(0.0f);
  s.y.noalias() = s.h * s.net.w2.transpose();
  s.y.rowwise() += s.net.b2.transpose();
  float loss = 0;
  for (std::size_t row = 0; row < train_rows; ++row) {
    auto const r = static_cast<Eigen::Index>(row);
    float const largest = s.y.row(r).maxCoeff();
    s.dy.row(r) = (s.y.row(r).array() - largest).exp();
    float const total = s.dy.row(r).sum();
    loss += std::log(total) + largest - s.y(r, s.target[row]);
    s.dy.row(r) /= total * static_cast<float>(train_rows);
    s.dy(r, s.target[row]) -= 1.0f / static_cast<float>(train_rows);
  }
  s.grad.w2.noalias() = s.dy.transpose() * s.h;
  s.grad.b2 = s.dy.colwise().sum().transpose();
  s.dh.noalias() = s.dy * s.net.w2;
  s.dh = (s.h.array() > 0).select(s.dh, 0.0f);
  s.grad.w1.noalias() = s.dh.transpose() * s.x;
  s.grad.b1 = s.dh.colwise().sum().transpose();
  return loss / static_cast<float>(train_rows);
}

template <class F>
void each_parameter(Train& s, F const& f) {
  f(s.net.w1, s.grad.w1, s.m.w1, s.v.w1);
  f(s.net.b1, s.grad.b1, s.m.b1, s.v.b1);
  f(s.net.w2, s.grad.w2, s.m.w2, s.v.w2);
  f(s.net.b2, s.grad.b2, s.m.b2, s.v.b2);
}

float train_sgd() {
  Train& s = training();
  float const loss = gradients(s);
  each_parameter(s, [](auto& p, auto const& g, auto& m, auto&) {
    m = 0.9f * m + g;
    p -= 0.01f * m;
  });
  return loss;
}

float train_adam() {
  Train& s = training();
  float const loss = gradients(s);
  ++s.step;
  float const root = static_cast<float>(std::sqrt(1 - std::pow(0.999, s.step)));
  float const size = static_cast<float>(0.001 / (1 - std::pow(0.9, s.step))) * root;
  each_parameter(s, [&](auto& p, auto const& g, auto& m, auto& v) {
    m += 0.1f * (g - m);
    v = 0.999f * v + 0.001f * g.cwiseProduct(g);
    p.array() -= size * m.array() / (v.array().sqrt() + 1e-8f * root);
  });
  return loss;
}

}  // namespace

Contestant eigen_mlp() { return {infer1, infer64, train_sgd, train_adam}; }

}  // namespace bench
