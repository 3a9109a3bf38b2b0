// A network on the host does not take a value on a device.
// expect: ashlar: MLP runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 20>;

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

auto use(MLP const& net, X const& x) { return ashlar::forward(net, x); }

int main() {}
