// A loss does not take a target on a device.
// expect: ashlar: mse_loss runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 3, 4>;

auto use(ashlar::Tensor<float, 3, 4> const& x, X const& y) { return ashlar::mse_loss(x, y); }

int main() {}
