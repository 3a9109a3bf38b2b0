// tests/reflect/manifest_test.cpp, mirrors include/ashlar/reflect/{fields,manifest,structure}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/reflect/manifest.hpp>

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/conv_transpose.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/group_norm.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/multihead_attention.hpp>
#include <ashlar/nn/prelu.hpp>
#include <ashlar/nn/rms_norm.hpp>
#include <ashlar/nn/sequential.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using ashlar::bfloat16;
using ashlar::Buffer;
using ashlar::Constant;
using ashlar::DType;
using ashlar::Extents;
using ashlar::float16;
using ashlar::Kind;
using ashlar::Linear;
using ashlar::LinearNoBias;
using ashlar::manifest;
using ashlar::Named;
using ashlar::Parameter;
using ashlar::ReLU;
using ashlar::Row;
using ashlar::Sequential;
using ashlar::State;
using ashlar::Tied;

namespace {

/// What a row is expected to be. `alias` is the key of the row that stores its elements.
struct Want {
  std::string_view key;
  Kind kind;
  DType dtype;
  Extents shape;
  std::string_view alias{};
};
constexpr Want parameter(std::string_view key, Extents shape) { return {key, Kind::parameter, DType::f32, shape}; }
constexpr Want tied(std::string_view key, Extents shape, std::string_view to) {
  return {key, Kind::parameter, DType::f32, shape, to};
}
constexpr Want scalar(std::string_view key, DType dtype, Extents shape = {}) {
  return {key, Kind::scalar, dtype, shape};
}
constexpr Extents v(std::size_t n) { return {1, {n}}; }
constexpr Extents m(std::size_t rows, std::size_t columns) { return {2, {rows, columns}}; }

/// Index of the first row that is not as wanted; -1 if all are.
template <class T>
constexpr int differs(std::initializer_list<Want> wanted) {
  auto const& rows = manifest<T>();
  std::size_t i = 0;
  for (Want const& w : wanted) {
    if (i == rows.size()) return static_cast<int>(i);
    Row const& r = rows[i];
    bool same = r.key == w.key && r.kind == w.kind && r.dtype == w.dtype && r.shape == w.shape;
    same = same && r.bytes == w.shape.numel() * size_of(w.dtype);
    same = same && r.is_alias() == !w.alias.empty();
    if (r.is_alias()) {
      Row const& target = rows[static_cast<std::size_t>(r.alias_of)];
      same = same && target.key == w.alias && !target.is_alias() && target.offset == r.offset;
    }
    if (!same) return static_cast<int>(i);
    ++i;
  }
  return i == rows.size() ? -1 : static_cast<int>(i);
}

/// The offsets of all rows are the addresses in a real object.
template <class T>
void check_addresses(T const& object, std::initializer_list<void const*> addresses) {
  auto const& rows = manifest<T>();
  REQUIRE(addresses.size() == rows.size());
  std::size_t i = 0;
  for (void const* const address : addresses) {
    CAPTURE(rows[i].key);
    CHECK(static_cast<std::ptrdiff_t>(rows[i].offset) ==
          static_cast<char const*>(address) - reinterpret_cast<char const*>(&object));
    ++i;
  }
}

// ---- every kind of member -------------------------------------------------------------------------------------------

enum class Mode : std::uint8_t { off, on = 7 };

struct Mixed {  // in an order that PyTorch does not keep: own parameters, buffers, constants, scalars, then children
  Linear<2, 3> child;
  bool flag;
  Buffer<std::int64_t> steps;
  ReLU relu;
  Parameter<float, 4> scale;
  Constant<double, 2, 2> table;
  std::array<std::int32_t, 3> counts;
  Mode mode;
  LinearNoBias<3, 1> last;
  Parameter<bfloat16, 5> shift;
  std::uint64_t epoch;
  Buffer<float16, 1, 2> mean;
  float16 half;
  std::array<Mode, 2> modes;
};
static_assert(differs<Mixed>({
                  parameter("scale", v(4)),
                  {"shift", Kind::parameter, DType::bf16, v(5)},
                  {"steps", Kind::buffer, DType::i64, {}},
                  {"mean", Kind::buffer, DType::f16, m(1, 2)},
                  {"table", Kind::constant, DType::f64, m(2, 2)},
                  scalar("flag", DType::boolean),
                  scalar("counts", DType::i32, v(3)),
                  scalar("mode", DType::u8),
                  scalar("epoch", DType::u64),
                  scalar("half", DType::f16),
                  scalar("modes", DType::u8, v(2)),
                  parameter("child.weight", m(3, 2)),
                  parameter("child.bias", v(3)),
                  parameter("last.weight", m(1, 3)),
              }) == -1);
static_assert(manifest<Mixed>()[0].owner == "Mixed" && manifest<Mixed>()[11].owner == "Linear<2, 3>");

// Arrays, arrays of arrays, Sequential of any length, keys that are no identifiers.
struct Nested {
  std::array<Linear<2, 2>, 2> stack;
  std::array<std::array<LinearNoBias<1, 2>, 2>, 3> grid;
  Sequential<LinearNoBias<2, 2>, ReLU, Named<"block 0", LinearNoBias<2, 3>>, Sequential<LinearNoBias<3, 3>>> chain;
  Named<"key of its own", LinearNoBias<2, 2>> odd;
  std::array<Named<"ignored", LinearNoBias<1, 1>>, 1> named;
  std::array<Linear<2, 2>, 0> none;
  std::array<Parameter<float, 2>, 2> vectors;
  Sequential<> empty;
  Sequential<ReLU, ReLU> nothing;
};
static_assert(differs<Nested>({
                  parameter("stack.0.weight", m(2, 2)),
                  parameter("stack.0.bias", v(2)),
                  parameter("stack.1.weight", m(2, 2)),
                  parameter("stack.1.bias", v(2)),
                  parameter("grid.0.0.weight", m(2, 1)),
                  parameter("grid.0.1.weight", m(2, 1)),
                  parameter("grid.1.0.weight", m(2, 1)),
                  parameter("grid.1.1.weight", m(2, 1)),
                  parameter("grid.2.0.weight", m(2, 1)),
                  parameter("grid.2.1.weight", m(2, 1)),
                  parameter("chain.0.weight", m(2, 2)),
                  parameter("chain.block 0.weight", m(3, 2)),
                  parameter("chain.3.0.weight", m(3, 3)),
                  parameter("key of its own.weight", m(2, 2)),
                  parameter("named.0.weight", m(1, 1)),
                  parameter("vectors.0", v(2)),
                  parameter("vectors.1", v(2)),
              }) == -1);

// A Sequential may be a network by itself; so may an array of networks, and a struct in a State.
static_assert(differs<Sequential<Linear<1, 1>, ReLU>>({parameter("0.weight", m(1, 1)), parameter("0.bias", v(1))}) ==
              -1);
static_assert(differs<std::array<LinearNoBias<1, 1>, 2>>({parameter("0.weight", m(1, 1)),
                                                          parameter("1.weight", m(1, 1))}) == -1);
static_assert(manifest<ReLU>().empty() && manifest<Sequential<>>().empty());

struct Optimizer {
  State<Linear<1, 2>> momentum;
  double lr;
};
static_assert(differs<Optimizer>({scalar("lr", DType::f64),
                                  {"momentum.weight", Kind::buffer, DType::f32, m(2, 1)},
                                  {"momentum.bias", Kind::buffer, DType::f32, v(2)}}) == -1);

// More than 8 and more than 16 members in a Sequential, of several alignments.
struct Byte {
  std::uint8_t b;
};
using L = LinearNoBias<1, 1>;
using Long = Sequential<Byte, L, Byte, ReLU, Byte, L, Byte, Byte, /*8*/ Byte, Byte, L, ReLU, Byte, Byte, L, Byte,
                        /*16*/ Byte, L, Byte>;
static_assert(manifest<Long>().size() == 17 && manifest<Long>()[16].key == "18.b");

// ---- ties -----------------------------------------------------------------------------------------------------------

struct Inner {
  LinearNoBias<2, 2> a;
  Tied<"a"> b;  // resolved here
  Tied<"outer"> c;  // only the struct around knows it
};
struct Ties {
  Linear<2, 2> outer;
  Tied<"outer"> layer;
  Tied<"outer.weight"> tensor;
  Inner inner;
  Tied<"inner.a.weight"> deep;
  Sequential<LinearNoBias<2, 2>, Tied<"0">, Tied<"outer.bias">> chain;
  Tied<"scale"> one;
  Tied<"scale"> two;
  Parameter<float, 3> scale;
  std::array<LinearNoBias<2, 2>, 2> stack;
  Tied<"stack.1"> element;
  Named<"spaced out", LinearNoBias<1, 1>> odd;
  Tied<"spaced out"> also;
};
static_assert(differs<Ties>({
                  parameter("scale", v(3)),
                  parameter("outer.weight", m(2, 2)),
                  parameter("outer.bias", v(2)),
                  tied("layer.weight", m(2, 2), "outer.weight"),
                  tied("layer.bias", v(2), "outer.bias"),
                  tied("tensor", m(2, 2), "outer.weight"),
                  parameter("inner.a.weight", m(2, 2)),
                  tied("inner.b.weight", m(2, 2), "inner.a.weight"),
                  tied("inner.c.weight", m(2, 2), "outer.weight"),
                  tied("inner.c.bias", v(2), "outer.bias"),
                  tied("deep", m(2, 2), "inner.a.weight"),
                  parameter("chain.0.weight", m(2, 2)),
                  tied("chain.1.weight", m(2, 2), "chain.0.weight"),
                  tied("chain.2", v(2), "outer.bias"),
                  tied("one", v(3), "scale"),
                  tied("two", v(3), "scale"),
                  parameter("stack.0.weight", m(2, 2)),
                  parameter("stack.1.weight", m(2, 2)),
                  tied("element.weight", m(2, 2), "stack.1.weight"),
                  parameter("spaced out.weight", m(1, 1)),
                  tied("also.weight", m(1, 1), "spaced out.weight"),
              }) == -1);

// A tie takes no memory that a file would hold, and two structs around may hold the same inner one.
struct Around {
  Ties first;
  Ties second;
};
static_assert(manifest<Around>().size() == 2 * manifest<Ties>().size());
static_assert(manifest<Around>()[21 + 3].alias_of == 21 + 1 && manifest<Around>()[21 + 3].key == "second.layer.weight");

// The nearest scope wins: `a` of Scope, not that of the struct around.
struct Scope {
  LinearNoBias<1, 1> a;
  Tied<"a"> b;
};
struct Shadow {
  LinearNoBias<2, 2> a;
  Scope scope;
};
static_assert(differs<Shadow>({parameter("a.weight", m(2, 2)), parameter("scope.a.weight", m(1, 1)),
                               tied("scope.b.weight", m(1, 1), "scope.a.weight")}) == -1);

// ---- enums ----------------------------------------------------------------------------------------------------------

enum class Signed : std::int8_t { low = -64, minus = -1, zero, high = 127 };
enum class Wide : std::int64_t { a = -3, b = 191 };
enum Unscoped { red, green = 5 };
enum Flags : unsigned { none = 0, bit0 = 1, bit3 = 8 };

}  // namespace
template <>
struct ashlar::enum_values<Flags> {
  static constexpr bool valid(Flags f) { return (static_cast<unsigned>(f) & ~9u) == 0; }
};
namespace {

using ashlar::detail::is_valid_enum;
static_assert(is_valid_enum<Mode>(0) && is_valid_enum<Mode>(7) && !is_valid_enum<Mode>(1) && !is_valid_enum<Mode>(255));
static_assert(is_valid_enum<Signed>(-64) && is_valid_enum<Signed>(-1) && is_valid_enum<Signed>(127));
static_assert(!is_valid_enum<Signed>(-2) && !is_valid_enum<Signed>(-128) && !is_valid_enum<Signed>(126));
static_assert(is_valid_enum<Wide>(-3) && is_valid_enum<Wide>(191) && !is_valid_enum<Wide>(192) &&
              !is_valid_enum<Wide>(-65));
static_assert(!is_valid_enum<Wide>(INT64_MAX) && !is_valid_enum<Wide>(INT64_MIN));
static_assert(is_valid_enum<Unscoped>(0) && is_valid_enum<Unscoped>(5) && !is_valid_enum<Unscoped>(1) &&
              !is_valid_enum<Unscoped>(99));
static_assert(is_valid_enum<Flags>(9) && !is_valid_enum<Flags>(2) && !is_valid_enum<Flags>(0x80000000u));

struct Checked {
  bool flag;
  Mode mode;
  Unscoped color;
  Flags flags;
  std::array<Mode, 2> modes;
  std::array<bool, 3> bits;
  Buffer<bool, 2> mask;
  int anything;
};

}  // namespace

