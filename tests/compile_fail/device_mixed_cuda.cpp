// Where both devices compute, values on two of them are not added either, and the sentence says what to call.
// expect: ashlar: operator+ got a value on the cpu and one on cuda: copy one of them with to<Cuda>(x) or to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/cuda.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cpu;
#else
using Device = ashlar::Cuda;
#endif
using X = ashlar::BasicTensor<float, ashlar::Cuda, 20>;
using Y = ashlar::BasicTensor<float, Device, 20>;

void use(X const& a, Y const& b) { (void)(a + b); }

int main() {}
