// tests/reflect/lookup_test.cpp, mirrors include/ashlar/reflect/{lookup,state_dict}.hpp.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/reflect/state_dict.hpp>

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/sequential.hpp>

#include <boost/hana/concept/searchable.hpp>
#include <boost/hana/contains.hpp>
#include <boost/hana/core/is_a.hpp>
#include <boost/hana/erase_key.hpp>
#include <boost/hana/find.hpp>
#include <boost/hana/fold_left.hpp>
#include <boost/hana/for_each.hpp>
#include <boost/hana/insert.hpp>
#include <boost/hana/keys.hpp>
#include <boost/hana/length.hpp>
#include <boost/hana/unpack.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace ashlar::literals;
using ashlar::Buffer;
using ashlar::Constant;
using ashlar::Linear;
using ashlar::View;

namespace {

struct Net {
  Linear<2, 3> hidden;
  ashlar::ReLU relu;
  std::array<ashlar::Named<"block 0", Linear<3, 3>>, 1> blocks;
  ashlar::Tied<"hidden"> again;
  Buffer<std::int64_t> steps;
  Constant<float, 2> table;
  std::uint64_t epoch;
  ashlar::bfloat16 half;
};

}  // namespace

TEST_CASE("state_dict is a map from compile-time keys to views, in PyTorch's order") {
  Net net{};
  auto sd = ashlar::state_dict(net);
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(sd["hidden.weight"_s])>, View<float, 3, 2>>);
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(sd["steps"_s])>, View<std::int64_t>>);
  sd["hidden.weight"_s](2, 1) = 5;
  CHECK(net.hidden.weight(2, 1) == 5);
  CHECK(sd["again.weight"_s].data() == net.hidden.weight.data());
  static_assert(std::is_same_v<std::remove_cvref_t<decltype(ashlar::state_dict(std::as_const(net))["hidden.bias"_s])>,
                               View<float const, 3>>);

  std::vector<std::string> keys;
  boost::hana::for_each(boost::hana::keys(sd), [&](auto key) { keys.emplace_back(key.c_str()); });
  CHECK(keys == std::vector<std::string>{"steps", "hidden.weight", "hidden.bias", "blocks.0.weight", "blocks.0.bias",
                                         "again.weight", "again.bias"});
  static_assert(decltype(boost::hana::length(sd))::value == 7);  // no constant, no scalar
}

TEST_CASE("a state_dict is a Hana map, with what Hana does with one") {
  namespace hana = boost::hana;
  Net net{};
  auto const sd = ashlar::state_dict(net);
  static_assert(hana::is_a<hana::map_tag>(sd) && hana::Searchable<decltype(sd)>::value);
  static_assert(decltype(hana::contains(sd, "steps"_s))::value && !decltype(hana::contains(sd, "epoch"_s))::value);
  CHECK(hana::at_key(sd, "hidden.bias"_s).data() == net.hidden.bias.data());
  CHECK(hana::find(sd, "steps"_s).value().data() == net.steps.data());
  static_assert(decltype(hana::is_nothing(hana::find(sd, "stesp"_s)))::value);

  hana::for_each(sd, [](auto const& pair) { hana::second(pair).fill(1); });
  CHECK(net.blocks[0].bias(2) == 1);
  std::size_t const elements = hana::fold_left(
      sd, std::size_t{0}, [](std::size_t n, auto const& pair) { return n + hana::second(pair).numel(); });
  CHECK(elements == 1 + 3 * 2 + 3 + 3 * 3 + 3 + 3 * 2 + 3);
  CHECK(hana::unpack(hana::values(sd), [](auto const&... view) { return (view.numel() + ...); }) == elements);

  auto const more = hana::insert(hana::erase_key(sd, "steps"_s), hana::make_pair("loss"_s, 0.5));
  static_assert(decltype(hana::length(more))::value == 7);
  CHECK(more["loss"_s] == 0.5);
}

TEST_CASE("get takes a key at compile time") {
  Net net{};
  auto bias = ashlar::get<"blocks.0.bias">(net);
  static_assert(std::is_same_v<decltype(bias), View<float, 3>>);
  bias.fill(2);
  CHECK(net.blocks[0].bias(1) == 2);
  auto epoch = ashlar::get<"epoch">(std::as_const(net));
  static_assert(std::is_same_v<decltype(epoch), View<std::uint64_t const>>);
  CHECK(epoch.data() == &net.epoch);
  CHECK(ashlar::get<"half">(net).data() == &net.half);
  CHECK(ashlar::get<"again.weight">(net).data() == net.hidden.weight.data());
}

TEST_CASE("find takes a key at run time, and errors name the nearest one") {
  Net net{};
  auto found = ashlar::find(net, "hidden.bias");
  CHECK(found.key() == "hidden.bias");
  CHECK(found.dtype() == ashlar::DType::f32);
  CHECK(found.shape() == ashlar::Extents{1, {3}});
  found.as<float>()[2] = 4;
  CHECK(net.hidden.bias(2) == 4);
  CHECK(ashlar::find(net, "epoch").numel() == 1);
  static_assert(std::is_same_v<decltype(ashlar::find(std::as_const(net), "").as<float>()), std::span<float const>>);

  struct Case {
    char const* key;
    char const* text;
  };
  for (Case const& c : std::initializer_list<Case>{
           {"hidden.wieght", "Net has nothing with the key hidden.wieght; did you mean hidden.weight?"},
           {"hiden.bias", "Net has nothing with the key hiden.bias; did you mean hidden.bias?"},
           {"block.0.bias", "Net has nothing with the key block.0.bias; did you mean blocks.0.bias?"},
           {"optimizer", "Net has nothing with the key optimizer"},
           {"", "Net has nothing with the key "}}) {
    CHECK_THROWS_WITH(ashlar::find(net, c.key), c.text);
  }
  CHECK_THROWS_WITH(found.as<double>(), "hidden.bias holds f32 but f64 was asked for");
}

TEST_CASE("named_parameters lists what is trained, once") {
  Net net{};
  std::vector<std::string> keys;
  for (auto const& p : ashlar::named_parameters(net)) keys.emplace_back(p.key());
  CHECK(keys == std::vector<std::string>{"hidden.weight", "hidden.bias", "blocks.0.weight", "blocks.0.bias"});
  CHECK(ashlar::named_parameters(net)[0].data == &net.hidden.weight);
  auto const& fixed = net;
  CHECK(ashlar::named_parameters(fixed)[0].as<float>().data() == net.hidden.weight.data());
  static_assert(std::is_same_v<decltype(ashlar::named_parameters(fixed)[0].as<float>()), std::span<float const>>);
}
