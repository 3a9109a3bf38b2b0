// tests/cuda/conv_test.cpp: convolutions, pools and BatchNorm on a CUDA device: against the host, and against what
// torch computed and recorded.  SPDX-License-Identifier: BSL-1.0
//
// Bounds: against the host those of forward_test.cpp; against torch those of tests/nn/d2l_test.cpp and
// tests/train/conv_trace_test.cpp, which compute the same data on the host.
#include <ashlar/cuda.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/train/sgd.hpp>

#include "support/close.hpp"
#include "support/cuda_close.hpp"
#include "support/cuda_machine.hpp"
#include "support/digits_conv.hpp"
#include "support/forked.hpp"
#include "support/safetensors.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

constexpr ConvOptions no_bias{.padding = 1, .bias = false};
constexpr ConvOptions half{.stride = 2, .padding = 1};

using LeNet = Sequential<Conv2d<1, 6, 5, ConvOptions{.padding = 2}>, Sigmoid, AvgPool2d<2>, Conv2d<6, 16, 5>, Sigmoid,
                         AvgPool2d<2>, Flatten, Linear<400, 120>, Sigmoid, Linear<120, 84>, Sigmoid, Linear<84, 10>>;
using ConvBn = Sequential<Conv2d<1, 4, 3, no_bias>, BatchNorm2d<4>, ReLU, MaxPool2d<2>, Conv2d<4, 8, 3, half>,
                          BatchNorm2d<8>, ReLU, AdaptiveAvgPool2d<1>, Flatten, Dropout, Linear<8, 3>>;

/// Output with torch's weights, as tests/golden/d2l has them.
template <class Net, std::size_t... In>
void check_golden(std::string const& name) {
  std::string const path = ASHLAR_TEST_DATA "/d2l/" + name;
  SafeTensors const weights(path + ".safetensors");
  SafeTensors const io(path + ".io.safetensors");
  auto net = make<Net>();
  for (Row const& row : manifest<Net>()) {
    if (row.kind == Kind::scalar || row.dtype == DType::i64) continue;
    auto const values = weights.values<float>(std::string(row.key));
    std::copy(values.begin(), values.end(), find(*net, row.key).template as<float>().begin());
  }
  Tensor<float, dyn, In...> x(io["input"].shape.at(0));
  x.assign(io.values<float>("input"));
  auto const y = to<Cpu>(to<Cuda>(*net)(to<Cuda>(x)));
  expect_close(std::vector<float>(y.begin(), y.end()), io.values<float>("output"), 1e-6, 1e-6);
}

// A BatchNorm comes first, for behind a bias it takes its gradient away but for rounding.
template <class T>
struct Images {  // groups, dilation and padding on one side; pools that pad, reach past the end, or adapt
  BatchNorm2d<4, BatchNormOptions{.momentum = 0.3}, T> norm;
  Conv2d<4, 6, Size2{3, 2}, ConvOptions{.stride = {2, 1}, .padding = {0, 1}, .groups = 2}, T> grouped;
  MaxPool2d<3, MaxPoolOptions{.stride = 2, .padding = 1, .ceil_mode = true}> most;
  Conv2d<6, 6, 3, ConvOptions{.padding = "same", .dilation = 2, .groups = 6, .bias = false}, T> each;
  AvgPool2d<2, AvgPoolOptions{.stride = 1, .padding = 1, .count_include_pad = false}> mean;
  Frozen<BatchNorm2d<6, BatchNormOptions{}, T>> frozen;
  AdaptiveAvgPool2d<Size2{2, 3}> adaptive;
};

struct Sequences {
  BatchNorm1d<3, BatchNormOptions{.affine = false}> norm;
  Conv1d<3, 5, 4, ConvOptions{.stride = 2, .padding = 1}> conv;
  MaxPool1d<2> most;
};

struct Upwards {  // without a bias, dilated, of groups; extents known and unknown
  ConvTranspose1d<4, 6, 3, ConvTransposeOptions{.stride = 3, .padding = 1, .output_padding = 2, .groups = 2}, double>
      up;
  ConvTranspose1d<6, 2, 2, ConvTransposeOptions{.bias = false, .dilation = 2}, double> wide;
};

struct Rows {
  BatchNorm1d<20> norm;
  Linear<20, 3> out;
};

auto const squares = [](auto const& y) { return mean(square(y)); };

}  // namespace

TEST_CASE("LeNet and a network with BatchNorm on a CUDA device agree with torch") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  check_golden<LeNet, 1, 28, 28>("lenet");
  check_golden<ConvBn, 1, 12, 12>("conv_bn");
}

TEST_CASE("convolutions, pools and BatchNorm on a CUDA device, and their gradients") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto images = make<Images<double>>(Rng{1});
  images->frozen.running_mean.fill(0.1);
  check_net(*images, filled(Tensor<double, dyn, 4, 11, 7>(3)), squares);
  check_net(*make<Sequences>(Rng{2}), filled(Tensor<float, 4, 3, 18>()), squares);
  check_net(*make<Upwards>(Rng{2}), filled(Tensor<double, dyn, 4, 5>(3)), squares);
  check_net(*make<Rows>(Rng{3}), filled(Tensor<float, dyn, 20>(9)), squares);
  check_op([](auto const& x) { return MaxPool2d<2>{}(x); }, filled(Tensor<float, dyn, 3, 5, 6>(0)));
}

TEST_CASE("BatchNorm in training takes a network on a CUDA device that is not const") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  auto const net = to<Cuda>(*make<Sequences>(Rng{2}));
  auto grads = zeros_like(net);
  Tape tape(net, grads);
  CHECK_THROWS_WITH(tape(to<Cuda>(Tensor<float, 4, 3, 18>())), Catch::Contains("that must not be const"));
}

TEST_CASE("five steps of a convolutional network with BatchNorm on a CUDA device") {
  CudaMachine const machine;
  if (!machine.usable()) return;
  constexpr double tolerance = 1e-12;
  SafeTensors const file(ASHLAR_TEST_DATA "/training/conv_bn_sgd_f64.safetensors");
  ConvBatch const batch;
  auto const images = to<Cuda>(batch.images);
  auto const labels = to<Cuda>(batch.labels);
  auto net = to<Cuda>(*initial_conv());
  auto grads = zeros_like(net);
  auto optimizer = make<SGD<ConvNet>>();
  optimizer->lr = 0.1;
  optimizer->momentum = 0.9;
  optimizer->weight_decay = 0.001;
  CudaOptimizer on_device(*optimizer, Cuda{0});
  Tape tape(net, grads);
  constexpr int steps = ASHLAR_TEST_SANITIZED ? 1 : 5;  // the executor takes long, and sees in one what it sees in all
  std::vector<double> losses;
  for (int step = 1; step <= steps; ++step) {
    std::string const at = "step" + std::to_string(step);
    CAPTURE(at);
    zero_grad(grads);
    losses.push_back(tape.backward(cross_entropy(tape(images), labels)).item());
    if (step == 1) check_state(*to<Cpu>(grads), file, at + "/grad/", false, tolerance);
    on_device.step(net, grads);
    if (file.has(at + "/state/fc.weight")) check_state(*to<Cpu>(net), file, at + "/state/", true, tolerance);
  }
  auto expected = file.values<double>("loss");
  expected.resize(losses.size());
  expect_close(losses, expected, tolerance, 0);
}
