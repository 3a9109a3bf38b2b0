// Ashlar: networks and training, without files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/arithmetic.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/conv_transpose.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/flatten.hpp>
#include <ashlar/nn/group_norm.hpp>
#include <ashlar/nn/initialise.hpp>
#include <ashlar/nn/layer_norm.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/matmul.hpp>
#include <ashlar/nn/pool.hpp>
#include <ashlar/nn/prelu.hpp>
#include <ashlar/nn/reduce.hpp>
#include <ashlar/nn/reshape.hpp>
#include <ashlar/nn/rms_norm.hpp>
#include <ashlar/nn/sequential.hpp>
#include <ashlar/nn/softmax.hpp>
