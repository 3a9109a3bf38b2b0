// Example: a layer that has changed, and files that hold what it was.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>

#include <cstdlib>
#include <iostream>

//! [version_1]
struct NormV1 {
  ashlar::Parameter<float, 8> weight;
  ashlar::Buffer<float, 8> mean;
  ashlar::Buffer<float, 8> running_var;
};
//! [version_1]

//! [version_2]
struct Norm {  // mean has its full name now, and batches are counted
  static constexpr int version = 2;
  ashlar::Parameter<float, 8> weight;
  ashlar::Buffer<float, 8> running_mean;
  ashlar::Buffer<float, 8> running_var;
  ashlar::Buffer<std::int64_t> num_batches_tracked;

  using migration =
      ashlar::Migration<NormV1, ashlar::Renamed<"mean", "running_mean">, ashlar::Filled<"num_batches_tracked", 0>>;
};
//! [version_2]

//! [version_3]
struct NormV3 {  // keeps what it multiplies with, and not the variance it is computed from
  static constexpr int version = 3;
  ashlar::Parameter<float, 8> weight;
  ashlar::Buffer<float, 8> running_mean;
  ashlar::Buffer<float, 8> scale;

  static void compute(Norm const& from, ashlar::View<float, 8> to) {
    for (std::size_t i = 0; i < 8; ++i) to(i) = from.weight(i) / (from.running_var(i) + 1e-5f);
  }
  using migration = ashlar::Migration<Norm, ashlar::Dropped<"num_batches_tracked">,
                                      ashlar::Computed<"scale", compute, "running_var">>;
};
//! [version_3]

template <class N>
struct Net {
  ashlar::Linear<4, 8> linear;
  N norm;
};

int main() {
  auto old = ashlar::make<Net<NormV1>>(ashlar::Rng{0});
  old->norm.weight.fill(2);
  old->norm.running_var.fill(4);
  ashlar::save("version_1.ashlar", *old);

  //! [load]
  auto net = ashlar::make<Net<Norm>>();
  ashlar::LoadReport const report = ashlar::load("version_1.ashlar", *net);
  for (auto const& layer : report.migrated) std::cout << layer << '\n';
  auto newest = ashlar::load<Net<NormV3>>("version_1.ashlar");  // from 1 to 2, and on to 3
  //! [load]

  ashlar::save("version_2.ashlar", *net);
  //! [newer]
  auto const back = ashlar::try_load<Net<NormV1>>("version_2.ashlar");
  if (!back) std::cout << back.error().what() << '\n';
  //! [newer]
  return net->norm.weight(0) == 2 && newest->norm.scale(0) > 0.49f && !back ? EXIT_SUCCESS : EXIT_FAILURE;
}
