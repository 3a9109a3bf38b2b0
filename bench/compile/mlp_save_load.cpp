// A program that saves an MLP, loads it and maps it.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

int main() {
  auto net = ashlar::make<MLP>(ashlar::Rng{0});
  ashlar::Tensor<float, ashlar::dyn, 20> x(2);  // (2, 20)
  auto y = net(x);                              // (2, 10)
  ashlar::save("mlp.ashlar", *net);
  auto copy = ashlar::load<MLP>("mlp.ashlar");
  auto mapped = ashlar::map<MLP>("mlp.ashlar");
  return copy(x).data()[0] == y.data()[0] && mapped(x).data()[0] == y.data()[0] ? 0 : 1;
}
