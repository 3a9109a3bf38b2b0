// The network of the training traces, and how far it is from what they recorded.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#include "support/close.hpp"
#include "support/digits.hpp"
#include "support/safetensors.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>

namespace ashlar::test {

template <class T>
struct MLP {
  ashlar::Linear<64, 128, T> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<128, 10, T> out;
};
inline Digits const& digits() {
  static Digits const data;
  return data;
}

inline std::string golden(std::string const& name) { return ASHLAR_TEST_DATA "/training/" + name; }

/// f(name, elements) for each tensor of the network.
template <class Net, class F>
void for_each_tensor(Net& net, F&& f) {
  f("hidden.weight", net.hidden.weight.span());
  f("hidden.bias", net.hidden.bias.span());
  f("out.weight", net.out.weight.span());
  f("out.bias", net.out.bias.span());
}

template <class T>
ashlar::Owned<MLP<T>> initial() {
  SafeTensors const file(golden("mlp_init.safetensors"));
  auto net = ashlar::make<MLP<T>>();
  for_each_tensor(*net, [&](char const* name, std::span<T> x) {
    auto const values = file.values<float>(name);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(values[i]);
  });
  return net;
}

/// The largest difference to the tensors called prefix + name, each as a share of the tensor's largest element.
template <class Net>
double difference(Net& net, SafeTensors const& file, std::string const& prefix) {
  double most = 0;
  for_each_tensor(net, [&]<class T>(char const* name, std::span<T> x) {
    most = std::max(most, worst_of_scale(x, file.values<std::remove_const_t<T>>(prefix + name)));
  });
  return most;
}

}  // namespace ashlar::test