TEST_CASE("offsets are the addresses of the members") {
  static Mixed const x{};
  check_addresses(x, {&x.scale, &x.shift, &x.steps, &x.mean, &x.table, &x.flag, &x.counts, &x.mode, &x.epoch, &x.half,
                      &x.modes, &x.child.weight, &x.child.bias, &x.last.weight});
  CHECK(manifest<Mixed>()[0].offset == offsetof(Mixed, scale));
  CHECK(manifest<Mixed>()[8].offset == offsetof(Mixed, epoch));

  using namespace ashlar::literals;
  static Nested const n{};
  check_addresses(
      n, {&n.stack[0].weight, &n.stack[0].bias, &n.stack[1].weight, &n.stack[1].bias, &n.grid[0][0], &n.grid[0][1],
          &n.grid[1][0], &n.grid[1][1], &n.grid[2][0], &n.grid[2][1], &n.chain[0_c], &n.chain[2_c].weight,
          &n.chain[3_c][0_c].weight, &n.odd.weight, &n.named[0].weight, &n.vectors[0], &n.vectors[1]});
  static Long const s{};
  check_addresses(s, {&s[0_c], &s[1_c], &s[2_c], &s[4_c], &s[5_c], &s[6_c], &s[7_c], &s[8_c], &s[9_c], &s[10_c],
                      &s[12_c], &s[13_c], &s[14_c], &s[15_c], &s[16_c], &s[17_c], &s[18_c]});
  static Ties const t{};
  Linear<2, 2> const& o = t.outer;
  check_addresses(t, {&t.scale,   &o.weight, &o.bias,     &o.weight,   &o.bias,       &o.weight,     &t.inner.a,
                      &t.inner.a, &o.weight, &o.bias,     &t.inner.a,  &t.chain[0_c], &t.chain[0_c], &o.bias,
                      &t.scale,   &t.scale,  &t.stack[0], &t.stack[1], &t.stack[1],   &t.odd,        &t.odd});
}

