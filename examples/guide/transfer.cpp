// Example: a part of a trained network in another one, frozen while the rest trains.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <cstdlib>
#include <cstring>
#include <iostream>

//! [types]
struct Backbone {
  ashlar::Linear<20, 64> in;
  ashlar::ReLU relu;
  ashlar::Linear<64, 32> out;
};
struct Classifier {
  Backbone backbone;
  ashlar::ReLU relu;
  ashlar::Linear<32, 10> head;
};
struct Regressor {  // another structure around the same backbone
  ashlar::Frozen<Backbone> backbone;
  ashlar::Tanh tanh;
  ashlar::Linear<32, 1> output;
};
//! [types]
using Plain = ashlar::Sequential<ashlar::Linear<20, 64>, ashlar::Tanh, ashlar::Linear<64, 32>, ashlar::Linear<32, 3>>;

int main() {
  auto const trained = ashlar::make<Classifier>(ashlar::Rng{0});

  //! [transfer]
  auto net = ashlar::make<Regressor>(ashlar::Rng{1});
  ashlar::transfer<"backbone">(*trained, *net);

  auto plain = ashlar::make<Plain>(ashlar::Rng{2});
  ashlar::transfer<"backbone.in", "0">(*trained, *plain);  // under other keys
  ashlar::transfer<"backbone.out", "2">(*trained, *plain);
  //! [transfer]

  //! [train]
  auto optimizer = ashlar::make<ashlar::Adam<Regressor>>();  // remembers output.weight and output.bias, nothing else
  auto gradients = ashlar::zeros_like(net);
  ashlar::Tensor<float, 8, 20> x;
  x.fill(0.1f);
  ashlar::Tape tape(*net, *gradients);
  tape.backward(mean(square(tape(x))));
  optimizer->step(*net, *gradients);
  //! [train]
  bool const frozen = std::memcmp(&net->backbone, &trained->backbone, sizeof(Backbone)) == 0;
  std::cout << "the optimizer has " << sizeof *optimizer << " bytes, of the whole network it would have "
            << 2 * sizeof(Regressor) << " and more\n";

  //! [keys]
  using Tuned = ashlar::Frozen<Classifier, "backbone.in", "head.bias">;  // by key; otherwise it is a Classifier
  //! [keys]
  for (ashlar::Row const& row : ashlar::manifest<Tuned>()) {
    std::cout << (row.frozen ? "frozen   " : "trained  ") << row.key << '\n';
  }

  //! [partial]
  ashlar::save("trained.ashlar", *trained);
  auto other = ashlar::make<Regressor>(ashlar::Rng{3});
  ashlar::LoadReport const report = ashlar::load("trained.ashlar", *other, {.partial = true});
  for (auto const& key : report.kept) std::cout << "kept     " << key << '\n';
  for (auto const& key : report.unused) std::cout << "unused   " << key << '\n';
  //! [partial]

  //! [rename]
  struct Encoder {
    Backbone trunk;
  };
  auto encoder = ashlar::make<Encoder>();
  ashlar::load("trained.ashlar", *encoder, {.partial = true, .rename = {{"backbone", "trunk"}}});
  //! [rename]
  bool const renamed = std::memcmp(encoder.get(), &trained->backbone, sizeof(Backbone)) == 0;
  bool const moved = std::memcmp(&plain[ashlar::Index<0>{}], &trained->backbone.in, sizeof trained->backbone.in) == 0;
  return frozen && renamed && moved && report.kept.size() == 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
