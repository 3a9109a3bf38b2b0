// Checks a layer against a pair of files of tests/golden/layers.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/reflect/lookup.hpp>

#include "support/close.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace ashlar::test {

/// The file of layer `name` with elements of type T.
template <class T>
std::string golden_path(std::string const& name) {
  return ASHLAR_TEST_DATA "/layers/" + name + (std::is_same_v<T, double> ? ".f64" : ".f32") + ".safetensors";
}

/// The tensor `name` of a file as an X, whose dyn extents are those of the file. A Tensor<T, dyn> takes any shape,
/// flat.
template <class X>
X golden_tensor(SafeTensors const& file, std::string const& name) {
  auto shape = file[name].shape;
  typename X::dims_type dims{};
  if constexpr (std::is_same_v<X, Tensor<typename X::value_type, dyn>>) {
    shape = {file.values<typename X::value_type>(name).size()};
  }
  REQUIRE(shape.size() == dims.rank);
  [[maybe_unused]] std::size_t at = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if constexpr (X::dims_type::dyn_count != 0) {
      if (X::dims_type::type()[d] == dyn) dims.dynamic[at++] = shape[d];
    }
    REQUIRE(dims.value()[d] == shape[d]);
  }
  X x(ashlar::detail::uninitialized_t{}, dims);
  x.assign(file.values<typename X::value_type>(name));
  return x;
}

/// Double within 1e-10 + 1e-9 relative, float within 1e-5 + 1e-4 relative: what the recording asks for.
template <class T, class Actual>
void check_golden(Actual const& actual, SafeTensors const& file, std::string const& name) {
  INFO(name);
  bool const f64 = std::is_same_v<T, double>;
  expect_close(std::vector<T>(actual.begin(), actual.end()), file.values<T>(name), f64 ? 1e-9 : 1e-4,
               f64 ? 1e-10 : 1e-5);
}

/// Output, gradients of the input and of each parameter, and buffers afterwards, of layer L with elements of type T on
/// an input of type X. In evaluation the output has the same bits without a tape.
template <class L, class T, class X, class Context = Training>
void check_layer_fixture(std::string const& name, bool same_without_tape = true) {
  INFO(name << (std::is_same_v<T, double> ? " f64" : " f32"));
  SafeTensors const file(golden_path<T>(name));
  auto const layer = std::make_unique<L>();
  auto const grads = std::make_unique<L>();
  for (Row const& row : manifest<L>()) {
    auto const values = file[(row.kind == Kind::buffer ? "buffer." : "param.") + std::string(row.key)].bytes;
    REQUIRE(values.size() == row.bytes);
    std::memcpy(find(*layer, row.key).data, values.data(), values.size());
  }
  X const x = golden_tensor<X>(file, "input");
  Tape<L, Context> tape(*layer, *grads);
  auto const input = [&] {
    if constexpr (std::is_same_v<typename X::value_type, T>) return tape.variable(x);
    else return tape.input(x);
  }();
  auto const y = (*layer)(input);
  check_golden<T>(y, file, "output");
  if (same_without_tape) CHECK(bitwise_equal((*layer)(x), y));

  using Y = std::remove_cvref_t<decltype((*layer)(x))>;
  tape.backward(sum(y * golden_tensor<Y>(file, "grad_output")));
  if constexpr (std::is_same_v<typename X::value_type, T>) check_golden<T>(input.grad(), file, "grad_input");
  for (Row const& row : manifest<L>()) {
    std::string const key(row.key);
    if (row.kind == Kind::parameter) check_golden<T>(find(*grads, key).template as<T>(), file, "grad_param." + key);
    std::string const after = "buffer_after." + key;
    if (!file.has(after)) continue;
    if (row.dtype == DType::i64) {
      CHECK(find(*layer, key).template as<std::int64_t>()[0] == file.values<std::int64_t>(after).at(0));
    } else {
      check_golden<T>(find(*layer, key).template as<T>(), file, after);
    }
  }
}

}  // namespace ashlar::test
