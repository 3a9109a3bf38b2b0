// tests/kernels/batch_norm_test.cpp, mirrors include/ashlar/kernels/batch_norm.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/batch_norm/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/batch_norm/reference.hpp>

#include "support.hpp"

namespace {

// Bound: within the rounding of sums of one channel's values, as error() counts it; statistics are sums in double.
template <class T>
void check_batch_norm(k::Planes const& planes, bool affine) {
  std::size_t const n = planes.per_channel();
  std::size_t const all = n * planes.channels;
  CAPTURE(planes.images, planes.channels, planes.area, affine, sizeof(T));
  auto x = random_values<T>(all, 1);
  auto weight = random_values<T>(planes.channels, 2, 0);
  auto bias = random_values<T>(planes.channels, 3, 3);
  T const* const w = affine ? weight.data() : nullptr;
  T const* const b = affine ? bias.data() : nullptr;
  Guarded<double> mean(planes.channels), variance(planes.channels), mean_expected(planes.channels),
      variance_expected(planes.channels);
  k::channel_moments(planes, x.data(), mean.data(), variance.data());
  k::reference::channel_moments(planes, x.data(), mean_expected.data(), variance_expected.data());
  CHECK(error(mean, mean_expected, n) < 2);
  CHECK(error(variance, variance_expected, n) < 2);
  CHECK((mean.intact() && variance.intact()));

  Guarded<T> y(all), expected(all);
  double const eps = 0.25;  // values are of the size of 1, whatever the variance
  k::batch_norm(planes, x.data(), mean.data(), variance.data(), eps, w, b, y.data());
  k::reference::batch_norm(planes, x.data(), mean.data(), variance.data(), eps, w, b, expected.data());
  CHECK(error(y, expected, 8) < 2);
  CHECK(y.intact());

  auto dy = random_values<T>(all, 4, 5);
  auto const backward = [&](auto batch) {
    auto dx = random_values<T>(all, 5), dx_expected = random_values<T>(all, 5);
    auto dweight = random_values<T>(planes.channels, 6), dweight_expected = random_values<T>(planes.channels, 6);
    auto dbias = random_values<T>(planes.channels, 7), dbias_expected = random_values<T>(planes.channels, 7);
    k::batch_norm_backward<decltype(batch)::value>(planes, x.data(), mean.data(), variance.data(), eps, w, dy.data(),
                                                   dx.data(), dweight.data(), dbias.data());
    k::reference::batch_norm_backward<decltype(batch)::value>(planes, x.data(), mean.data(), variance.data(), eps, w,
                                                              dy.data(), dx_expected.data(), dweight_expected.data(),
                                                              dbias_expected.data());
    CHECK(error(dx, dx_expected, 16) < 2);
    CHECK(error(dweight, dweight_expected, n) < 2);
    CHECK(error(dbias, dbias_expected, n) < 2);
    CHECK((dx.intact() && dweight.intact() && dbias.intact()));
    T* const none = nullptr;
    auto alone = random_values<T>(all, 5);
    k::batch_norm_backward<decltype(batch)::value>(planes, x.data(), mean.data(), variance.data(), eps, w, dy.data(),
                                                   alone.data(), none, none);
    CHECK(same_bits(alone.data(), dx.data(), all));
  };
  backward(std::false_type{});
  backward(std::true_type{});
}

}  // namespace

KERNEL_CASE("normalisation of channels and its pullbacks agree with the reference") {
  each_isa([] {
    for (k::Planes const planes :
         {k::Planes{1, 3, 2}, k::Planes{2, 1, 1}, k::Planes{6, 4, 1}, k::Planes{3, 4, 5}, k::Planes{2, 5, 33},
          k::Planes{2, 66, 47}, k::Planes{33, 16, 1}, k::Planes{5, 83, 1}}) {
      for (bool const affine : {false, true}) {
        check_batch_norm<float>(planes, affine);
        check_batch_norm<double>(planes, affine);
      }
    }
  });
}
