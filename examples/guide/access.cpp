// Example: parameters, by member, by index, by key.  SPDX-License-Identifier: BSL-1.0
#include "show.hpp"

#include <ashlar/ashlar.hpp>
#include <ashlar/nn/print.hpp>

#include <cstdlib>
#include <iostream>

using namespace ashlar::literals;

struct MLP {
  ashlar::Linear<4, 8> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<8, 1> out;
};

//! [nested]
using Block1 = ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 4>, ashlar::ReLU>;
using Block2 = ashlar::Sequential<ashlar::Named<"block 0", Block1>, ashlar::Named<"block 1", Block1>,
                                  ashlar::Named<"block 2", Block1>, ashlar::Named<"block 3", Block1>>;
using RgNet = ashlar::Sequential<Block2, ashlar::Linear<4, 1>>;
//! [nested]

int main() {
  auto mlp = ashlar::make<MLP>(ashlar::Rng{0});
  //! [member]
  mlp->out.bias.fill(0.5f);              // Parameter<float, 1>: a member of a member
  float const first = mlp->out.bias(0);  // its value
  auto const shape = mlp->out.bias.shape();
  //! [member]

  //! [index]
  auto net = ashlar::make<ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 1>>>(ashlar::Rng{0});
  auto& bias = net[2_c].bias;  // the layer's type is known, so a wrong index or member does not compile
  //! [index]
  show("net[2_c].bias", bias);

  //! [key]
  auto by_key = ashlar::get<"2.bias">(*net);                   // View<float, 1>; a wrong key does not compile
  auto in_dict = ashlar::state_dict(*net)["2.bias"_s];         // the same from a map of all
  auto by_string = ashlar::find(*net, std::string("2.bias"));  // a key of the run time; a wrong one throws
  //! [key]
  bool all_same = &by_key(0) == &bias(0) && &in_dict(0) == &bias(0) && by_string.as<float>().data() == &bias(0);

  //! [all]
  for (auto const& p : ashlar::named_parameters(*net)) {
    std::cout << p.key() << ' ' << to_string(p.shape()) << '\n';
  }
  //! [all]

  //! [rgnet]
  auto rgnet = ashlar::make<RgNet>(ashlar::Rng{107});
  auto& deep = rgnet[0_c][1_c][0_c].bias;  // as in Python: rgnet[0][1][0].bias
  auto deep_by_key = ashlar::get<"0.block 1.0.bias">(*rgnet);
  std::cout << ashlar::structure(rgnet) << '\n' << ashlar::summary(*rgnet);
  //! [rgnet]
  show("rgnet[0_c][1_c][0_c].bias", deep);
  all_same = all_same && &deep(0) == &deep_by_key(0) && first == 0.5f && to_string(shape) == "(1,)";

  //! [grad]
  ashlar::Tensor<float, 2, 4> x{1, 2, 3, 4, 5, 6, 7, 8};
  auto y = net(x);                       // no gradient is anywhere: nobody made a place for one
  auto grads = ashlar::zeros_like(net);  // the place: another object of the network's type
  ashlar::Tape tape(*net, *grads);
  tape.backward(sum(tape(x)));
  show("grads[2_c].bias", grads[2_c].bias);
  //! [grad]

  try {
    ashlar::find(*net, "2.bais");
  } catch (ashlar::Error const& e) {
    std::cout << e.what() << '\n';
  }
  return all_same && grads[2_c].bias(0) == 2 && y.size(0) == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
