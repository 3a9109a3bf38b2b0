// The second unit.  SPDX-License-Identifier: BSL-1.0
#include "model.hpp"

ashlar::Tensor<float, ashlar::dyn, 10> run_elsewhere(MLP const& net, ashlar::Tensor<float, ashlar::dyn, 20> const& x) {
  ashlar::save("other.ashlar", net);
  auto const mapped = ashlar::map<MLP>("other.ashlar");
  return mapped(x);
}

std::string_view const* version_elsewhere() { return &ashlar::version; }
