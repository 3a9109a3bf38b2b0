// tests/cuda/fixtures_test.cpp: layers on a CUDA device against what torch computed and recorded.
// SPDX-License-Identifier: BSL-1.0
//
// Data and bounds are those of tests/nn, which compute the same on the host (support/layer_fixture.hpp).
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>

#include "support/cuda_machine.hpp"
#include "support/layer_fixture.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>

using namespace ashlar;
using namespace ashlar::test;

namespace {

template <class T>
SafeTensors fixture(std::string const& name) {
  return SafeTensors(ASHLAR_TEST_DATA "/layers/" + name + (std::is_same_v<T, double> ? ".f64" : ".f32") +
                     ".safetensors");
}

/// A network of the weights that the file has.
template <class L>
std::unique_ptr<L> with_weights(SafeTensors const& file) {
  auto layer = std::make_unique<L>();
  for (Row const& row : manifest<L>()) {
    auto const values = file[(row.kind == Kind::buffer ? "buffer." : "param.") + std::string(row.key)].bytes;
    REQUIRE(values.size() == row.bytes);
    std::memcpy(find(*layer, row.key).data, values.data(), values.size());
  }
  return layer;
}

template <class T, class L>
void check_gradients(CudaOwned<L> const& grads, SafeTensors const& file) {
  auto const there = to<Cpu>(grads);
  for (Row const& row : manifest<L>()) {
    if (row.kind != Kind::parameter) continue;
    std::string const key(row.key);
    check_golden<T>(find(*there, key).template as<T>(), file, "grad_param." + key);
  }
}

constexpr InstanceNormOptions tracked{.affine = true, .track_running_stats = true};
using Tracked = InstanceNorm2d<3, tracked, double>;

/// What check_layer_fixture checks on the host. (The layer is deduced: nvcc 13 cannot write an InstanceNorm itself.)
template <class X, class Context = Training, class L>
void check_on_device(L const&, std::string const& name) {
  using T = typename X::value_type;
  INFO(name);
  SafeTensors const file = fixture<T>(name);
  auto gpu = to<Cuda>(*with_weights<L>(file));
  auto grads = zeros_like(gpu);
  Tape<CudaOwned<L>, Context> tape(gpu, grads);
  auto const input = tape.variable(to<Cuda>(golden_tensor<X>(file, "input")));
  auto const y = tape(input);
  auto const output = y.to_host();
  check_golden<T>(output, file, "output");
  auto const slope = to<Cuda>(golden_tensor<std::remove_const_t<decltype(output)>>(file, "grad_output"));
  tape.backward(sum(y * slope));
  check_golden<T>(input.grad_to_host(), file, "grad_input");
  check_gradients<T>(grads, file);
  auto const after = to<Cpu>(gpu);
  for (Row const& row : manifest<L>()) {
    std::string const key = "buffer_after." + std::string(row.key);
    if (!file.has(key)) continue;
    if (row.dtype == DType::i64) {
      CHECK(find(*after, row.key).template as<std::int64_t>()[0] == file.values<std::int64_t>(key).at(0));
    } else {
      check_golden<T>(find(*after, row.key).template as<T>(), file, key);
    }
  }
}

}  // namespace

TEST_CASE("ConvTranspose2d on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  constexpr ConvTransposeOptions stride2{.stride = 2, .padding = 1, .output_padding = 1};
  constexpr ConvTransposeOptions groups{.stride = {2, 1}, .groups = 2, .bias = false};
  using Any = Tensor<double, dyn, dyn, dyn, dyn>;
  check_on_device<Tensor<double, 2, 3, 4, 5>>(ConvTranspose2d<3, 4, 3, ConvTransposeOptions{}, double>{},
                                              "conv_transpose2d");
  check_on_device<Tensor<float, dyn, 3, 4, 5>>(ConvTranspose2d<3, 4, 3, stride2>{}, "conv_transpose2d_stride2");
  check_on_device<Any>(ConvTranspose2d<4, 6, Size2{2, 3}, groups, double>{}, "conv_transpose2d_groups");
}

TEST_CASE("InstanceNorm2d with running statistics on a CUDA device agrees with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  using X = Tensor<double, dyn, 3, 4, 5>;
  check_on_device<X>(Tracked{}, "instance_norm2d_track_train");
  check_on_device<X, Evaluation>(Tracked{}, "instance_norm2d_track_eval");
}
