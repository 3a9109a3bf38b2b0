// tests/kernels/embedding_test.cpp, mirrors include/ashlar/kernels/embedding.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/embedding/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/embedding/reference.hpp>

#include "support.hpp"

namespace {

template <class I, class T>
void check_embedding(std::size_t dim) {
  constexpr std::size_t rows = 7;
  std::vector<I> const index{3, 0, 3, 6, 3, 1};
  for (std::size_t count = 0; count <= index.size(); ++count) {
    CAPTURE(count, dim, sizeof(T), sizeof(I));
    auto weight = random_values<T>(rows * dim, 1);
    auto dy = random_values<T>(count * dim, 2, 3);
    Guarded<T> y(count * dim), expected(count * dim);
    k::embedding(count, dim, index.data(), weight.data(), y.data());
    k::reference::embedding(count, dim, index.data(), weight.data(), expected.data());
    CHECK(same_bits(y.data(), expected.data(), count * dim));
    CHECK(y.intact());
    for (std::size_t const padding : {std::size_t{3}, std::size_t{0}, static_cast<std::size_t>(-1)}) {
      auto dweight = random_values<T>(rows * dim, 3);
      auto dweight_expected = random_values<T>(rows * dim, 3);
      k::embedding_backward(count, dim, index.data(), padding, dy.data(), dweight.data());
      k::reference::embedding_backward(count, dim, index.data(), padding, dy.data(), dweight_expected.data());
      CHECK(same_bits(dweight.data(), dweight_expected.data(), rows * dim));
      CHECK(dweight.intact());
    }
  }
}

}  // namespace

KERNEL_CASE("embedding and its pullback have the bits of the reference") {
  each_isa([] {
    for (std::size_t const dim : {1u, 4u, 7u, 16u, 17u, 33u}) {
      check_embedding<std::int64_t, float>(dim);
      check_embedding<std::int32_t, double>(dim);
    }
  });
}

KERNEL_CASE("the first index that is no row is found") {
  std::int64_t const index[] = {0, 4, 5, -1};
  CHECK(k::first_bad_index(2, 5, index) == 2);
  CHECK(k::first_bad_index(4, 5, index) == 2);
  CHECK(k::first_bad_index(4, 6, index) == 3);
  CHECK(k::first_bad_index(0, 0, index) == 0);
}
