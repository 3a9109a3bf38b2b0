// A layer that has no form for CUDA is refused in a network that runs there, by name.
// expect: ashlar: GRUCell has no kernel for cuda yet: copy what it takes with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/cuda.hpp>
#include <ashlar/nn/recurrent_cell.hpp>

struct Net {
#ifdef ASHLAR_MUST_FAIL
  ashlar::GRUCell<16, 8> cell;
#endif
  ashlar::ReLU relu;
};

void use(ashlar::CudaOwned<Net> const& net, ashlar::BasicTensor<float, ashlar::Cuda, 4, 16> const& x) {
  (void)net(x);
}

int main() {}
