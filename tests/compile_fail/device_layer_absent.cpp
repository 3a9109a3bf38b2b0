// A layer that has no form for CUDA is refused in a network that runs there, by name.
// expect: ashlar: ConvTranspose2d has no kernel for cuda yet: copy what it takes with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/cuda.hpp>
#include <ashlar/nn/conv_transpose.hpp>

struct Net {
#ifdef ASHLAR_MUST_FAIL
  ashlar::ConvTranspose2d<4, 8, 3> conv;
#endif
  ashlar::ReLU relu;
};

void use(ashlar::CudaOwned<Net> const& net, ashlar::BasicTensor<float, ashlar::Cuda, 2, 4, 16, 16> const& x) {
  (void)net(x);
}

int main() {}
