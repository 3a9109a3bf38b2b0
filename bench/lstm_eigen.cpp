// bench/lstm_eigen.cpp: the cells of lstm.hpp in fixed-size Eigen, compiled with -O3 -march=native.
// SPDX-License-Identifier: BSL-1.0
//
// As real-time audio libraries have it: one product of all weights with (x, h, 1), in the order of columns, then vector
// forms of tanh and of the logistic function, which Eigen has.
#include "lstm.hpp"

#include <Eigen/Dense>

namespace bench {
namespace {

template <std::size_t R, std::size_t C>
using Matrix = Eigen::Matrix<float, static_cast<int>(R), static_cast<int>(C)>;
template <std::size_t N>
using Vector = Eigen::Matrix<float, static_cast<int>(N), 1>;

template <std::size_t H>
struct Lstm {
  Matrix<4 * H, H + 2> weights;  // gates i, f, o, g
  Vector<H + 2> in;  // (x, h, 1)
  Vector<4 * H> gates;
  Vector<H> c;

  Lstm() {
    fill_small(weights.data(), static_cast<std::size_t>(weights.size()));
    in.setZero();
    in(static_cast<int>(H) + 1) = 1;
    c.setZero();
  }
  float step() {
    constexpr int h = static_cast<int>(H);
    in(0) = sample();
    gates.noalias() = weights * in;
    gates.template head<3 * h>() = gates.template head<3 * h>().array().logistic();
    gates.template tail<h>() = gates.template tail<h>().array().tanh();
    c = gates.template segment<h>(h).cwiseProduct(c) + gates.template head<h>().cwiseProduct(gates.template tail<h>());
    in.template segment<h>(1) = gates.template segment<h>(2 * h).array() * c.array().tanh();
    return in(1);
  }
};

template <std::size_t H>
struct Gru {
  Matrix<3 * H, 2> from_x;  // of (x, 1); gates r, z, n
  Matrix<3 * H, H> from_h;
  Vector<3 * H> bias;
  Vector<3 * H> a, b;
  Vector<H> h;
  Vector<2> in;

  Gru() {
    fill_small(from_x.data(), static_cast<std::size_t>(from_x.size()));
    fill_small(from_h.data(), static_cast<std::size_t>(from_h.size()));
    fill_small(bias.data(), static_cast<std::size_t>(bias.size()));
    h.setZero();
    in << 0, 1;
  }
  float step() {
    constexpr int n = static_cast<int>(H);
    in(0) = sample();
    a.noalias() = from_x * in;
    b.noalias() = from_h * h;
    b += bias;
    a.template head<2 * n>() = (a.template head<2 * n>() + b.template head<2 * n>()).array().logistic();
    a.template tail<n>() =
        (a.template tail<n>().array() + a.template head<n>().array() * b.template tail<n>().array()).tanh();
    h = a.template tail<n>() + a.template segment<n>(n).cwiseProduct(h - a.template tail<n>());
    return h(0);
  }
};

template <class Cell>
float step() {
  static Cell& cell = *new Cell;
  return cell.step();
}

}  // namespace

Recurrent eigen_recurrent() { return {step<Lstm<20>>, step<Lstm<32>>, step<Lstm<40>>, step<Gru<32>>}; }

}  // namespace bench
