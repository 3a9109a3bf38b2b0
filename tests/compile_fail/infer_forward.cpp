// The same mistake, found where the network is called and not made.
// expect: ashlar: MLP.output is Linear<infer, 10>, and only a Sequential can fill in its input features: write Linear<256, 10>
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = ashlar::infer;
#else
inline constexpr std::size_t width = 256;
#endif

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<width, 10> output;
};

MLP net;

int main() { return ashlar::forward(net, ashlar::Tensor<float, ashlar::dyn, 20>(1)).numel() == 0; }
