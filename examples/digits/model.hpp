// Example: the networks and the checkpoint of digits.cpp.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/ashlar.hpp>

#include <cstdint>

namespace digits {

//! [model]
struct Classifier {
  ashlar::Linear<64, 128> hidden;
  ashlar::ReLU relu;
  ashlar::Dropout dropout{.p = 0.2};
  ashlar::Linear<128, 10> output;
};  // no operator(): the members run in order
//! [model]

//! [checkpoint]
struct Checkpoint {
  Classifier model;
  ashlar::Adam<Classifier> optimizer{.lr = 3e-3, .weight_decay = 1e-5};
  ashlar::CosineAnnealingLR scheduler{.T_max = 40, .base_lr = 3e-3};
  ashlar::Rng rng{1};  // shuffles the rows and drops out: its counter resumes with the rest
  std::uint64_t epoch = 0;
  double loss = 0;
};
//! [checkpoint]

}  // namespace digits
