// The network of main.cpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/structure.hpp>

namespace model {

struct MLP {
  ashlar::Named<"layer 0", ashlar::Linear<20, 64>> hidden;
  ashlar::ReLU relu;
  ashlar::Dropout dropout{.p = 0.1};
  ashlar::Frozen<ashlar::Linear<64, 64>, "bias"> middle;
  ashlar::Tied<"middle"> again;
  ashlar::Linear<64, 5> output;
};

}  // namespace model
