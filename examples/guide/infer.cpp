// Example: shapes left to the compiler, PyTorch's lazy layers.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/pool.hpp>
#include <ashlar/nn/print.hpp>

#include <cstdlib>
#include <iostream>

using namespace ashlar::literals;
using ashlar::infer;

//! [lazy]
using Lazy = ashlar::Sequential<ashlar::Linear<infer, 256>, ashlar::ReLU, ashlar::Linear<infer, 10>>;
using Net = ashlar::Inferred<Lazy, ashlar::Tensor<float, ashlar::dyn, 20>>;  // what the first batch is to a lazy layer
//! [lazy]

//! [given]
using Given = ashlar::Sequential<ashlar::Linear<20, 256>, ashlar::ReLU, ashlar::Linear<infer, 10>>;  // needs no input
//! [given]

//! [lenet]
using Image = ashlar::Tensor<float, ashlar::dyn, 1, 28, 28>;
using LeNet = ashlar::Inferred<
    ashlar::Sequential<ashlar::Conv2d<infer, 6, 5, ashlar::ConvOptions{.padding = 2}>, ashlar::Sigmoid,
                       ashlar::AvgPool2d<2>, ashlar::Conv2d<infer, 16, 5>, ashlar::Sigmoid, ashlar::AvgPool2d<2>,
                       ashlar::Flatten, ashlar::Linear<infer, 120>, ashlar::Sigmoid, ashlar::Linear<infer, 10>>,
    Image>;
//! [lenet]

//! [layer]
template <std::size_t In, std::size_t Out>  // of extents alone, so that MyLinear<infer, 8> needs no more
struct MyLinear {
  ashlar::Parameter<float, In, Out> weight;
  ashlar::Parameter<float, Out> bias;

  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }
  static constexpr ashlar::FlowStep flow(ashlar::Flow const& in) { return ashlar::flow_last(in, In, Out); }
};
using Mine = ashlar::Sequential<MyLinear<20, 64>, MyLinear<infer, 8>, ashlar::Linear<infer, 1>>;
//! [layer]

//! [struct]
struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<decltype(hidden)::out_features, 10> output;  // in a struct, the layer before says it
};
//! [struct]

int main() {
  //! [types]
  std::cout << ashlar::type_name<Lazy>() << '\n' << ashlar::type_name<Net>() << '\n';
  auto net = ashlar::make<Net>(ashlar::Rng{0});
  auto given = ashlar::make<Given>(ashlar::Rng{0});
  std::cout << ashlar::structure(net) << '\n' << to_string(given[2_c].weight.shape()) << '\n';
  //! [types]

  auto lenet = ashlar::make<LeNet>(ashlar::Rng{0});
  std::cout << to_string(lenet[3_c].weight.shape()) << '\n' << to_string(lenet[7_c].weight.shape()) << '\n';
  std::cout << ashlar::type_name<Mine>() << '\n';

  ashlar::Tensor<float, ashlar::dyn, 20> x(2);
  x.fill(1);
  bool const same =
      ashlar::bitwise_equal(net(x), given(x)) && ashlar::bitwise_equal(ashlar::make<MLP>(ashlar::Rng{0})(x), given(x));
  return same && lenet(Image(1)).size(1) == 10 ? EXIT_SUCCESS : EXIT_FAILURE;
}