TEST_CASE("content that C++ relies on is checked where it lies, aligned or not") {
  auto const row = [](std::string_view key) -> Row const& {
    return manifest<Checked>()[ashlar::detail::row_index<Checked>(key)];
  };
  CHECK(row("anything").valid == nullptr);
  struct Case {
    char const* key;
    std::vector<unsigned char> bytes;
    bool valid;
  };
  for (Case const& c : std::vector<Case>{{"flag", {0}, true},
                                         {"flag", {1}, true},
                                         {"flag", {2}, false},
                                         {"flag", {255}, false},
                                         {"mode", {7}, true},
                                         {"mode", {6}, false},
                                         {"color", {5, 0, 0, 0}, true},
                                         {"color", {5, 0, 0, 1}, false},
                                         {"flags", {8, 0, 0, 0}, true},
                                         {"flags", {2, 0, 0, 0}, false},
                                         {"modes", {7, 0}, true},
                                         {"modes", {7, 1}, false},
                                         {"bits", {1, 0, 1}, true},
                                         {"bits", {1, 0, 3}, false},
                                         {"mask", {1, 1}, true},
                                         {"mask", {1, 9}, false}}) {
    CAPTURE(c.key, c.bytes);
    REQUIRE(row(c.key).bytes == c.bytes.size());
    std::vector<unsigned char> shifted(c.bytes.size() + 1);
    std::copy(c.bytes.begin(), c.bytes.end(), shifted.begin() + 1);
    CHECK(row(c.key).valid(shifted.data() + 1) == c.valid);
  }
}

