// Example: the model of a guitar amplifier, trained through time on blocks, then run sample by sample.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/nn/streaming.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>

//! [network]
/// What most captures of amplifiers are: an LSTM of one sample, a Linear, and the sample itself on top.
struct Amp {
  ashlar::LSTM<1, 16> lstm;
  ashlar::Linear<16, 1> head;

  auto operator()(auto const& x) const { return head(lstm(x).output) + x; }  // (steps, 1) -> the same
};
//! [network]

using Block = ashlar::Tensor<float, 64, 1>;

/// A few notes, and what an amplifier that cuts off high values makes of them.
static Block dry(int number) {
  Block x;
  for (int i = 0; i < 64; ++i) x(i, 0) = 0.9f * std::sin(0.07f * static_cast<float>((number % 5 + 1) * i));
  return x;
}
static Block wet(Block const& x) {
  Block y;
  for (int i = 0; i < 64; ++i) y(i, 0) = std::tanh(3 * x(i, 0));
  return y;
}

int main() {
  //! [train]
  auto amp = ashlar::make<Amp>(ashlar::Rng{0});
  auto grads = ashlar::zeros_like(amp);
  auto optimizer = ashlar::make<ashlar::Adam<Amp>>();
  optimizer->lr = 0.01;
  ashlar::Tape tape(*amp, *grads);
  float first = 0, loss = 0;
  for (int step = 0; step < 400; ++step) {
    Block const x = dry(step);
    ashlar::zero_grad(*grads);
    loss = tape.backward(ashlar::mse_loss(tape(x), wet(x)));  // back through all 64 steps
    optimizer->step(*amp, *grads);
    if (step == 0) first = loss;
  }
  //! [train]
  ashlar::save("amp.ashlar", *amp);

  //! [stream]
  auto const loaded = ashlar::map<Amp>("amp.ashlar");
  ashlar::Streaming lstm(loaded->lstm);  // before the audio starts: it allocates
  Block const in = dry(7);
  Block out;
  for (int i = 0; i < 64; ++i) {  // in the audio callback: nothing is allocated
    float const sample = in(i, 0);
    out(i, 0) = loaded->head(lstm(sample)).item() + sample;
  }
  //! [stream]

  //! [blocks]
  lstm.reset();
  auto const block = loaded->head(lstm(in)) + in;  // (64, 1): the same samples at once, and the state goes on
  auto const offline = (*loaded)(in);              // (64, 1): without Streaming, from a state of zeros
  //! [blocks]

  float difference = 0;
  for (int i = 0; i < 64; ++i) {
    difference = std::fmax(difference, std::abs(out(i, 0) - block(i, 0)));
    difference = std::fmax(difference, std::abs(out(i, 0) - offline(i, 0)));
  }
  std::printf("%s\n", ashlar::structure(*loaded).c_str());
  std::printf("the loss fell by a factor of ten: %s\n", loss < first / 10 ? "yes" : "no");
  std::printf("sample by sample, in blocks and as a whole agree: %s\n", difference < 1e-5f ? "yes" : "no");
  return loss < first / 10 && difference < 1e-5f ? EXIT_SUCCESS : EXIT_FAILURE;
}
