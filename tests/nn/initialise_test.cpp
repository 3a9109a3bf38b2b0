// tests/nn/initialise_test.cpp, mirrors include/ashlar/nn/initialise.hpp.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn/initialise.hpp>

#include <ashlar/nn/sequential.hpp>

#include "support/close.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>

using ashlar::Buffer;
using ashlar::Constant;
using ashlar::Parameter;
using ashlar::TorchRng;
using namespace ashlar::test;
namespace init = ashlar::init;

namespace {

SafeTensors const& golden() {
  static SafeTensors const file(ASHLAR_TEST_DATA "/d2l/inits.safetensors");
  return file;
}

/// Calls f(tensor, name of its shape) for the shapes of the golden file.
template <class F>
void for_each_shape(F&& f) {
  auto const a = std::make_unique<Parameter<float, 64, 48>>();
  auto const b = std::make_unique<Parameter<float, 8, 3, 3, 3>>();
  auto const c = std::make_unique<Parameter<float, 5, 7>>();
  f(*a, "64x48");
  f(*b, "8x3x3x3");
  f(*c, "5x7");
}

template <class Draw>
void check_bits(std::string const& name, Draw&& draw) {
  for_each_shape([&](auto& tensor, char const* shape) {
    CAPTURE(name, shape);
    TorchRng rng(0);
    draw(tensor, rng);
    CHECK(same_bits(tensor.span(), golden().values<float>(name + "/" + shape)));
  });
}

template <class Draw>
void check_close(std::string const& name, double rtol, double atol, Draw&& draw) {
  for_each_shape([&](auto& tensor, char const* shape) {
    CAPTURE(name, shape);
    TorchRng rng(0);
    draw(tensor, rng);
    expect_close(tensor.span(), golden().values<float>(name + "/" + shape), rtol, atol);
  });
}

/// A layer as the library's Linear draws it.
template <std::size_t In, std::size_t Out>
struct Affine {
  Parameter<float, Out, In> weight;  // (Out, In)
  Parameter<float, Out> bias;        // (Out)

  void reset_parameters(TorchRng& rng) {
    init::kaiming_uniform_(weight, std::sqrt(5.0), rng);
    double const bound = 1 / std::sqrt(static_cast<double>(In));
    init::uniform_(bias, -bound, bound, rng);
  }
};
struct Nothing {};

}  // namespace

TEST_CASE("init: uniform initialisers give the bits of torch") {
  check_bits("zeros", [](auto& x, TorchRng&) { init::zeros_(x); });
  check_bits("ones", [](auto& x, TorchRng&) { init::ones_(x); });
  check_bits("constant_42", [](auto& x, TorchRng&) { init::constant_(x, 42); });
  check_bits("uniform_-10_10", [](auto& x, TorchRng& r) { init::uniform_(x, -10, 10, r); });
  check_bits("uniform_0_1", [](auto& x, TorchRng& r) { init::uniform_(x, 0, 1, r); });
  check_bits("xavier_uniform", [](auto& x, TorchRng& r) { init::xavier_uniform_(x, r); });
  check_bits("xavier_uniform_gain2", [](auto& x, TorchRng& r) { init::xavier_uniform_(x, 2, r); });
  check_bits("kaiming_uniform_default", [](auto& x, TorchRng& r) { init::kaiming_uniform_(x, 0, r); });
  check_bits("kaiming_uniform_a_sqrt5", [](auto& x, TorchRng& r) { init::kaiming_uniform_(x, std::sqrt(5.0), r); });
  check_bits("kaiming_uniform_fan_out_relu", [](auto& x, TorchRng& r) {
    init::kaiming_uniform_(x, 0, r, init::FanMode::fan_out, init::Nonlinearity::relu);
  });
}

// 1e-6 of the deviation: the vector unit's logarithm, sine and cosine are a few ulp of float off (see TorchRng).
TEST_CASE("init: normal initialisers agree with torch") {
  auto const check = [](char const* name, auto std_of, auto draw) {
    for_each_shape([&](auto& tensor, char const* shape) {
      CAPTURE(name, shape);
      TorchRng rng(0);
      draw(tensor, rng);
      expect_close(tensor.span(), golden().values<float>(std::string(name) + "/" + shape), 1e-6,
                   1e-6 * std_of(init::calculate_fan(tensor)));
    });
  };
  using init::Fan;
  check("normal_0_0.01", [](Fan) { return 0.01; }, [](auto& x, TorchRng& r) { init::normal_(x, 0, 0.01, r); });
  check(
      "xavier_normal", [](Fan f) { return std::sqrt(2 / (f.in + f.out)); },
      [](auto& x, TorchRng& r) { init::xavier_normal_(x, r); });
  check(
      "kaiming_normal_default", [](Fan f) { return std::sqrt(2 / f.in); },
      [](auto& x, TorchRng& r) { init::kaiming_normal_(x, 0, r); });
  check(
      "kaiming_normal_fan_out_relu", [](Fan f) { return std::sqrt(2 / f.out); },
      [](auto& x, TorchRng& r) { init::kaiming_normal_(x, 0, r, init::FanMode::fan_out, init::Nonlinearity::relu); });
  check(
      "trunc_normal_0.02", [](Fan) { return 0.02; },
      [](auto& x, TorchRng& r) { init::trunc_normal_(x, 0, 0.02, -2, 2, r); });
}

