// Example: tied parameters, one storage under several keys.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/nn/embedding.hpp>
#include <ashlar/nn/print.hpp>

#include <cstdlib>
#include <iostream>

using namespace ashlar::literals;

//! [sequential]
using Shared = ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 8>, ashlar::ReLU,
                                  ashlar::Tied<"2">, ashlar::ReLU, ashlar::Linear<8, 1>>;
//! [sequential]

//! [members]
struct Twice {
  ashlar::Linear<8, 8> encode;
  ashlar::ReLU relu;
  ashlar::Tied<"encode"> decode;  // the same layer again; the struct is still a chain
};
//! [members]

//! [embedding]
struct Projection {
  ashlar::Tied<"embed.weight"> weight;  // the key out.weight; looked up here first, then in the structs around
  auto operator()(auto const& x, auto const& embed) const { return linear(x, embed.weight); }
};
struct LanguageModel {
  ashlar::Embedding<50, 8> embed;
  ashlar::Linear<8, 8> hidden;
  Projection out;

  auto operator()(auto const& tokens) const { return out(tanh(hidden(embed(tokens))), embed); }
};
//! [embedding]

/// Keys, and what they share their elements with.
template <class Net>
void list() {
  for (ashlar::Row const& row : ashlar::manifest<Net>()) {
    std::cout << row.key << ' ' << to_string(row.shape);
    if (row.is_alias()) std::cout << " = " << ashlar::manifest<Net>()[static_cast<std::size_t>(row.alias_of)].key;
    std::cout << '\n';
  }
}

int main() {
  list<Shared>();
  //! [one]
  auto net = ashlar::make<Shared>(ashlar::Rng{108});
  net[2_c].weight(0, 0) = 100;                                             // written under one key,
  bool const seen = ashlar::find(*net, "4.weight").as<float>()[0] == 100;  // read under the other
  bool const one = ashlar::get<"2.weight">(*net).data() == ashlar::get<"4.weight">(*net).data();
  //! [one]

  //! [gradient]
  auto twice = ashlar::make<Twice>(ashlar::Rng{0});
  auto grads = ashlar::zeros_like(twice);
  ashlar::Tape tape(*twice, *grads);
  ashlar::Tensor<float, 1, 8> const x{1, 1, 1, 1, 1, 1, 1, 1};
  tape.backward(sum(tape(x)));  // grads->encode.bias: what comes through decode, plus what comes through encode
  //! [gradient]
  bool summed = false;  // decode alone gives exactly 1 to each bias
  for (float const g : grads->encode.bias) summed = summed || g != 1;

  list<Twice>();
  list<LanguageModel>();
  //! [language_model]
  auto model = ashlar::make<LanguageModel>(ashlar::Rng{0});
  ashlar::Tensor<std::int64_t, 5> const tokens{3, 1, 4, 1, 5};
  auto const logits = model(tokens);  // Tensor<float, 5, 50>
  auto model_grads = ashlar::zeros_like(model);
  ashlar::Tape model_tape(*model, *model_grads);
  model_tape.backward(ashlar::cross_entropy(model_tape(tokens), tokens));  // both uses add to embed.weight
  //! [language_model]
  bool const both = model_grads->embed.weight(3, 0) != 0 && model_grads->embed.weight(49, 0) != 0;  // in, and out
  std::cout << ashlar::structure(twice) << '\n';
  return seen && one && summed && both && logits.size(1) == 50 ? EXIT_SUCCESS : EXIT_FAILURE;
}
