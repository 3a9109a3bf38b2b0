// A function of a value on another device is refused, and the sentence says what to call.
// expect: ashlar: ReLU runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using X = ashlar::BasicTensor<float, Device, 20>;

auto use(X const& x) { return ashlar::relu(x); }

int main() {}
