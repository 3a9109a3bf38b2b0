// A program that declares an MLP and runs it.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/nn.hpp>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

int main() {
  auto net = ashlar::make<MLP>(ashlar::Rng{0});
  ashlar::Tensor<float, ashlar::dyn, 20> x(2);  // (2, 20)
  auto y = net(x);                              // (2, 10)
  return y.data()[0] == 0 ? 1 : 0;
}
