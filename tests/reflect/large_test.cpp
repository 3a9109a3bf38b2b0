// tests/reflect/large_test.cpp: manifests of large types, within the limits of both compilers.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/reflect/layout.hpp>

#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/sequential.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

using ashlar::Linear;
using ashlar::manifest;

namespace {

// 200 layers in one Sequential. Of 10 types, to keep this file cheap: with 200 types it takes 14 s (g++, clang), not 4.
template <std::size_t... I>
ashlar::Sequential<Linear<I % 10 + 1, (I + 1) % 10 + 1>...> deep(std::index_sequence<I...>);
using Deep = decltype(deep(std::make_index_sequence<200>{}));
static_assert(manifest<Deep>().size() == 400 && manifest<Deep>()[399].key == "199.bias");
static_assert(manifest<Deep>()[398].offset + manifest<Deep>()[398].bytes <= manifest<Deep>()[399].offset);
static_assert(manifest<Deep>()[399].offset + 64 == sizeof(Deep));

// 4096 tensors: 64 groups of 32 layers. 10 GB if it were ever made.
struct Group {
  std::array<Linear<4096, 64>, 16> low;
  std::array<Linear<64, 4096>, 16> high;
};
struct Wide {
  std::array<Group, 64> groups;
};
static_assert(manifest<Wide>().size() == 4096);
static_assert(manifest<Wide>()[4095].key == "groups.63.high.15.bias");
static_assert(manifest<Wide>()[4095].offset + 4096 * 4 == sizeof(Wide) && sizeof(Wide) > (std::size_t{1} << 31));

}  // namespace

TEST_CASE("offsets far down a long Sequential are the addresses") {
  using namespace ashlar::literals;
  auto const net = std::make_unique<Deep>();
  auto const at = [&](auto const& member) {
    return static_cast<std::size_t>(reinterpret_cast<char const*>(&member) - reinterpret_cast<char const*>(net.get()));
  };
  CHECK(manifest<Deep>()[2 * 8].offset == at((*net)[8_c].weight));
  CHECK(manifest<Deep>()[2 * 63 + 1].offset == at((*net)[63_c].bias));
  CHECK(manifest<Deep>()[2 * 64].offset == at((*net)[64_c].weight));
  CHECK(manifest<Deep>()[2 * 199 + 1].offset == at((*net)[199_c].bias));
}

TEST_CASE("beyond 1000 rows the fingerprint is computed once, by the program") {
  auto const& fingerprint = ashlar::fingerprint_of<Wide>();
  CHECK(&fingerprint == &ashlar::fingerprint_of<Wide>());
  CHECK(fingerprint == ashlar::fingerprint(manifest<Wide>(), sizeof(Wide)));
  static_assert(ashlar::detail::constexpr_fingerprint<Deep> != ashlar::Fingerprint{});
}
