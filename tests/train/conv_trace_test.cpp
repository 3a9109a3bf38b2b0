// tests/train/conv_trace_test.cpp: a training run of a convolutional network with BatchNorm against that recorded with
// torch, step by step.  SPDX-License-Identifier: BSL-1.0
//
// Bounds, as in trace_test.cpp: sums in another order have other roundings, so differences are shares of the largest
// element of a tensor. Measured, with baseline and AVX2 kernels: under 1e-14 at every step; held to 1e-12. The gradient
// of conv1.bias is 0 but for rounding, because the BatchNorm behind it takes the mean out: its differences are shares
// of the largest element of the gradient of conv1.weight.
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/train/gradients.hpp>
#include <ashlar/train/sgd.hpp>

#include "support/close.hpp"
#include "support/digits_conv.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

TEST_CASE("five steps of a convolutional network with BatchNorm: SGD with momentum and weight decay") {
  constexpr double tolerance = 1e-12;
  SafeTensors const file(ASHLAR_TEST_DATA "/training/conv_bn_sgd_f64.safetensors");
  ConvBatch const batch;
  auto net = initial_conv();
  auto grads = zeros_like(net);
  auto optimizer = make<SGD<ConvNet>>();
  optimizer->lr = 0.1;
  optimizer->momentum = 0.9;
  optimizer->weight_decay = 0.001;
  Tape tape(*net, *grads);
  std::vector<double> losses;
  for (int step = 1; step <= 5; ++step) {
    std::string const at = "step" + std::to_string(step);
    CAPTURE(at);
    zero_grad(*grads);
    auto const logits = tape(batch.images);
    if (step == 1) {
      std::vector<double> const first(logits.begin(), logits.begin() + 40);
      CHECK(worst_of_scale(first, file.values<double>("step1/output_first_rows")) <= tolerance);
    }
    losses.push_back(tape.backward(cross_entropy(logits, batch.labels)));
    if (step == 1) check_state(*grads, file, at + "/grad/", false, tolerance);
    optimizer->step(*net, *grads);
    if (file.has(at + "/state/fc.weight")) check_state(*net, file, at + "/state/", true, tolerance);
  }
  expect_close(losses, file.values<double>("loss"), tolerance, 0);
  CHECK(net->bn1.num_batches_tracked() == 5);
}
