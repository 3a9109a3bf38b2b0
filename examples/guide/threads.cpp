// Example: a network on several threads, with the bits of one.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/threads.hpp>

#include <ashlar/ashlar.hpp>

#include <cstring>
#include <iostream>

struct Net {
  ashlar::Linear<256, 1024> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<1024, 256> output;
};

int main() {
  auto const net = ashlar::make<Net>(ashlar::Rng{0});
  ashlar::Tensor<float, ashlar::dyn, 256> x(200);
  ashlar::Rng rng{1};
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = rng.uniform<float>();

  auto const alone = net(x);
  //! [set]
  ashlar::set_num_threads(4);  // 0: as many as the machine runs at once
  //! [set]
  auto const together = net(x);

  bool const same = std::memcmp(alone.data(), together.data(), alone.numel() * sizeof(float)) == 0;
  std::cout << ashlar::get_num_threads() << " threads, " << (same ? "the same bits\n" : "other bits\n");
  return same ? 0 : 1;
}
