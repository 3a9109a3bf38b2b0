// A loss does not take logits on a device.
// expect: ashlar: cross_entropy runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 3, 4>;

auto use(X const& x, ashlar::Tensor<std::int64_t, 3> const& y) { return ashlar::cross_entropy(x, y); }

int main() {}
