// A network on a CUDA device is not run by a unit without the CUDA part, and the sentence says what to do.
// expect: ashlar: this network lies on cuda: include <ashlar/cuda.hpp> to run it there, or copy it with to<Cpu>(net)
// forbid: boost::pfr
// errors: 1
#include <ashlar/core/to.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Net = ashlar::CudaOwned<ashlar::Linear<20, 10>>;
#else
using Net = ashlar::Owned<ashlar::Linear<20, 10>>;
#endif

auto use(Net const& net, ashlar::Tensor<float, 20> const& x) { return net(x); }

int main() {}
