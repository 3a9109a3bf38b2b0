// On a tape a wrong input is one sentence too.
// expect: ashlar: MLP.hidden takes 20 features but the input has 21
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn.hpp>

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
MLP net, grads;

int main() {
  ashlar::Tape tape(net, grads);
  return sum(tape(Input(1))).numel() == 0;
}
