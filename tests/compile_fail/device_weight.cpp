// A loss does not take weights on a device.
// expect: ashlar: a weighted loss runs on the cpu but got a value on cuda: copy it with to<Cpu>(x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/loss.hpp>

#ifdef ASHLAR_MUST_FAIL
using Device = ashlar::Cuda;
#else
using Device = ashlar::Cpu;
#endif
using W = ashlar::BasicTensor<float, Device, 4>;

auto use(ashlar::Tensor<float, 3, 4> const& x, ashlar::Tensor<std::int64_t, 3> const& y, W const& weight) {
  return ashlar::cross_entropy(x, y, {.weight = weight});
}

int main() {}
