// tests/support/checkpoints.hpp: small checkpoints, and what a load says of a file.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/read.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/train.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace ashlar::test {

using Lines = std::vector<std::string>;

template <std::size_t In, std::size_t Hidden, std::size_t Out, class T>
struct MLP {
  Linear<In, Hidden, T> hidden;
  ReLU relu;
  Linear<Hidden, Out, T> out;
};
using Small = MLP<4, 8, 3, float>;

template <class Net, class Optimizer>
struct Checkpoint {
  Net model;
  Optimizer optimizer;
  StepLR scheduler;
  std::uint64_t epoch = 0;
};
using AdamCheckpoint = Checkpoint<Small, Adam<Small>>;

/// What try_load says of a file: the lines below the headline.
template <class T>
Lines problems_of(std::string const& name, LoadOptions const& options = {}) {
  auto object = make_zeros<T>();
  std::memset(static_cast<void*>(object.get()), 1, sizeof(T));
  auto const before = clone(*object);
  auto const done = try_load(name, *object, options);
  CHECK(std::memcmp(before.get(), object.get(), sizeof(T)) == 0);  // all is judged before anything is touched
  REQUIRE(!done);
  CHECK(done.error().code() == Errc::mismatch);
  return done.error().problems();
}

}  // namespace ashlar::test
