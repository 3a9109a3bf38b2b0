// Example: tensors, networks and checkpoints on disk.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/torch_write.hpp>

#include <cstdlib>
#include <iostream>
#include <vector>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};
struct Wider {
  ashlar::Linear<20, 512> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<512, 10> output;
};

//! [types]
using Vector = ashlar::Tensor<float, ashlar::dyn>;
struct Pair {  // a dictionary whose keys the compiler knows
  Vector x;
  Vector y;
};
struct Checkpoint {
  MLP model;
  ashlar::Adam<MLP> optimizer;
  ashlar::Rng rng;
  std::uint64_t epoch;
};
//! [types]

int main() {
  //! [tensors]
  Vector x(4);
  for (std::size_t i = 0; i < 4; ++i) x(i) = static_cast<float>(i);
  Vector const y(4);
  ashlar::save("x-file", x);
  auto const x2 = ashlar::load<Vector>("x-file");

  ashlar::save("x-files", std::vector{x, y});  // a list: keys 0 and 1
  auto const list = ashlar::load<std::vector<Vector>>("x-files");

  ashlar::save("mydict", Pair{x, y});  // a struct: keys x and y
  auto const dict = ashlar::load<Pair>("mydict");
  //! [tensors]
  bool const tensors =
      bitwise_equal(x2, x) && list.size() == 2 && bitwise_equal(list[1], y) && bitwise_equal(dict.x, x);

  //! [model]
  auto const net = ashlar::make<MLP>(ashlar::Rng{0});
  ashlar::save("mlp.params", *net);
  auto const clone = ashlar::load<MLP>("mlp.params");  // no object has to be made first
  ashlar::Tensor<float, 2, 20> input;
  input.fill(0.5f);
  bool const equal = bitwise_equal(clone(input), net(input));  // element by element, bit by bit
  //! [model]

  //! [checkpoint]
  auto training = ashlar::make<Checkpoint>(ashlar::Rng{0});
  training->epoch = 7;
  ashlar::save("training.ashlar", *training);
  auto const resumed = ashlar::load<Checkpoint>("training.ashlar");
  //! [checkpoint]

  //! [mismatch]
  auto const wrong = ashlar::try_load<Wider>("mlp.params");  // load() would throw the error
  if (!wrong) std::cout << wrong.error().what() << '\n';
  //! [mismatch]

  //! [dynamic]
  for (auto const& [key, tensor] : ashlar::read("mlp.params").tensors()) {  // when no type is at hand
    std::cout << key << ' ' << to_string(tensor.shape()) << '\n';
  }
  ashlar::save_torch("mlp.pt", *net);  // for torch.load
  auto const from_torch = ashlar::load<MLP>("mlp.pt");
  //! [dynamic]
  bool const both_ways = bitwise_equal(from_torch(input), net(input));
  return tensors && equal && both_ways && resumed->epoch == 7 && !wrong ? EXIT_SUCCESS : EXIT_FAILURE;
}
