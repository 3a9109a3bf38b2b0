// tests/nn/silero_test.cpp: a network that is in use, Silero VAD at 16 kHz: whether someone speaks, frame by frame.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>
#include <ashlar/nn/recurrent_cell.hpp>
#include <ashlar/reflect/lookup.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

using namespace ashlar;

namespace {

constexpr ConvOptions half{.stride = 2, .padding = 1};
constexpr ConvOptions same{.padding = 1};

}  // namespace

/// As in the package silero-vad 6.2.3 (silero_vad/tinygrad_model.py).
struct Silero {
  Conv1d<1, 258, 256, ConvOptions{.stride = 128, .bias = false}> stft_conv;
  Conv1d<129, 128, 3, same> conv1;
  Conv1d<128, 64, 3, half> conv2;
  Conv1d<64, 64, 3, half> conv3;
  Conv1d<64, 128, 3, same> conv4;
  LSTMCell<128, 128> lstm_cell;
  Conv1d<128, 1, 1> final_conv;

  /// 64 samples of context and 512 new ones; the state is kept from frame to frame.
  template <class State>
  float operator()(Tensor<float, 576> const& frame, State& state) const {
    Tensor<float, 1, 640> padded;  // reflected at the end
    for (std::size_t i = 0; i < 640; ++i) padded(0, i) = frame(i < 576 ? i : 2 * 575 - i);
    auto const spectrum = stft_conv(padded);  // (258, 4): real, then imaginary parts
    Tensor<float, 129, 4> magnitude;
    for (std::size_t i = 0; i < magnitude.numel(); ++i) {
      float const re = spectrum.data()[i], im = spectrum.data()[magnitude.numel() + i];
      magnitude.data()[i] = std::sqrt(re * re + im * im);
    }
    auto const features = relu(conv4(relu(conv3(relu(conv2(relu(conv1(magnitude))))))));  // (128, 1)
    state = lstm_cell(reshape<128>(features), state);
    return sigmoid(final_conv(reshape<128, 1>(relu(state.h)))).item();
  }
};

TEST_CASE("Silero VAD has the keys of its checkpoint") {
  constexpr std::string_view keys[] = {
      "stft_conv.weight",    "conv1.weight",      "conv1.bias",        "conv2.weight",      "conv2.bias",
      "conv3.weight",        "conv3.bias",        "conv4.weight",      "conv4.bias",        "lstm_cell.weight_ih",
      "lstm_cell.weight_hh", "lstm_cell.bias_ih", "lstm_cell.bias_hh", "final_conv.weight", "final_conv.bias"};
  static_assert(manifest<Silero>().size() == std::size(keys));
  for (std::size_t i = 0; i < std::size(keys); ++i) CHECK(manifest<Silero>()[i].key == keys[i]);
  CHECK(manifest<Silero>()[9].shape == Extents{2, {512, 128}});
}

// Weights are drawn, not stored: torch.manual_seed(0) and the same constructors in PyTorch 1.13 give the same bits. On
// frames sin(0.01 * i * (f + 1)), f = 0 ... 4, it gave these; its own f32 and f64 differ by less than 1e-7 here.
TEST_CASE("Silero VAD gives what torch gives, from frame to frame") {
  auto const net = make<Silero>(Rng{0});
  LSTMState<Tensor<float, 128>> state{};
  float probability = 0;
  for (int f = 0; f < 5; ++f) {
    Tensor<float, 576> frame;
    for (int i = 0; i < 576; ++i) {
      frame(i) = static_cast<float>(std::sin(0.01 * static_cast<double>(i) * static_cast<double>(f + 1)));
    }
    probability = (*net)(frame, state);
    if (f == 0) CHECK(probability == Approx(0.490548357).margin(2e-6));
  }
  CHECK(probability == Approx(0.488444553).margin(2e-6));
  CHECK(state.h(0) == Approx(0.0123554123).margin(2e-6));
  CHECK(state.c(127) == Approx(-0.0109663386).margin(2e-6));
}
