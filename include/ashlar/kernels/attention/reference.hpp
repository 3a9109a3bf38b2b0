// kernels/attention/reference.hpp: scaled dot product attention and its pullback as plain loops, the oracle of cpu.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/kernels/attention/shape.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace ashlar::kernels::reference {

/// p = softmax(scale * q * transpose(k) + masks), y = p * v: p (batch, heads, targets, sources).
template <class T>
void attention(AttentionShape const& s, AttentionMask<T> const& mask, T const* q, T const* k, T const* v, T* y, T* p) {
  for (std::size_t b = 0; b < s.batch; ++b) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      for (std::size_t i = 0; i < s.targets; ++i, p += s.sources) {
        double largest = -std::numeric_limits<double>::infinity();
        std::vector<double> score(s.sources);
        for (std::size_t j = 0; j < s.sources; ++j) {
          for (std::size_t e = 0; e < s.size; ++e) {
            score[j] += static_cast<double>(q[b * s.q.batch + h * s.q.head + i * s.q.row + e]) *
                        static_cast<double>(k[b * s.k.batch + h * s.k.head + j * s.k.row + e]);
          }
          score[j] *= s.scale;
          if (mask.mask != nullptr) {
            score[j] += static_cast<double>(mask.mask[b * mask.batch + h * mask.head + i * s.sources + j]);
          }
          if (mask.padding != nullptr) score[j] += static_cast<double>(mask.padding[b * s.sources + j]);
          if (s.is_causal && j > i) score[j] = -std::numeric_limits<double>::infinity();
          if (score[j] > largest) largest = score[j];
        }
        double total = 0;
        for (double& w : score) total += w = std::exp(w - largest);
        for (std::size_t j = 0; j < s.sources; ++j) p[j] = static_cast<T>(score[j] / total);
        for (std::size_t e = 0; e < s.value_size; ++e) {
          double sum = 0;
          for (std::size_t j = 0; j < s.sources; ++j) {
            sum += score[j] / total * static_cast<double>(v[b * s.v.batch + h * s.v.head + j * s.v.row + e]);
          }
          y[b * s.y.batch + h * s.y.head + i * s.y.row + e] = static_cast<T>(sum);
        }
      }
    }
  }
}

/// Pullback of attention with both its results, from p. dp may be null. Adds; any of dq, dk, dv may be null.
template <class T>
void attention_backward(AttentionShape const& s, T const* q, T const* k, T const* v, T const* p, T const* dy,
                        T const* dp, T* dq, T* dk, T* dv) {
  std::size_t at = 0;
  for (std::size_t b = 0; b < s.batch; ++b) {
    for (std::size_t h = 0; h < s.heads; ++h) {
      for (std::size_t i = 0; i < s.targets; ++i, at += s.sources) {
        T const* const dyi = dy + b * s.y.batch + h * s.y.head + i * s.y.row;
        std::vector<double> slope(s.sources);
        double mean = 0;
        for (std::size_t j = 0; j < s.sources; ++j) {
          std::size_t const vj = b * s.v.batch + h * s.v.head + j * s.v.row;
          slope[j] = dp != nullptr ? static_cast<double>(dp[at + j]) : 0;
          for (std::size_t e = 0; e < s.value_size; ++e) {
            slope[j] += static_cast<double>(dyi[e]) * static_cast<double>(v[vj + e]);
            if (dv != nullptr) dv[vj + e] += dyi[e] * p[at + j];
          }
          mean += slope[j] * static_cast<double>(p[at + j]);
        }
        for (std::size_t j = 0; j < s.sources; ++j) {
          double const d = static_cast<double>(p[at + j]) * (slope[j] - mean) * s.scale;
          for (std::size_t e = 0; e < s.size; ++e) {
            std::size_t const qi = b * s.q.batch + h * s.q.head + i * s.q.row + e;
            std::size_t const kj = b * s.k.batch + h * s.k.head + j * s.k.row + e;
            if (dq != nullptr) dq[qi] += static_cast<T>(d * static_cast<double>(k[kj]));
            if (dk != nullptr) dk[kj] += static_cast<T>(d * static_cast<double>(q[qi]));
          }
        }
      }
    }
  }
}

}  // namespace ashlar::kernels::reference
