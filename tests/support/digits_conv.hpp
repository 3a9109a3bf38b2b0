// The network of the training trace of convolutions, and how far it is from what that recorded.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/pool.hpp>
#include <ashlar/reflect/lookup.hpp>

#include "support/close.hpp"
#include "support/digits.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace ashlar::test {

struct ConvNet {
  Conv2d<1, 8, 3, ConvOptions{.padding = 1}, double> conv1;
  BatchNorm2d<8, BatchNormOptions{}, double> bn1;
  Conv2d<8, 12, 3, ConvOptions{.padding = 1, .bias = false}, double> conv2;
  BatchNorm2d<12, BatchNormOptions{}, double> bn2;
  Linear<48, 10, double> fc;

  auto operator()(auto const& images) const {
    auto const half = MaxPool2d<2>{}(relu(bn1(conv1(images))));
    auto const quarter = MaxPool2d<2>{}(relu(bn2(conv2(half))));
    return fc(Flatten{}(quarter));
  }
};

inline Owned<ConvNet> initial_conv() {
  SafeTensors const file(ASHLAR_TEST_DATA "/training/conv_init.safetensors");
  auto net = make<ConvNet>();
  for (Row const& row : manifest<ConvNet>()) {
    if (row.dtype == DType::i64) continue;  // num_batches_tracked: 0
    auto const values = file.values<float>(std::string(row.key));
    auto const target = find(*net, row.key).template as<double>();
    REQUIRE(values.size() == target.size());
    for (std::size_t i = 0; i < values.size(); ++i) target[i] = static_cast<double>(values[i]);
  }
  return net;
}

/// Each parameter of net, and each buffer if so wanted, is the tensor prefix + key of the file.
inline void check_state(ConvNet& net, SafeTensors const& file, std::string const& prefix, bool with_buffers,
                        double tolerance) {
  for (Row const& row : manifest<ConvNet>()) {
    std::string const name = prefix + std::string(row.key);
    if (row.kind == Kind::buffer && !with_buffers) continue;
    CAPTURE(name);
    if (row.dtype == DType::i64) {
      CHECK(find(net, row.key).template as<std::int64_t>()[0] == file.values<std::int64_t>(name).at(0));
      continue;
    }
    auto const actual = find(net, row.key).template as<double>();
    if (name == "step1/grad/conv1.bias") {
      double scale = 0;
      for (double const g : file.values<double>("step1/grad/conv1.weight")) scale = std::fmax(scale, std::abs(g));
      expect_close(actual, file.values<double>(name), 0, tolerance * scale);
    } else {
      CHECK(worst_of_scale(actual, file.values<double>(name)) <= tolerance);
    }
  }
}

/// The rows that the trace was trained with: images and their classes.
struct ConvBatch {
  Tensor<double, dyn, 1, 8, 8> images{64};
  Tensor<std::int64_t, dyn> labels{64};

  ConvBatch() {
    Digits const digits;
    auto const all = digits.rows("train_index");
    auto const rows = std::span(all).first(64);
    std::memcpy(images.data(), digits.inputs<double>(rows).data(), images.numel() * sizeof(double));
    labels = digits.labels(rows);
  }
};

}  // namespace ashlar::test
