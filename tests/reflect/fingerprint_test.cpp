// tests/reflect/fingerprint_test.cpp, mirrors include/ashlar/reflect/{fingerprint,layout,type_name}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/reflect/layout.hpp>

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/sequential.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

using ashlar::Buffer;
using ashlar::Fingerprint;
using ashlar::fingerprint_of;
using ashlar::Linear;
using ashlar::Parameter;
using ashlar::ReLU;
using ashlar::Tied;
using ashlar::type_name;

namespace outer {
namespace {
struct MLP {
  Linear<20, 256> hidden;
  ReLU relu;
  Linear<256, 10> output;
  Tied<"hidden"> again;
  std::uint64_t epoch;
};
template <class T, std::size_t N, bool B>
struct Generic {};
template <auto V>
struct Value {};
enum class E { a };
}  // namespace
}  // namespace outer

namespace {

struct Local {};

// Names as people write them, the same with every compiler.
static_assert(type_name<outer::MLP>() == "MLP" && type_name<Local>() == "Local");
static_assert(type_name<Linear<20, 256>>() == "Linear<20, 256>");
static_assert(type_name<outer::Generic<outer::MLP, 7, true>>() == "Generic<MLP, 7, true>");
static_assert(type_name<outer::Generic<outer::Generic<double, 0, false>, 1, true>>() ==
              "Generic<Generic<double, 0, false>, 1, true>");
static_assert(type_name<ashlar::Sequential<Linear<1, 2>, ReLU>>() == "Sequential<Linear<1, 2>, ReLU>");
static_assert(type_name<ashlar::Sequential<ashlar::Sequential<Linear<1, 2>>>>() ==
              "Sequential<Sequential<Linear<1, 2>>>");
static_assert(type_name<ashlar::Sequential<>>() == "Sequential<>" && type_name<float const*>() == "const float*");
static_assert(type_name<ashlar::Named<"block 0", Linear<2, 3>>>() == "Named<\"block 0\", Linear<2, 3>>");
static_assert(type_name<ashlar::Sequential<ashlar::Tied<"a; b > {c}">>>() == "Sequential<Tied<\"a; b > {c}\">>");
static_assert(type_name<ashlar::Frozen<Linear<2, 3>, "bias">>() == "Frozen<Linear<2, 3>, \"bias\">");
static_assert(type_name<Parameter<float, 2, 3>>().substr(0, 7) == "Stored<");

consteval Fingerprint from_hex(std::string_view hex) {
  Fingerprint out{};
  auto const digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < 16; ++i) {
    out[15 - i] = static_cast<std::byte>(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
  }
  return out;
}
template <class T>
constexpr Fingerprint of = ashlar::detail::constexpr_fingerprint<T>;

// FNV-1a of nothing and of "foobar" as published by its authors, then of the text below, computed with Python.
constexpr Fingerprint fnv(std::string_view text) {
  ashlar::detail::Fnv128 hash;
  hash(text);
  return hash.bytes();
}
static_assert(fnv("") == from_hex("6c62272e07bb014262b821756295c58d"));
static_assert(fnv("foobar") == from_hex("343e1662793c64bf6f0d3597ba446f18"));
static_assert(of<outer::MLP> == from_hex("14a552c5812e977ccb6cbab8a7bf852f"));

// Each thing that a byte-for-byte exchange depends on changes the fingerprint ...
struct Base {
  Parameter<float, 4, 3> a;
  Parameter<float, 4> b;
};
struct Key {
  Parameter<float, 4, 3> c;
  Parameter<float, 4> b;
};
struct Kind {
  Buffer<float, 4, 3> a;
  Parameter<float, 4> b;
};
struct Dtype {
  Parameter<std::int32_t, 4, 3> a;
  Parameter<float, 4> b;
};
struct Shape {
  Parameter<float, 3, 4> a;
  Parameter<float, 4> b;
};
struct Rank {
  Parameter<float, 12> a;
  Parameter<float, 4> b;
};
struct Order {
  Parameter<float, 4> b;
  Parameter<float, 4, 3> a;
};
struct Empty {};
struct alignas(64) Gap {
  Parameter<float, 4, 3> a;
  Empty gap;
  Parameter<float, 4> b;
};  // the offset of b, and the size
struct End {
  Parameter<float, 4, 3> a;
  Parameter<float, 4> b;
  Empty end;
};               // the size alone
struct Alias {
  Parameter<float, 4, 3> a;
  Tied<"a"> b;
};
static_assert(of<Base> != of<Key> && of<Base> != of<Kind> && of<Base> != of<Dtype> && of<Base> != of<Shape>);
static_assert(of<Base> != of<Rank> && of<Base> != of<Order> && of<Base> != of<Gap> && of<Base> != of<End>);
static_assert(of<Base> != of<Alias> && of<Gap> != of<End>);

// ... and nothing else does: not the type's name, nor how the members are grouped.
struct Other {
  Parameter<float, 4, 3> a;
  Parameter<float, 4> b;
};
template <class... T>
struct Twin {
  Parameter<float, 4, 3> a;
  Parameter<float, 4> b;
};
static_assert(of<Base> == of<Other> && of<Base> == of<Twin<int>>);
struct Grouped {
  Linear<2, 3> x;
};
struct Flat {
  struct {
    Parameter<float, 3, 2> weight;
    Parameter<float, 3> bias;
  } x;
};
static_assert(of<Grouped> == of<Flat>);

}  // namespace

TEST_CASE("the layout text is what the fingerprint hashes") {
  ashlar::Layout const layout = ashlar::layout_of<outer::MLP>();
  CHECK(layout_text(layout.rows, layout.bytes) ==
        "ashlar layout 1\t31936\n"
        "epoch\tscalar\tu64\t\t31880\n"
        "hidden.weight\tparameter\tf32\t256,20\t0\n"
        "hidden.bias\tparameter\tf32\t256\t20480\n"
        "output.weight\tparameter\tf32\t10,256\t21568\n"
        "output.bias\tparameter\tf32\t10\t31808\n"
        "again.weight\t= hidden.weight\n"
        "again.bias\t= hidden.bias\n");
  CHECK(layout.fingerprint == of<outer::MLP>);
  CHECK(layout.bytes == sizeof(outer::MLP));
  CHECK(layout.type == "MLP");
  CHECK(layout.rows.size() == 7);
  CHECK(&fingerprint_of<outer::MLP>() == &fingerprint_of<outer::MLP>());
}
