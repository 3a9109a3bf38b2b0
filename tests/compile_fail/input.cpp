// An input that the first layer cannot take is refused.
// expect: ashlar: MLP.hidden takes 20 features but the input has 21
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Input = ashlar::Tensor<float, ashlar::dyn, 21>;
#else
using Input = ashlar::Tensor<float, ashlar::dyn, 20>;
#endif

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

int main() {
  auto net = ashlar::make<MLP>(ashlar::Rng{1});
  return net(Input(1)).numel() == 0;
}
