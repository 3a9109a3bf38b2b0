// tests/core/tensor_test.cpp, mirrors include/ashlar/core/{shape,tensor,parameter,pool}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/parameter.hpp>

#ifdef BOOST_PFR_CORE_HPP
#error "ashlar/core/parameter.hpp is light: no reflection"
#endif

#include "support/count_allocations.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using ashlar::Buffer;
using ashlar::Constant;
using ashlar::Cpu;
using ashlar::Dims;
using ashlar::dyn;
using ashlar::Extents;
using ashlar::Kind;
using ashlar::Parameter;
using ashlar::Tensor;
using ashlar::View;
using ashlar::test::allocations_of;

namespace {

// ---- types: compiling is passing ------------------------------------------------------------------------------------

static_assert(Dims<2, 3>::is_static && Dims<2, 3>::static_numel == 6 && Dims<2, 3>::rank == 2);
static_assert(!Dims<dyn, 3>::is_static && Dims<dyn, 3>::dyn_count == 1 && Dims<dyn, 3>::static_numel == 3);
static_assert(Dims<dyn, 3, dyn>{{5, 7}}.size(0) == 5 && Dims<dyn, 3, dyn>{{5, 7}}.size(1) == 3);
static_assert(Dims<dyn, 3, dyn>{{5, 7}}.size(2) == 7 && Dims<dyn, 3, dyn>{{5, 7}}.numel() == 105);
static_assert(Dims<dyn, 3>{{5}}.value() == Extents{2, {5, 3}} && Dims<dyn, 3>::type() == Extents{2, {dyn, 3}});
static_assert(Dims<>::rank == 0 && Dims<>::numel() == 1 && Dims<>::is_static && Extents{}.numel() == 1);
static_assert(Dims<4, 0, 2>{}.numel() == 0);
static_assert(!(Extents{1, {2}} == Extents{2, {2, 1}}) && Extents{2, {4, 9}}.back() == 9);

static_assert(std::is_same_v<decltype(ashlar::with_last<8>(Dims<2, 3>{})), Dims<2, 8>>);
static_assert(std::is_same_v<decltype(ashlar::with_last<8>(Dims<3>{})), Dims<8>>);
static_assert(ashlar::with_last<8>(Dims<dyn, 4, 3>{{5}}).value() == Extents{3, {5, 4, 8}});
static_assert(ashlar::with_last<8>(Dims<dyn, dyn>{{5, 3}}).value() == Extents{2, {5, 8}});  // the last one was dyn

using P = Parameter<float, 3, 5>;
static_assert(std::is_aggregate_v<P> && std::is_trivially_copyable_v<P> && std::is_trivially_destructible_v<P>);
static_assert(std::is_standard_layout_v<P> && std::is_trivially_default_constructible_v<P>);
static_assert(sizeof(P) == 64 && alignof(P) == 64 && sizeof(Parameter<float, 17>) == 128);
static_assert(sizeof(Parameter<std::int64_t>) == 64 && sizeof(Buffer<float, 0>) == 64);
static_assert(Parameter<float, 0>::numel() == 0 && Parameter<float>::numel() == 1);
static_assert(P::kind == Kind::parameter && Buffer<int, 1>::kind == Kind::buffer &&
              Constant<int>::kind == Kind::constant);
static_assert(int(Kind::parameter) == 0 && int(Kind::buffer) == 1 && int(Kind::constant) == 2 &&
              int(Kind::scalar) == 3);
static_assert(!std::is_same_v<Parameter<float, 2>, Buffer<float, 2>>);
constexpr P sixth = [] {
  P p{};
  p(1, 0) = 6;
  return p;
}();
static_assert(sixth(1, 0) == 6 && sixth.elements[5] == 6 && sixth.span()[5] == 6 && sixth.view()(1, 0) == 6);

static_assert(!std::is_default_constructible_v<Tensor<float, dyn, 2>>);  // how many rows?
static_assert(!std::is_convertible_v<int, Tensor<float, dyn, 2>>);  // a size is not a value
static_assert(!std::is_constructible_v<Tensor<float, dyn, 2>, int, int>);
static_assert(std::is_nothrow_move_constructible_v<Tensor<float, dyn>> &&
              std::is_nothrow_move_assignable_v<Tensor<float, 900>>);
static_assert(std::is_same_v<Tensor<float, 2>::device, Cpu>);
static_assert(std::is_convertible_v<View<float, 2>, View<float const, 2>>);
static_assert(!std::is_convertible_v<View<float const, 2>, View<float, 2>>);

std::vector<float> values(auto const& t) { return {t.begin(), t.end()}; }

/// The text of the ashlar::Error that f() throws.
template <class F>
std::string error_of(F&& f, ashlar::Errc code) {
  try {
    f();
  } catch (ashlar::Error const& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "no error";
}

template <class T>
bool aligned(T const* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 64 == 0;
}

}  // namespace

TEST_CASE("shapes are written like PyTorch's tuples") {
  CHECK(to_string(Extents{}) == "()");
  CHECK(to_string(Extents{1, {5}}) == "(5,)");
  CHECK(to_string(Extents{2, {256, 20}}) == "(256, 20)");
  CHECK(to_string(Dims<dyn, 3>::type()) == "(?, 3)");
}

TEST_CASE("a tensor of static size begins as zeros and takes values in row-major order") {
  Tensor<float, 2, 3> t;
  CHECK(values(t) == std::vector<float>(6, 0.0f));
  t = {1, 2, 3, 4, 5, 6};
  CHECK(t(0, 2) == 3);
  CHECK(t(1, 0) == 4);
  t(1, 2) = -6;
  CHECK(t.span()[5] == -6);
  CHECK(t.view()(1, 2) == -6);
  CHECK(std::as_const(t)(1, 2) == -6);
  CHECK(t.shape() == Extents{2, {2, 3}});
  CHECK(t.size(1) == 3);
  t.view().fill(7);
  CHECK(values(t) == std::vector<float>(6, 7.0f));
  Tensor<std::int64_t> scalar{42};
  CHECK(scalar.item() == 42);
  CHECK(scalar() == 42);
}

TEST_CASE("a dyn extent is a constructor's argument") {
  Tensor<float, dyn, 4> batch(3);
  CHECK(batch.numel() == 12);
  CHECK(values(batch) == std::vector<float>(12, 0.0f));
  Tensor<float, dyn, 2, dyn> both(3, 5);
  CHECK(both.shape() == Extents{3, {3, 2, 5}});
  both(2, 1, 4) = 1;
  CHECK(both.span()[29] == 1);
  Tensor<float, dyn> none(0);
  CHECK(none.numel() == 0);
  CHECK(none.begin() == none.end());
  CHECK(aligned(batch.data()));
  CHECK(aligned(Tensor<double, 3>{}.data()));
}

TEST_CASE("copies are deep, moves leave the elements where they are") {
  Tensor<float, dyn> a(300);
  a.fill(1);
  Tensor<float, dyn> b = a;
  b(0) = 2;
  CHECK(a(0) == 1);
  float const* const where = b.data();
  Tensor<float, dyn> c = std::move(b);
  CHECK(c.data() == where);
  CHECK(c(0) == 2);
  a = c;  // into memory of another tensor
  CHECK(a(0) == 2);
  CHECK(a.data() != c.data());
  a = Tensor<float, dyn>(2);
  CHECK(a.numel() == 2);
  Tensor<float, dyn>& self = a;
  a(1) = 9;
  a = self;
  CHECK(a(1) == 9);
  a = std::move(self);
  CHECK(a.numel() == 2);
  CHECK(a(1) == 9);

  Tensor<float, 4> small{1, 2, 3, 4};  // inside the object
  Tensor<float, 4> moved = std::move(small);
  CHECK(values(moved) == std::vector<float>{1, 2, 3, 4});
  auto* const begin = reinterpret_cast<char const*>(&moved);
  auto* const at = reinterpret_cast<char const*>(moved.data());
  CHECK((at >= begin && at < begin + sizeof moved));
  static_assert(sizeof(Tensor<float, 256>) > 1024 && sizeof(Tensor<float, 257>) <= 64);
}

TEST_CASE("a tensor can be made of a view, and of a parameter's elements") {
  P p{};
  for (std::size_t i = 0; i < p.numel(); ++i) p.data()[i] = static_cast<float>(i);
  Tensor<float, 3, 5> const copy(std::as_const(p).view());
  p.fill(0);
  CHECK(copy(2, 4) == 14);
  std::array<float, 6> raw{1, 2, 3, 4, 5, 6};
  View<float, dyn, 2> const view(raw.data(), Dims<dyn, 2>{{3}});
  view(2, 1) = 60;
  CHECK(raw[5] == 60);
  CHECK(view.numel() == 6);
  CHECK(Tensor<float, dyn, 2>(view)(2, 1) == 60);
}

TEST_CASE("errors of tensors say what was expected and what was found") {
  using ashlar::Errc;
  CHECK(error_of([] { Tensor<float, 2, 3> t{1, 2}; }, Errc::shape) ==
        "a tensor of shape (2, 3) takes 6 values but got 2");
  CHECK(error_of([] { (void)Tensor<float, dyn, 2>(3).item(); }, Errc::shape) ==
        "item() needs one element but the shape is (3, 2)");
  Tensor<float, dyn> x(2);
  CHECK(error_of([&] { x.assign(std::array<float, 3>{}); }, Errc::shape) ==
        "a tensor of shape (2,) takes 2 values but got 3");
  CHECK(x.numel() == 2);
}

TEST_CASE("bitwise_equal sees signs of zero, payloads of NaN and shapes") {
  Tensor<float, 2> a{0.0f, NAN};
  Tensor<float, 2> b = a;
  CHECK(bitwise_equal(a, b));
  b(0) = -0.0f;
  CHECK_FALSE(bitwise_equal(a, b));
  CHECK_FALSE(bitwise_equal(Tensor<float, 2, 1>{}, Tensor<float, 1, 2>{}));
  CHECK(bitwise_equal(Tensor<float, dyn>(3), Tensor<float, 3>{}));
}

TEST_CASE("a size that overflows is refused, not allocated") {
  std::size_t const large = std::size_t{1} << 61;
  CHECK(error_of([=] { Tensor<float, dyn, dyn>(2 * large, std::size_t{8}); }, ashlar::Errc::shape) ==
        "a tensor of shape (4611686018427387904, 8) is larger than memory can be");
  CHECK(error_of([=] { (void)Tensor<double, dyn>(large); }, ashlar::Errc::shape) ==
        "a tensor of shape (2305843009213693952,) is larger than memory can be");
  CHECK(error_of([] { Tensor<float, dyn, 2>(-1); }, ashlar::Errc::shape) ==
        "a tensor of shape (?, 2) is larger than memory can be");
}

TEST_CASE("freed memory is taken again: no allocation after the first round") {
  auto const round = [] {
    Tensor<float, dyn> a(1000);
    Tensor<float, 33, 33> b;
    Tensor<double, dyn, 2> c(7);
    Tensor<float, dyn> d = a;
    a = std::move(d);
    Tensor<float, 64> small;
    small.fill(1);
  };
  round();
  CHECK(allocations_of(round) == 0);
  // A block serves every size of its class, from one byte over half of it.
  {
    Tensor<std::uint8_t, dyn> t(4096);
  }
  CHECK(allocations_of([] { Tensor<std::uint8_t, dyn> t(2049); }) == 0);
  // 64 MiB is kept, more is not.
  std::size_t const large = (std::size_t{64} << 20) + 1;
  {
    auto* const p = ashlar::detail::Pool::allocate(large);
    ashlar::detail::Pool::deallocate(p, large);
  }
  CHECK(allocations_of([&] { ashlar::detail::Pool::deallocate(ashlar::detail::Pool::allocate(large), large); }) ==
        ASHLAR_TEST_COUNTS);
}

TEST_CASE("a tensor may be freed by another thread, and outlive the thread that made it") {
  Tensor<float, dyn> kept(5);
  std::thread([&] {
    Tensor<float, dyn> theirs(5);
    theirs.fill(3);
    kept = std::move(theirs);
  }).join();
  CHECK(kept(4) == 3);
  std::thread([gone = std::move(kept)] { CHECK(gone(4) == 3); }).join();
}
