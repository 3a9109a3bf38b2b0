// tests/cuda/keys_test.cpp: Named, Tied and Frozen members, on a CUDA device and in units that nvcc compiles.
// SPDX-License-Identifier: BSL-1.0
//
// What is asserted of types, nvcc's two front ends and the host's compiler each assert. Bounds: those of
// forward_test.cpp; a step of an optimizer 2e-6, as in training_test.cpp.
#include <ashlar/ashlar.hpp>
#include <ashlar/cuda.hpp>

#include "support/close.hpp"
#include "support/cuda_close.hpp"
#include "support/cuda_machine.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdio>
#include <string_view>
#include <type_traits>
#include <utility>

using namespace ashlar;
using namespace ashlar::literals;
using namespace ashlar::test;

namespace {

struct Net {
  Named<"block 0", Linear<8, 8>> first;
  Tanh tanh;
  Tied<"block 0"> again;
  Frozen<Linear<8, 8>> frozen;
  Named<"to-3", Frozen<Linear<8, 3>, "bias">> head;
};
struct Apart {  // what Net runs, without what it shares
  Linear<8, 8> first;
  Tanh tanh;
  Linear<8, 8> again;
  Linear<8, 8> frozen;
  Linear<8, 3> head;
};
struct Inherits : Named<"block 0", Linear<8, 8>> {};

static_assert(detail::is_named<decltype(Net::first)> && detail::is_named<decltype(Net::head)>);
static_assert(detail::is_tied<decltype(Net::again)> && !detail::is_wrapper<decltype(Net::again)>);
static_assert(detail::is_frozen<decltype(Net::frozen)> && !detail::is_frozen<decltype(Net::head)>);
static_assert(!detail::is_named<Linear<8, 8>> && !detail::is_wrapper<Inherits> && !detail::is_tied<Inherits>);
static_assert(std::is_same_v<detail::unwrapped_t<decltype(Net::head)>, Linear<8, 3>>);
static_assert(type_name<decltype(Net::head)>() == "Named<\"to-3\", Frozen<Linear<8, 3>, \"bias\">>");
static_assert(type_name<decltype(Net::again)>() == "Tied<\"block 0\">");

constexpr bool is_row(std::size_t i, std::string_view key, std::ptrdiff_t alias_of, bool trained) {
  Row const& row = manifest<Net>()[i];
  return row.key == key && row.alias_of == alias_of && row.is_trained() == trained;
}
static_assert(manifest<Net>().size() == 8);
static_assert(is_row(0, "block 0.weight", -1, true) && is_row(1, "block 0.bias", -1, true));
static_assert(is_row(2, "again.weight", 0, true) && is_row(3, "again.bias", 1, true));
static_assert(is_row(4, "frozen.weight", -1, false) && is_row(5, "frozen.bias", -1, false));
static_assert(is_row(6, "to-3.weight", -1, true) && is_row(7, "to-3.bias", -1, false));

// A layer that leaves its input to the compiler, in a Named and in a Frozen.
using Filled = Sequential<Linear<8, 5>, Named<"x", Linear<infer, 4>>, Frozen<Linear<infer, 2>, "weight">>;
static_assert(std::is_same_v<Inferred<Filled>,
                             Sequential<Linear<8, 5>, Named<"x", Linear<5, 4>>, Frozen<Linear<4, 2>, "weight">>>);
static_assert(manifest<Filled>()[2].key == "x.weight" && !manifest<Filled>()[4].is_trained());

auto const squares = [](auto const& y) { return mean(square(y)); };

}  // namespace

