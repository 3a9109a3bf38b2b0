// The first unit: succeeds if both see the same library and compute the same.  SPDX-License-Identifier: BSL-1.0
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "model.hpp"

int main() {
  auto const net = ashlar::make<MLP>(ashlar::Rng{0});
  ashlar::Tensor<float, ashlar::dyn, 20> x(2);  // (2, 20)
  x.fill(0.5F);
  auto const here = net(x);                       // (2, 10)
  auto const elsewhere = run_elsewhere(*net, x);  // (2, 10)
  bool const same = std::memcmp(here.data(), elsewhere.data(), 2 * 10 * sizeof(float)) == 0;
  bool const one_library = version_elsewhere() == &ashlar::version;
  std::cout << "same result: " << same << ", one library: " << one_library << '\n';
  return same && one_library ? EXIT_SUCCESS : EXIT_FAILURE;
}
