// An LSTM returns an output and a state, so that no chain runs it: the sentence says what to write instead.
// expect: ashlar: Net.lstm returns an output and a state, so its struct needs an operator() with
// expect: auto [y, state] = layer(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/recurrent.hpp>

struct Net {
  ashlar::LSTM<1, 8> lstm;
  ashlar::Linear<8, 1> head;
#ifndef ASHLAR_MUST_FAIL
  auto operator()(auto const& x) const { return head(lstm(x).output); }
#endif
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
