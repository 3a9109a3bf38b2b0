// Example: the network whose weights embedded.cpp links in.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

struct Recogniser {
  ashlar::Linear<64, 128> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<128, 10> out;
};
