// tests/core/rng_test.cpp, mirrors include/ashlar/core/rng.hpp and torch_rng.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/rng.hpp>
#include <ashlar/core/torch_rng.hpp>

#include "support/close.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

using ashlar::Rng;
using ashlar::TorchRng;
using namespace ashlar::test;

// ---- Rng -----------------------------------------------------------------------------------------------------------

static_assert(std::is_aggregate_v<Rng> && std::is_trivially_copyable_v<Rng> && sizeof(Rng) == 16);

// Random123, tests/kat_vectors: counter, key, result. The third is made of the digits of pi.
constexpr bool is(ashlar::RngBlock a, ashlar::RngBlock b) { return std::ranges::equal(a.word, b.word); }
static_assert(is(ashlar::philox4x32({{0, 0, 0, 0}}, 0, 0), {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}));
static_assert(is(ashlar::philox4x32({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u),
                 {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}));
static_assert(is(ashlar::philox4x32({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0),
                 {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}));

TEST_CASE("Rng: word c of seed s is a function of c and s") {
  Rng rng{0};
  CHECK(rng.next_u32() == 0x6627e8d5);
  CHECK(rng.next_u64() == 0xe169c58dbc57ac4c);
  CHECK(rng.counter == 3);
  Rng later{.seed = 7, .counter = (std::uint64_t{1} << 40) + 3};
  CHECK(later.next_u32() == ashlar::rng_block(7, std::uint64_t{1} << 38).word[3]);
}

TEST_CASE("Rng: a fill is the single draws, wherever it starts and however it is cut") {
  for (std::uint64_t start : {0u, 1u, 3u, 4u}) {
    for (std::size_t n : {0u, 1u, 3u, 4u, 5u, 9u}) {
      CAPTURE(start, n);
      Rng one{42, start};
      Rng bulk = one;
      Rng cut = one;
      std::vector<float> a(n), b(n);
      std::vector<double> c(n), d(n);
      for (float& x : a) x = one.uniform<float>(-2.0f, 3.0f);
      for (double& x : c) x = one.normal<double>(1, 2);
      bulk.fill_uniform(std::span(b), -2.0f, 3.0f);
      bulk.fill_normal(std::span(d), 1.0, 2.0);
      CHECK(same_bits(a, b));
      CHECK(same_bits(c, d));
      CHECK(one.counter == bulk.counter);
      cut.fill_uniform(std::span(b).first(n / 2), -2.0f, 3.0f);
      cut.fill_uniform(std::span(b).subspan(n / 2), -2.0f, 3.0f);
      CHECK(same_bits(a, b));
    }
  }
}

TEST_CASE("Rng: moments of uniform and normal numbers") {
  constexpr std::size_t n = 200000;
  Rng rng{1};
  auto const moments = [](std::vector<double> const& x) {
    double mean = 0, square = 0;
    for (double const v : x) mean += v / n;
    for (double const v : x) square += (v - mean) * (v - mean) / n;
    return std::pair(mean, square);
  };
  std::vector<double> x(n);
  rng.fill_uniform(std::span(x));
  CHECK(*std::min_element(x.begin(), x.end()) >= 0);
  CHECK(*std::max_element(x.begin(), x.end()) < 1);
  CHECK(std::abs(moments(x).first - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(moments(x).second - 1.0 / 12) < 1e-3);
  rng.fill_normal(std::span(x), 3.0, 2.0);
  CHECK(std::abs(moments(x).first - 3) < 5 * 2 / std::sqrt(double(n)));
  CHECK(std::abs(moments(x).second - 4) < 0.07);
}

TEST_CASE("Rng: below is in range, reaches both ends, and is unbiased") {
  Rng rng{3};
  CHECK(rng.below(0) == 0);
  CHECK(rng.below(1) == 0);
  CHECK(rng.counter == 0);
  std::array<int, 7> count{};
  for (int i = 0; i < 70000; ++i) ++count[rng.below(7)];
  for (int const c : count) CHECK(std::abs(c - 10000) < 500);  // 5 standard deviations
  for (std::uint64_t n :
       {std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 1, std::uint64_t{3} << 62, ~std::uint64_t{0}}) {
    std::uint64_t largest = 0;
    for (int i = 0; i < 200; ++i) {
      std::uint64_t const x = rng.below(n);
      REQUIRE(x < n);
      largest = std::max(largest, x);
    }
    CHECK(largest > n / 10 * 9);
  }
}

TEST_CASE("Rng: a shuffle is a permutation, and all of them occur") {
  Rng rng{5};
  std::array<int, 24> count{};
  for (int k = 0; k < 24000; ++k) {
    std::array<int, 4> p{0, 1, 2, 3};
    rng.shuffle(std::span(p));
    std::array<int, 4> sorted = p;
    std::sort(sorted.begin(), sorted.end());
    REQUIRE(sorted == std::array{0, 1, 2, 3});
    int index = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      index = index * static_cast<int>(4 - i) + static_cast<int>(std::count_if(p.begin() + static_cast<int>(i), p.end(),
                                                                               [&](int v) { return v < p[i]; }));
    }
    ++count[static_cast<std::size_t>(index)];
  }
  for (int const c : count) CHECK(std::abs(c - 1000) < 160);
}

TEST_CASE("Rng: forks differ from each other and from their origin") {
  Rng rng{0};
  Rng a = rng.fork();
  Rng b = rng.fork();
  CHECK(rng.counter == 2);
  CHECK(a.counter == 0);
  CHECK(a.seed != b.seed);
  CHECK(a.next_u64() != b.next_u64());
  CHECK(Rng{0}.fork().seed == Rng{0}.fork().seed);
  CHECK(Rng{0}.fork().seed != Rng{0}.next_u64());
}

TEST_CASE("Rng: a dropout mask depends on its elements' numbers alone") {
  for (std::size_t n : {0u, 1u, 3u, 4u, 5u, 8u, 1001u}) {
    for (double p : {0.0, 0.3, 0.5, 1.0, -1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
      CAPTURE(n, p);
      Rng rng{9, 5};
      std::vector<float> mask(n + 1, -1.0f);  // the last is a guard
      rng.dropout_mask(n, p, mask.data());
      CHECK(rng.counter == 8 + (n + 3) / 4 * 4);
      CHECK(mask[n] == -1.0f);
      double const q = p > 0 ? std::min(p, 1.0) : 0;
      bool right = true;
      for (std::size_t i = 0; i < n; ++i) {
        bool const dropped = ashlar::rng_word(9, 8 + i) < ashlar::dropout_threshold(p);
        right = right && mask[i] == (dropped ? 0.0f : static_cast<float>(1 / (1 - q)));
      }
      CHECK(right);
    }
  }
  std::vector<double> mask(100000);
  Rng{11}.dropout_mask(mask.size(), 0.3, mask.data());
  auto const dropped = std::count(mask.begin(), mask.end(), 0.0);
  CHECK(std::abs(static_cast<double>(dropped) - 30000) < 5 * std::sqrt(100000 * 0.3 * 0.7));
}

// ---- TorchRng: values drawn by torch after torch.manual_seed(0)
// ------------------------------------------------------

static_assert(std::is_trivially_copyable_v<TorchRng>);
static_assert([] {
  TorchRng r(5489);
  for (int i = 0; i < 9999; ++i) r.random();
  return r.random();
}() == 4123659995u);

namespace {

SafeTensors const& golden() {
  static SafeTensors const file(ASHLAR_TEST_DATA "/d2l/rng.safetensors");
  return file;
}

template <class T>
void check_normal(char const* key, std::size_t n, double mean, double std, double tolerance) {
  CAPTURE(key);
  std::vector<T> x(n);
  TorchRng(0).fill_normal(std::span(x), mean, std);
  expect_close(x, golden().values<T>(key), tolerance, tolerance * std);
}

}  // namespace

TEST_CASE("TorchRng: integers, bit by bit") {
  struct Case {
    char const* key;
    std::int64_t low, high;
  };
  for (auto const& [key, low, high] :
       {Case{"randint_0_10", 0, 10}, Case{"randint_-5_100", -5, 100}, Case{"randint_0_2_40", 0, std::int64_t{1} << 40},
        Case{"random_int32_range_2_32", 0, std::int64_t{1} << 32}}) {
    CAPTURE(key);
    auto x = golden().values<std::int64_t>(key);
    auto const expected = x;
    TorchRng r(0);
    for (auto& v : x) v = r.randint(low, high);
    CHECK(x == expected);
  }
  for (std::size_t n : {10u, 1000u}) {
    std::vector<std::int64_t> x(n);
    TorchRng(0).randperm(std::span(x));
    CHECK(x == golden().values<std::int64_t>("randperm_" + std::to_string(n)));
  }
  CHECK(TorchRng((std::uint64_t{1} << 32) + 5).random() == TorchRng(5).random());  // PyTorch keeps 32 bits of a seed
}

TEST_CASE("TorchRng: uniform numbers, bit by bit") {
  std::vector<float> f(20);
  std::vector<double> d(20);
  TorchRng(0).fill_uniform(std::span(f), 0, 1);
  CHECK(same_bits(f, golden().values<float>("rand_f32")));
  TorchRng(0).fill_uniform(std::span(d), 0, 1);
  CHECK(same_bits(d, golden().values<double>("rand_f64")));
  TorchRng(0).fill_uniform(std::span(f), -2, 3);
  CHECK(same_bits(f, golden().values<float>("uniform_-2_3_f32")));
}

namespace {

template <class T>
void check_16_bits(std::array<float, 6> const& uniform, std::array<float, 6> const& normal, std::size_t wrapped) {
  std::vector<T> x(2000);
  TorchRng(0).fill_uniform(std::span(x).first(6), -0.3, 1.7);
  for (std::size_t i = 0; i < 6; ++i) CHECK(static_cast<float>(x[i]) == uniform[i]);
  TorchRng(0).fill_normal(std::span(x).first(20), 1, 2);
  constexpr std::size_t at[] = {0, 3, 4, 15, 16, 19};
  for (std::size_t i = 0; i < 6; ++i) CHECK(static_cast<float>(x[at[i]]) == normal[i]);
  TorchRng(0).fill_uniform(std::span(x), 1, 2);
  CHECK(std::count_if(x.begin(), x.end(), [](T v) { return static_cast<float>(v) >= 2; }) == 0);
  CHECK(static_cast<float>(x[wrapped]) == 1);  // drawn above all that the type holds below 2
}

}  // namespace

// What PyTorch 2.15.0 draws on a CPU after torch.manual_seed(0).
TEST_CASE("TorchRng: 16-bit numbers, and integers of 28 bits, bit by bit") {
  check_16_bits<ashlar::float16>(
      {0.6923828125f, 1.236328125f, -0.123046875f, -0.03594970703125f, 0.31494140625f, 0.96826171875f},
      {-1.251953125f, 0.1322021484375f, -1.705078125f, 1.3671875f, 3.779296875f, -0.6875f}, 337);
  check_16_bits<ashlar::bfloat16>({0.69140625f, 1.234375f, -0.123046875f, -0.035888671875f, 0.314453125f, 0.96875f},
                                  {-1.25f, 0.1318359375f, -1.703125f, 1.3671875f, 3.78125f, -0.6875f}, 51);
  TorchRng small(0), large(0);
  CHECK(small.randint(0, (1 << 28) - 1) == 209652404);
  CHECK(small.randint(0, (1 << 28) - 1) == 130329144);
  CHECK(large.randint(0, 1 << 28) == 130329135);
  CHECK(large.randint(0, 1 << 28) == 136432832);
}

TEST_CASE("TorchRng: bernoulli and dropout, bit by bit") {
  TorchRng rng(0);
  for (float const e : golden().values<float>("bernoulli_0.3")) CHECK(rng.bernoulli(0.3f) == (e != 0));
  rng = TorchRng(0);
  for (float const e : golden().values<float>("dropout_0.5_mask_of_ones"))
    CHECK((rng.dropout_keeps(0.5) ? 2.0f : 0.0f) == e);
  rng = TorchRng(0);
  for (float const e : golden().values<float>("dropout_0.1_mask_of_ones")) CHECK(rng.dropout_keeps(0.1) == (e != 0));
}

// PyTorch's vector unit is off by a few ulp of float in the path of 16 values and more; the other path is double's
// libm.
TEST_CASE("TorchRng: normal numbers on both sides of 16") {
  for (int const n : {1, 2, 5, 15}) {
    check_normal<float>(("randn_f32_" + std::to_string(n)).c_str(), static_cast<std::size_t>(n), 0, 1, 1e-7);
  }
  for (int const n : {16, 17, 20, 24, 32, 100}) {
    check_normal<float>(("randn_f32_" + std::to_string(n)).c_str(), static_cast<std::size_t>(n), 0, 1, 1e-6);
  }
  for (int const n : {5, 16, 20}) {
    check_normal<double>(("randn_f64_" + std::to_string(n)).c_str(), static_cast<std::size_t>(n), 0, 1, 1e-14);
  }
  check_normal<float>("normal_1_2_f32_20", 20, 1, 2, 1e-6);

  std::vector<float> x(6);
  TorchRng rng(0);
  rng.fill_normal(std::span(x).first(3), 0, 1);
  rng.fill_normal(std::span(x).subspan(3), 0, 1);
  expect_close(x, golden().values<float>("randn_f32_two_calls_of_3"), 1e-7, 1e-7);
}
