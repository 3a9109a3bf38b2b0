// "silero_vad_16k.safetensors": 15 tensors, 309633 elements, 1238532 bytes, f32. Written by ashlar codegen from keys
// and shapes; what it could not know is yours to write.
//
//   #include <ashlar/io/read.hpp>
//   auto net = ashlar::load<Net>("silero_vad_16k.safetensors");
//
// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:
//   6 Conv1d: stride, padding, dilation, groups; without a bias it may be a ConvTranspose
//   1 LSTMCell
// Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.
// The keys have the order of the file.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/recurrent_cell.hpp>

/// What "silero_vad_16k.safetensors" holds.
struct Net {
  ashlar::Conv1d<1, 258, 256, ashlar::ConvOptions{.bias = false}> stft_conv;  // or 258 channels in, with .groups = 258
  ashlar::Conv1d<129, 128, 3> conv1;
  ashlar::Conv1d<128, 64, 3> conv2;
  ashlar::Conv1d<64, 64, 3> conv3;
  ashlar::Conv1d<64, 128, 3> conv4;
  ashlar::LSTMCell<128, 128> lstm_cell;
  ashlar::Conv1d<128, 1, 1> final_conv;

  template <class Input>
  void operator()(Input const&) const {
    static_assert(sizeof(Input) == 0, "ashlar: a file does not say what Net computes: write its operator()");
  }
};
