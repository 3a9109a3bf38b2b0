// Ashlar: optimizers, schedules, gradient clipping.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>
#include <ashlar/train/adam.hpp>
#include <ashlar/train/ema.hpp>
#include <ashlar/train/gradients.hpp>
#include <ashlar/train/rmsprop.hpp>
#include <ashlar/train/schedulers.hpp>
#include <ashlar/train/sgd.hpp>
