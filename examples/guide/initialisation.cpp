// Example: initial values.  SPDX-License-Identifier: BSL-1.0
#include "show.hpp"

#include <ashlar/ashlar.hpp>
#include <ashlar/nn/for_each_layer.hpp>

#include <cmath>
#include <cstdlib>

namespace init = ashlar::init;
using namespace ashlar::literals;

using Net = ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 1>>;

//! [own]
/// A function of your own: uniform in [-10, 10), and what is below 5 in magnitude becomes 0.
template <std::size_t In, std::size_t Out>
void my_init(ashlar::Linear<In, Out>& layer, ashlar::TorchRng& rng) {
  init::uniform_(layer.weight, -10, 10, rng);
  for (float& w : layer.weight) w = std::abs(w) >= 5 ? w : 0;
}
//! [own]

int main() {
  //! [defaults]
  auto net = ashlar::make<Net>(ashlar::Rng{0});  // the bits of torch.manual_seed(0); nn.Sequential(...)
  //! [defaults]
  show("default", net[0_c].bias);

  //! [all]
  ashlar::TorchRng rng(0);  // torch.manual_seed(0)
  ashlar::for_each_layer(*net, [&]<std::size_t In, std::size_t Out>(ashlar::Linear<In, Out>& layer) {
    init::normal_(layer.weight, 0, 0.01, rng);
    init::zeros_(layer.bias);
  });
  //! [all]
  show("normal, deviation 0.01", net[2_c].weight);

  //! [blocks]
  init::xavier_uniform_(net[0_c].weight, rng);  // a layer of its own
  init::constant_(net[2_c].weight, 42);         // and another
  //! [blocks]
  show("xavier", net[0_c].weight);
  show("constant", net[2_c].weight);

  //! [use_own]
  ashlar::for_each_layer(*net,
                         [&]<std::size_t In, std::size_t Out>(ashlar::Linear<In, Out>& layer) { my_init(layer, rng); });
  //! [use_own]
  show("own", net[0_c].weight);
  bool ok = true;
  for (float const w : net[0_c].weight) ok = ok && (w == 0 || (std::abs(w) >= 5 && std::abs(w) <= 10));

  //! [direct]
  for (float& w : net[0_c].weight) w += 1;
  net[0_c].weight(0, 0) = 42;
  //! [direct]

  //! [others]
  ashlar::Parameter<float, 3, 3> w;
  init::ones_(w);
  init::uniform_(w, -1, 1, rng);
  init::xavier_normal_(w, rng);
  init::kaiming_uniform_(w, std::sqrt(5.0), rng);  // torch.nn.Linear's own
  init::kaiming_normal_(w, 0, rng, init::FanMode::fan_out, init::Nonlinearity::relu);
  init::trunc_normal_(w, 0, 0.02, -0.04, 0.04, rng);
  init::orthogonal_(w, 1, rng);
  //! [others]
  show("orthogonal", w);
  float dot = 0;
  for (std::size_t i = 0; i < 3; ++i) dot += w(0, i) * w(1, i);
  return ok && std::abs(dot) < 1e-6f && net[0_c].weight(0, 0) == 42 ? EXIT_SUCCESS : EXIT_FAILURE;
}