TEST_CASE("Named, Tied and Frozen layers on a CUDA device: forward, and gradients of all that is trained") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const net = make<Net>(Rng{1});
  auto const x = filled(Tensor<float, dyn, 8>(6));
  check_net(*net, x, squares);

  auto apart = make<Apart>();
  transfer<"block 0", "first">(*net, *apart);
  transfer<"block 0", "again">(*net, *apart);
  transfer<"frozen">(*net, *apart);
  transfer<"to-3", "head">(*net, *apart);
  auto const gradient = [&x](auto const& host) {
    auto gpu = to<Cuda>(host);
    auto grads = zeros_like(gpu);
    Tape tape(gpu, grads);
    tape.backward(squares(tape(to<Cuda>(x))));
    return to<Cpu>(grads);
  };
  auto const tied = gradient(*net);
  auto const each = gradient(*apart);
  auto sum = each->first;
  for (std::size_t i = 0; i < sum.weight.numel(); ++i) sum.weight.data()[i] += each->again.weight.data()[i];
  for (std::size_t i = 0; i < sum.bias.numel(); ++i) sum.bias.data()[i] += each->again.bias.data()[i];
  CHECK(worst_of_scale(tied->first.weight.span(), sum.weight.span()) <= bound<float>);
  CHECK(worst_of_scale(tied->first.bias.span(), sum.bias.span()) <= bound<float>);
  CHECK(worst_of_scale(tied->head.weight.span(), each->head.weight.span()) <= bound<float>);
  for (float const g : tied->frozen.weight) CHECK(g == 0);
  for (float const g : tied->head.bias) CHECK(g == 0);
}

TEST_CASE("an optimizer on a CUDA device leaves what is Frozen as it is, and moves what is tied once") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto net = make<Net>(Rng{1});
  auto const before = make<Net>(Rng{1});
  auto const grads = make<Net>(Rng{2});
  auto optimizer = make<AdamW<Net>>();
  auto mirrored = make<AdamW<Net>>();
  auto gpu = to<Cuda>(*net);
  auto const grads_gpu = to<Cuda>(*grads);
  CudaOptimizer on_device(*mirrored, Cuda{0});
  for (int step = 0; step < 3; ++step) {
    optimizer->step(*net, *grads);
    on_device.step(gpu, grads_gpu);
  }
  auto const after = to<Cpu>(gpu);
  for (Row const& row : manifest<Net>()) {
    CAPTURE(row.key);
    auto const now = find(*after, row.key).template as<float>();
    auto const then = find(*before, row.key).template as<float>();
    bool const moved = row.is_trained();
    for (std::size_t i = 0; i < now.size(); ++i) CHECK((now[i] != then[i]) == moved);
    CHECK(worst_of_scale(now, find(std::as_const(*net), row.key).template as<float>()) <= 2e-6);
  }
}

TEST_CASE("a network with Named, Tied and Frozen members goes from a CUDA device to a file and back") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  char const* const path = "cuda_keys_test.ashlar";
  auto const gpu = to<Cuda>(*make<Net>(Rng{3}));
  save(path, *to<Cpu>(gpu));
  auto const mapped = map<Net>(path);
  auto loaded = load<Net>(path);
  std::remove(path);
  auto const x = to<Cuda>(filled(Tensor<float, 2, 8>()));
  CHECK(bitwise_equal(to<Cpu>(to<Cuda>(*mapped)(x)), to<Cpu>(gpu(x))));
  CHECK(get<"again.weight">(*loaded).data() == loaded->first.weight.data());
  CHECK(state_dict(*loaded)["to-3.bias"_s](2) == mapped->head.bias(2));
}

TEST_CASE("layers with settings are named in functions, and nvcc writes what they are") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const norm = make<InstanceNorm1d<4, InstanceNormOptions{.track_running_stats = true}>>();
  CHECK(type_name<std::remove_cvref_t<decltype(*norm)>>() ==
        "InstanceNorm1d<4, InstanceNormOptions{.track_running_stats = true}>");
  using Given = Inferred<Sequential<Named<"in", Conv1d<infer, 4, 3>>, BatchNorm1d<infer>>, Tensor<float, dyn, 2, 5>>;
  auto const given = make<Given>(Rng{0});
  CHECK(type_name<Given>() == "Sequential<Named<\"in\", Conv1d<2, 4, 3>>, BatchNorm1d<4>>");
  auto const x = filled(Tensor<float, dyn, 2, 5>(3));
  check_close(to<Cpu>(to<Cuda>(*given)(to<Cuda>(x))), forward(*given, x));
}
