// tests/kernels/matmul_test.cpp, mirrors include/ashlar/kernels/matmul.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/matmul/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/matmul/reference.hpp>

#include "support.hpp"

namespace {

struct Sizes {
  std::size_t m, k, n;
};

template <class T>
void check_matmul(Sizes s) {
  CAPTURE(s.m, s.k, s.n, sizeof(T));
  auto a = random_values<T>(s.m * s.k, 1);
  auto b = random_values<T>(s.k * s.n, 2);
  auto dc = random_values<T>(s.m * s.n, 3);
  Guarded<T> c(s.m * s.n), c_expected(s.m * s.n);
  k::matmul(s.m, s.k, s.n, a.data(), b.data(), c.data());
  k::reference::matmul(s.m, s.k, s.n, a.data(), b.data(), c_expected.data());
  CHECK(error(c, c_expected, s.k) < 2);
  CHECK(c.intact());

  auto da = random_values<T>(s.m * s.k, 4);
  auto da_expected = random_values<T>(s.m * s.k, 4);
  k::matmul_backward_a(s.m, s.k, s.n, dc.data(), b.data(), da.data());
  k::reference::matmul_backward_a(s.m, s.k, s.n, dc.data(), b.data(), da_expected.data());
  CHECK(error(da, da_expected, s.n) < 2);
  CHECK(da.intact());

  auto db = random_values<T>(s.k * s.n, 5);
  auto db_expected = random_values<T>(s.k * s.n, 5);
  k::matmul_backward_b(s.m, s.k, s.n, a.data(), dc.data(), db.data());
  k::reference::matmul_backward_b(s.m, s.k, s.n, a.data(), dc.data(), db_expected.data());
  CHECK(error(db, db_expected, s.m) < 2);
  CHECK(db.intact());
}

template <class T>
void check_sizes() {
  for (std::size_t m : {0u, 1u, 5u, 6u, 7u, 13u, 25u}) {
    for (std::size_t n : {0u, 1u, 7u, 8u, 9u, 15u, 16u, 17u, 33u, 65u}) {
      for (std::size_t p : {0u, 1u, 3u, 8u, 20u}) check_matmul<T>({m, p, n});
    }
  }
  check_matmul<T>({70, 300, 100});  // more than one block of k, packed panels
  check_matmul<T>({3, 5, 1100});
}

}  // namespace

KERNEL_CASE("matmul and its pullbacks agree with the reference, float") { each_isa(check_sizes<float>); }

KERNEL_CASE("matmul and its pullbacks agree with the reference, double") { each_isa(check_sizes<double>); }
