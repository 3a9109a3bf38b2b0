// Values on two devices are not added.
// expect: ashlar: operator+ runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/arithmetic.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 20>;

auto use(ashlar::Tensor<float, 20> const& a, X const& b) { return a + b; }

int main() {}