TEST_CASE("init: a truncated normal stays inside, and has the moments it should") {
  auto const x = std::make_unique<Parameter<double, 100, 200>>();
  TorchRng rng(4);
  init::trunc_normal_(*x, 1, 2, 0, 4, rng);
  double mean = 0;
  for (double const v : x->span()) {
    REQUIRE((v >= 0 && v <= 4));
    mean += v / 20000;
  }
  // 1 + 2 (pdf(-0.5) - pdf(1.5)) / (cdf(1.5) - cdf(-0.5)); the deviation of a value is 1.05
  CHECK(std::abs(mean - 1.7125458) < 5 * 1.05 / std::sqrt(20000.0));
  init::trunc_normal_(*x, 0, 1, 9, 10, rng);  // as good as never drawn
  for (double const v : x->span()) REQUIRE((v >= 9 && v <= 10));
}

// torch factorises in float, ours in double; 48 nearly parallel columns amplify float's rounding.
TEST_CASE("init: orthogonal agrees with torch and is orthogonal") {
  check_close("orthogonal", 0, 5e-6, [](auto& x, TorchRng& r) { init::orthogonal_(x, 1, r); });
  for_each_shape([&](auto& tensor, char const* shape) {
    CAPTURE(shape);
    TorchRng rng(3);
    init::orthogonal_(tensor, 2, rng);
    std::size_t const rows = tensor.size(0);
    std::size_t const columns = tensor.numel() / rows;
    bool const wide = rows < columns;
    std::size_t const count = wide ? rows : columns, length = wide ? columns : rows;
    double error = 0;
    for (std::size_t j = 0; j < count; ++j) {
      for (std::size_t k = 0; k < count; ++k) {
        double dot = 0;
        for (std::size_t i = 0; i < length; ++i) {
          auto const at = [&](std::size_t v) {
            return double(tensor.data()[wide ? v * columns + i : i * columns + v]);
          };
          dot += at(j) * at(k);
        }
        error = std::max(error, std::abs(dot - (j == k ? 4.0 : 0.0)));
      }
    }
    CHECK(error < 2e-6);
  });
}

TEST_CASE("init: eye, fans, gains, empty tensors") {
  Parameter<float, 64, 48> wide{};
  init::eye_(wide);
  CHECK(same_bits(wide.span(), golden().values<float>("eye/64x48")));
  Parameter<float, 5, 7> small{};
  init::eye_(small.view());  // a View does as well
  CHECK(same_bits(small.span(), golden().values<float>("eye/5x7")));

  Parameter<float, 8, 3, 3, 3> kernel{};
  CHECK(init::calculate_fan(kernel).in == 27);
  CHECK(init::calculate_fan(kernel).out == 72);
  CHECK(init::calculate_gain(init::Nonlinearity::tanh) == 5.0 / 3);
  CHECK(init::calculate_gain(init::Nonlinearity::selu) == 0.75);
  CHECK(init::calculate_gain(init::Nonlinearity::sigmoid) == 1);
  CHECK(init::calculate_gain(init::Nonlinearity::leaky_relu) == std::sqrt(2 / (1 + 0.0001)));

  TorchRng rng(0);
  Parameter<float, 3, 0> none{};
  init::kaiming_uniform_(none, 0, rng);
  init::orthogonal_(none, 1, rng);
  CHECK(rng.random() == TorchRng(0).random());
}

TEST_CASE("initialise: a layer by itself has the bits of torch") {
  auto const layer = std::make_unique<Affine<64, 128>>();
  initialise(*layer, ashlar::Rng{0});
  CHECK(same_bits(layer->weight.span(), golden().values<float>("nn.Linear/weight")));
  CHECK(same_bits(layer->bias.span(), golden().values<float>("nn.Linear/bias")));
}

TEST_CASE("initialise: a network has the bits of torch, however it is put together") {
  struct Plain {
    Affine<20, 256> hidden;
    Nothing relu;
    Affine<256, 10> out;
  };
  struct Inner {
    ashlar::Named<"hid den", Affine<20, 256>> hidden;
  };
  struct Wrapped {
    Inner inner;
    std::array<Affine<256, 10>, 1> out;
    ashlar::Tied<"inner"> again;
  };
  using Chain = ashlar::Sequential<Affine<20, 256>, Nothing, Affine<256, 10>>;
  auto const check = [](auto const& first, auto const& second) {
    CHECK(same_bits(first.weight.span(), golden().values<float>("MLP_20_256_10/hidden.weight")));
    CHECK(same_bits(first.bias.span(), golden().values<float>("MLP_20_256_10/hidden.bias")));
    CHECK(same_bits(second.weight.span(), golden().values<float>("MLP_20_256_10/out.weight")));
    CHECK(same_bits(second.bias.span(), golden().values<float>("MLP_20_256_10/out.bias")));
  };
  auto const plain = std::make_unique<Plain>();
  initialise(*plain, ashlar::Rng{0});
  check(plain->hidden, plain->out);
  auto const wrapped = std::make_unique<Wrapped>();
  TorchRng rng(0);
  initialise(*wrapped, rng);
  check(wrapped->inner.hidden, wrapped->out[0]);
  auto const chain = std::make_unique<Chain>();
  initialise(*chain, ashlar::Rng{0});
  using namespace ashlar::literals;
  check((*chain)[ashlar::Index<0>{}], (*chain)[ashlar::Index<2>{}]);
}

TEST_CASE("initialise: what no layer draws stays as it was") {
  struct Net {
    double lr = 0.25;
    Parameter<float, 3> scale;
    Buffer<float, 2> mean;
    Constant<float, 2> fixed;
    std::array<int, 2> sizes;
    ashlar::State<Affine<2, 2>> moments;
    Affine<2, 2> layer;
  };
  Net net{};
  net.mean.fill(7);
  net.fixed.fill(8);
  initialise(net, ashlar::Rng{1});
  CHECK(net.lr == 0.25);
  CHECK(net.scale(0) == 0);
  CHECK(net.mean(1) == 7);
  CHECK(net.fixed(1) == 8);
  CHECK(net.moments->weight(0, 0) == 0);
  CHECK(net.layer.weight(0, 0) != 0);
}
