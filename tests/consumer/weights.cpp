// A library that has the weights.  SPDX-License-Identifier: BSL-1.0
#include "net_of_file.hpp"

namespace consumer {

ashlar::Tensor<float, 3> run_embedded(ashlar::Tensor<float, 4> const& x);

ashlar::Tensor<float, 3> run_embedded(ashlar::Tensor<float, 4> const& x) {
  return ashlar::forward(embedded::net_of_file, x);
}

}  // namespace consumer
