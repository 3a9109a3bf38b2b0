// The index of a layer is a constant, because layers have types: a number gives one sentence.
// expect: ashlar: each layer of a Sequential has a type of its own, so its index is a constant: net[2_c]
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

using namespace ashlar::literals;

using Net = ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 1>>;

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
#ifdef ASHLAR_MUST_FAIL
  return net[0].bias(0) > 1;
#else
  return net[0_c].bias(0) > 1;
#endif
}
