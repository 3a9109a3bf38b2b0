// Example: declare, run, save, load, map.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <cstdlib>
#include <iostream>

//! [model]
struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};  // no operator(): the members run in order
//! [model]

int main() {
  //! [use]
  auto net = ashlar::make<MLP>(ashlar::Rng{0});  // the bits of torch.manual_seed(0); MLP()
  ashlar::Tensor<float, ashlar::dyn, 20> x(32);  // 32 rows, a number known at run time
  auto y = net(x);                               // Tensor<float, dyn, 10>
  net->hidden.bias.fill(0);                      // members are just members

  ashlar::save("mlp.ashlar", *net);                // replaces the file only when the new one is complete
  auto copy = ashlar::load<MLP>("mlp.ashlar");     // checked to the last bit
  auto mapped = ashlar::map<MLP>("mlp.ashlar");    // no copy: its parameters are the file's pages
  //! [use]

  //! [keys]
  using namespace ashlar::literals;
  auto weights = ashlar::state_dict(*net);                  // Boost.Hana map, keys known to the compiler
  float const first = weights["hidden.weight"_s](0, 0);     // View<float, 256, 20>
  auto const bias = ashlar::find(*net, "hidden.bias");      // by a string of the run time
  for (ashlar::Row const& row : ashlar::manifest<MLP>()) {  // a constexpr array
    std::cout << row.key << ' ' << name_of(row.dtype) << ' ' << to_string(row.shape) << '\n';
  }
  //! [keys]

  bool const same = ashlar::bitwise_equal(copy(x), mapped(x)) && first == copy->hidden.weight(0, 0) &&
                    bias.as<float>()[0] == 0 && y.size(0) == 32;
  std::cout << (same ? "loaded and mapped networks agree\n" : "they differ\n");
  return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
