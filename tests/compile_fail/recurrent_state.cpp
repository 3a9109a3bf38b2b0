// A state of other extents than the layers and the batch ask for is refused.
// expect: ashlar: LSTM takes a state (2, ?, 8) but got (1, 4, 8)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/recurrent.hpp>

#ifdef ASHLAR_MUST_FAIL
using H = ashlar::Tensor<float, 1, 4, 8>;
#else
using H = ashlar::Tensor<float, 2, 4, 8>;
#endif

int main() {
  ashlar::LSTM<1, 8, ashlar::RNNOptions{.num_layers = 2}> const lstm{};
  auto const [y, state] = lstm(ashlar::Tensor<float, 3, ashlar::dyn, 1>(4), ashlar::LSTMState{H{}, H{}});
  return y.numel() == 0;
}
