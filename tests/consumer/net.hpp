// A network whose weights are linked into the program.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

#ifndef CONSUMER_OUT
#define CONSUMER_OUT 3
#endif

namespace consumer {

struct Net {
  ashlar::Linear<4, 8> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<8, CONSUMER_OUT> output;
};

}  // namespace consumer
