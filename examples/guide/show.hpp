// Prints tensors for the examples of the guide, with four decimals.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/shape.hpp>

#include <cstddef>
#include <cstdio>
#include <string_view>

/// "net(x) (2, 10)" and a line for each row.
inline void show(std::string_view what, auto const& x) {
  std::printf("%.*s %s", static_cast<int>(what.size()), what.data(), ashlar::to_string(x.shape()).c_str());
  std::size_t const columns = x.shape().rank == 0 ? 1 : x.shape().back();
  for (std::size_t i = 0; i < x.numel(); ++i) {
    std::printf("%s%8.4f", i % columns == 0 ? "\n" : "", static_cast<double>(x.data()[i]));
  }
  std::printf("\n");
}
