// tests/grad/tape_test.cpp, mirrors include/ashlar/grad/{tape,trace,op,arena}.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/grad/tape.hpp>

#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>

#include "support/count_allocations.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

using namespace ashlar;

namespace {

/// An op as a user writes one: y = x^n, its way back kept together with it.
struct Power {
  int n;

  template <class T, std::size_t... E>
  auto output(View<T const, E...> x) const {
    return Like<T, E...>{x.dims()};
  }
  template <class Y, class X>
  void forward(Y y, X x) const {
    for (std::size_t i = 0; i < y.numel(); ++i) y.data()[i] = std::pow(x.data()[i], static_cast<float>(n));
  }
  template <class Y, class X>
  void pullback(Y dy, Y, X const& x) const {
    if (x.grad == nullptr) return;
    for (std::size_t i = 0; i < dy.numel(); ++i) {
      x.grad[i] += dy.data()[i] * static_cast<float>(n) * std::pow(x.data()[i], static_cast<float>(n - 1));
    }
  }
};
auto power(auto const& x, int n) { return apply(Power{n}, x); }

struct Times {
  Parameter<float, 2> w;
  auto operator()(auto const& x) const { return x * w; }
};
struct Net {
  Times first;
  Tied<"first"> again;  // one parameter, two places
  Buffer<float, 2> buffer;
  Constant<float, 2> constant;
  auto operator()(auto const& x) const { return first(first(x)) * buffer + constant * constant; }
};

Tensor<float, 2> const x{3, -1};

std::vector<float> values(auto const& t) { return {t.begin(), t.end()}; }

struct Fixture {
  Net net{};
  Net grads{};
  Fixture() {
    net.first.w.span()[0] = 2;
    net.first.w.span()[1] = 5;
    net.buffer.fill(1);
    net.constant.fill(4);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a layer used twice gets both gradients, buffers and constants none") {
  Tape tape(net, grads);
  float const loss = tape.backward(sum(tape(x)));
  CHECK(loss == 2 * 2 * 3 - 5 * 5 + 2 * 16);
  CHECK(values(grads.first.w) == std::vector<float>{2 * 2 * 3, 2 * 5 * -1});  // of w^2 x
  CHECK(values(grads.buffer) == std::vector<float>{0, 0});
  CHECK(values(grads.constant) == std::vector<float>{0, 0});
}

TEST_CASE("a tied layer is one parameter with one gradient") {
  struct Chain {
    Times first;
    Tied<"first"> again;
  };
  Chain net{}, grads{};
  net.first.w.fill(3);
  Tape tape(net, grads);
  CHECK(tape.backward(sum(tape(x))) == 9 * 2);
  CHECK(values(grads.first.w) == std::vector<float>{2 * 3 * 3, 2 * 3 * -1});
}

TEST_CASE_METHOD(Fixture, "gradients add up over calls of backward, until they are zeroed") {
  Tape tape(net, grads);
  tape.backward(sum(tape(x)));
  tape.backward(sum(tape(x)));
  CHECK(values(grads.first.w) == std::vector<float>{24, -20});
  grads = Net{};
  tape.backward(sum(tape(x)));
  CHECK(values(grads.first.w) == std::vector<float>{12, -10});
}

TEST_CASE_METHOD(Fixture, "variable gives the gradient of an input, input gives none") {
  Tape tape(net, grads);
  auto const v = tape.variable(x);
  auto const i = tape.input(x);
  auto const frozen = i * 2;
  CHECK(v.requires_grad());
  CHECK_FALSE(i.requires_grad());
  CHECK_FALSE(frozen.requires_grad());  // nothing is recorded for it
  tape.backward(sum(v * v * frozen));
  CHECK(values(v.grad()) == std::vector<float>{2 * 3 * 6, 2 * -1 * -2});
  CHECK(i.grad().data() == nullptr);
}

TEST_CASE("an op of one's own runs with and without a tape") {
  CHECK(values(power(x, 3)) == std::vector<float>{27, -1});
  static_assert(std::is_same_v<decltype(power(x, 3)), Tensor<float, 2>>);
  Times net{}, grads{};
  net.w.fill(2);
  Tape tape(net, grads);
  auto const v = tape.variable(x);
  tape.backward(sum(power(net(v), 3)));  // w^3 x^3
  CHECK(values(v.grad()) == std::vector<float>{8 * 3 * 9, 8 * 3 * 1});
  CHECK(values(grads.w) == std::vector<float>{3 * 4 * 27, 3 * 4 * -1});
}

TEST_CASE("a plain tensor in a traced expression may be gone when the gradients come") {
  Times net{}, grads{};
  net.w.fill(1);
  Tape tape(net, grads);
  auto const loss = [&] {
    Tensor<float, dyn, 2> gone(1);
    gone.fill(7);
    return sum(tape(x) * gone);
  }();
  {
    Tensor<float, dyn, 2> over(1);
    over.fill(0);
  }  // takes its memory from the pool
  tape.backward(loss);
  CHECK(values(grads.w) == std::vector<float>{21, -7});
}

TEST_CASE_METHOD(Fixture, "two tapes do not disturb each other, nor does an evaluation in between") {
  Net other{};
  Tape a(net, grads);
  Tape b(net, other);
  auto const la = sum(a(x));
  auto const lb = sum(b(Tensor<float, 2>{1, 1}));
  (void)net(x);
  b.backward(lb);
  a.backward(la);
  CHECK(values(grads.first.w) == std::vector<float>{12, -10});
  CHECK(values(other.first.w) == std::vector<float>{4, 10});
}

TEST_CASE_METHOD(Fixture, "clear forgets a recording, and a tape grows with its step") {
  Tape tape(net, grads);
  auto const abandoned = [&](std::size_t rows) { return sum(tape(Tensor<float, dyn, 2>(rows))); };
  (void)abandoned(1000);
  tape.clear();
  tape.backward(sum(tape(x)));
  CHECK(values(grads.first.w) == std::vector<float>{12, -10});
  for (std::size_t const rows : {1u, 100000u, 3u}) tape.backward(abandoned(rows));
  Tensor<float, dyn, 2> const less(50000);
  CHECK(test::allocations_of([&] { tape.backward(sum(tape(less))); }) == 0);
}

TEST_CASE_METHOD(Fixture, "backward takes a scalar, and says so") {
  Tape tape(net, grads);
  auto const y = tape(Tensor<float, dyn, 2>(3));
  CHECK_THROWS_WITH(tape.backward(y), "backward() needs a loss of one element but the shape is (3, 2)");
  CHECK_THROWS_WITH(y.item(), "item() needs one element but the shape is (3, 2)");
  CHECK(tape.backward(sum(y)) == 3 * 2 * 16);  // the recording is still there
}

TEST_CASE_METHOD(Fixture, "a loss belongs to one recording of one tape") {
  Tape tape(net, grads);
  Tensor<float, dyn, 2> const input(3);
  auto const loss = sum(tape(input));
  tape.backward(loss);
  auto const once = values(grads.first.w);
  CHECK_THROWS_WITH(tape.backward(loss), "backward() got a loss of a recording that has ended: run the forward again");
  Tape other(net, grads);
  CHECK_THROWS_WITH(other.backward(sum(tape(input))), "backward() got a loss that another tape recorded");
  CHECK_THROWS_WITH(sum(tape(input)) + sum(other(input)),
                    "an op got values of two tapes: the gradients of one of them would be lost");
  CHECK(values(grads.first.w) == once);
}

TEST_CASE("a loss that depends on no parameter leaves all gradients as they were") {
  Times net{}, grads{};
  grads.w.fill(1);
  Tape tape(net, grads);
  CHECK(tape.backward(sum(tape.input(x))) == 2);
  CHECK(values(grads.w) == std::vector<float>{1, 1});
}

TEST_CASE("parameters of another network are used as they are, without gradients") {
  Times net{}, grads{}, teacher{};
  net.w.fill(2);
  teacher.w.fill(10);
  Tape tape(net, grads);
  tape.backward(sum(tape(x) * teacher(tape.input(x))));
  CHECK(values(grads.w) == std::vector<float>{10 * 9, 10});
}

namespace {

/// in * (w * t) for a tensor t of the layer's own, which is not traced.
enum class How { mixed, parameter_on_tape, tensor_on_tape, temporary_on_tape, as_it_is, with_buffer };
template <How H>
struct Mixed {
  Parameter<float, 2> w;
  Buffer<float, 2> buffer;
  auto operator()(auto const& in) const {
    Tensor<float, 2> const t{3, 4};
    if constexpr (H == How::mixed) return in * (t * w);
    else if constexpr (H == How::parameter_on_tape) return in * (t * on_tape_of(in, w));
    else if constexpr (H == How::tensor_on_tape) return in * (on_tape_of(in, t) * w);
    else if constexpr (H == How::temporary_on_tape) return in * (on_tape_of(in, Tensor<float, 2>{3, 4}) * w);
    else if constexpr (H == How::as_it_is) return in * (t * w.view());
    else return in * (buffer * w);
  }
};
struct HalfFrozen {
  Parameter<float, 2> w;
  Frozen<Times> fixed;
  auto operator()(auto const& in) const {
    Tensor<float, 2> const t{1, 2};
    return in * w * fixed(t);
  }
};

template <How H>
std::vector<float> gradient_of_mixed() {
  Mixed<H> net{}, grads{};
  net.w.fill(2);
  net.buffer.fill(5);
  Tape tape(net, grads);
  auto const loss = sum(tape(x));
  CHECK(loss.item() == sum(net(x)).item());  // outside of a recorded forward nothing is lost
  tape.backward(loss);
  return values(grads.w);
}

}  // namespace

TEST_CASE("a parameter with tensors that are not traced is trained, or refused, and never silently left out") {
  CHECK(gradient_of_mixed<How::parameter_on_tape>() == std::vector<float>{3 * 3, -1 * 4});
  CHECK(gradient_of_mixed<How::tensor_on_tape>() == std::vector<float>{3 * 3, -1 * 4});
  CHECK(gradient_of_mixed<How::temporary_on_tape>() == std::vector<float>{3 * 3, -1 * 4});
  CHECK(gradient_of_mixed<How::as_it_is>() == std::vector<float>{0, 0});
  CHECK_THROWS_WITH(gradient_of_mixed<How::mixed>(),
                    "an op got a parameter but no traced value and is not recorded: in a forward with the input x, "
                    "write on_tape_of(x, a) for one of its arguments a to train the parameter, or weight.view() for a "
                    "parameter weight to use it as it is");
  CHECK_THROWS_AS(gradient_of_mixed<How::with_buffer>(), Error);
}

TEST_CASE("parameters that a recorded forward does not train may meet plain tensors in it") {
  HalfFrozen net{}, grads{};
  net.w.fill(2);
  net.fixed.w.fill(3);
  Tape tape(net, grads);
  tape.backward(sum(tape(x)));
  CHECK(values(grads.w) == std::vector<float>{3 * 3, -1 * 6});
  CHECK(values(grads.fixed.w) == std::vector<float>{0, 0});
}
