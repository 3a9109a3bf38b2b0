// The network of main.cpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/linear.hpp>

namespace model {

struct MLP {
  ashlar::Linear<20, 64> hidden;
  ashlar::ReLU relu;
  ashlar::Dropout dropout{.p = 0.1};
  ashlar::Linear<64, 5> output;
};

}  // namespace model