namespace {

/// What a layer says of its members is what would be found out.
template <class L>
constexpr bool has_true_names() {
  using namespace ashlar::detail;
  static_assert(HasGivenNames<L>);
  static_assert(count_members<L>() == std::size(GivenNames<L>::names) && find_irregular<L>() == Irregular::none);
  auto const& printed = printed_names<L>;
  auto const& rows = table<L>();
  bool equal = printed.size() == std::size(GivenNames<L>::names) && rows.size() == expanded_rows<L>.size();
  for (std::size_t i = 0; i < printed.size(); ++i) equal = equal && printed[i] == GivenNames<L>::names[i];
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto const& found = expanded_rows<L>[i];
    equal = equal && rows[i].key == found.key && rows[i].kind == found.kind && rows[i].dtype == found.dtype &&
            rows[i].shape == found.shape && rows[i].offset == found.offset && rows[i].bytes == found.bytes &&
            rows[i].owner == found.owner;
  }
  return equal;
}

static_assert(has_true_names<Linear<2, 3>>());
static_assert(has_true_names<LinearNoBias<2, 3>>());
static_assert(has_true_names<ashlar::Conv1d<1, 2, 3>>());
static_assert(has_true_names<ashlar::Conv1d<1, 2, 3, ashlar::ConvOptions{.bias = false}>>());
static_assert(has_true_names<ashlar::Conv2d<1, 2, 3>>());
static_assert(has_true_names<ashlar::Conv2d<1, 2, 3, ashlar::ConvOptions{.bias = false}>>());
static_assert(has_true_names<ashlar::BatchNorm1d<2>>());
static_assert(has_true_names<ashlar::BatchNorm1d<2, ashlar::BatchNormOptions{.affine = false}>>());
static_assert(has_true_names<ashlar::BatchNorm2d<2>>());
static_assert(has_true_names<ashlar::BatchNorm2d<2, ashlar::BatchNormOptions{.affine = false}>>());
static_assert(has_true_names<ashlar::LayerNorm<4>>());
static_assert(has_true_names<ashlar::LayerNorm<4, ashlar::LayerNormOptions{.bias = false}>>());
static_assert(has_true_names<ashlar::GroupNorm<2, 4>>());
static_assert(has_true_names<ashlar::RMSNorm<4>>());
static_assert(has_true_names<ashlar::ConvTranspose1d<1, 2, 3>>());
static_assert(has_true_names<ashlar::ConvTranspose2d<1, 2, 3, ashlar::ConvTransposeOptions{.bias = false}>>());
static_assert(has_true_names<ashlar::NonDynamicallyQuantizableLinear<2, 3>>());
static_assert(has_true_names<ashlar::NonDynamicallyQuantizableLinear<2, 3, float, false>>());
static_assert(has_true_names<ashlar::Embedding<5, 2>>());
static_assert(has_true_names<ashlar::PReLU<>>());

struct Large {  // more members than are counted and bound one by one
  int a, b, c, d;
  Linear<2, 3> e;
  float f, g;
};
static_assert(ashlar::detail::count_members<Large>() == 7);

}  // namespace
