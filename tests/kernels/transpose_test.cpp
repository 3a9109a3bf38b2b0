// tests/kernels/transpose_test.cpp, mirrors include/ashlar/kernels/transpose.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/transpose/cpu.hpp>  // first: shows if the header misses an include

#include "support.hpp"

KERNEL_CASE("transpose puts element (b, r, c) at (b, c, r), and transpose_add adds it there") {
  for (std::size_t const batch : {0, 1, 2}) {
    for (std::size_t const rows : {0, 1, 3}) {
      for (std::size_t const columns : {0, 1, 4}) {
        std::size_t const n = batch * rows * columns;
        auto x = random_values<float>(n, 1);
        Guarded<float> y(n);
        k::transpose(batch, rows, columns, x.data(), y.data());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < n; ++i) {
          std::size_t const b = i / (rows * columns), r = i / columns % rows, c = i % columns;
          wrong += y[(b * columns + c) * rows + r] != x[i];
        }
        CHECK(wrong == 0);
        CHECK(y.intact());
        Guarded<float> twice(n);
        for (std::size_t i = 0; i < n; ++i) twice[i] = x[i];
        k::transpose_add(batch, columns, rows, y.data(), twice.data());
        for (std::size_t i = 0; i < n; ++i) wrong += twice[i] != x[i] + x[i];
        CHECK(wrong == 0);
        CHECK(twice.intact());
      }
    }
  }
}
