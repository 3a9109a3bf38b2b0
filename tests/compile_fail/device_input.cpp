// A network on a device does not take a value on the host.
// expect: ashlar: MLP lies on cuda but got a value on the cpu: copy it with to<Cuda>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/cuda.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cpu;
#else
using Device = ashlar::Cuda;
#endif
using X = ashlar::BasicTensor<float, Device, 20>;

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
};

void use(ashlar::CudaOwned<MLP> const& net, X const& x) { (void)net(x); }

int main() {}
