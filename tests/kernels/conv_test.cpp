// tests/kernels/conv_test.cpp, mirrors include/ashlar/kernels/{conv,window.hpp}.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/kernels/conv/cpu.hpp>  // first: shows if the header misses an include

#include <ashlar/kernels/conv/reference.hpp>

#include "support.hpp"

namespace {

using k::ConvShape;
using k::Window;

// Positions and edges: counted element by element.
constexpr bool window_counts(Window const& w, std::size_t n) {
  std::size_t count = 0;  // positions that lie within the padded elements
  while (count * w.stride + w.span() <= n + w.before + w.after) ++count;
  if (w.count(n) != count) return false;
  for (std::size_t e = 0; e < w.kernel; ++e) {
    for (std::size_t p = 0; p < count; ++p) {
      std::size_t const at = p * w.stride + e * w.dilation;
      bool const inside = at >= w.before && at < w.before + n;
      if (inside != (p >= w.first(e, count) && p < w.last(e, n, count))) return false;
    }
  }
  return true;
}
constexpr bool all_windows_count() {
  for (std::size_t kernel = 1; kernel < 4; ++kernel) {
    for (std::size_t stride = 1; stride < 4; ++stride) {
      for (std::size_t dilation = 1; dilation < 4; ++dilation) {
        for (std::size_t padding = 0; padding < 4; ++padding) {
          for (std::size_t n = 1; n < 9; ++n) {
            Window const w{kernel, stride, dilation, padding, padding / 2, false};
            if (w.fits(n) && !window_counts(w, n)) return false;
          }
        }
      }
    }
  }
  return true;
}
static_assert(all_windows_count());
static_assert(Window{3, 2, 1, 0, 0, true}.count(8) == 4 && Window{3, 2, 1, 1, 1, true}.count(7) == 4);
static_assert(Window{2, 2, 1, 1, 1, true}.count(4) == 3);  // a fourth would begin in the padding

constexpr ConvShape shapes[] = {
    {1, 6, 1, {5, 1, 1, 2, 2, false}, {5, 1, 1, 2, 2, false}, 12, 11},  // in, out, groups, rows, columns, image
    {3, 7, 1, {3, 2, 1, 1, 1, false}, {3, 2, 1, 1, 1, false}, 9, 10},
    {2, 3, 1, {3, 2, 2, 0, 0, false}, {5, 1, 1, 2, 2, false}, 8, 9},
    {4, 6, 2, {3, 1, 1, 1, 1, false}, {3, 1, 1, 1, 1, false}, 6, 17},
    {6, 6, 6, {3, 1, 1, 1, 1, false}, {2, 3, 2, 0, 1, false}, 7, 8},
    {5, 20, 1, {1, 1, 1, 0, 0, false}, {1, 1, 1, 0, 0, false}, 4, 5},
    {4, 6, 2, {1, 1, 1, 0, 0, false}, {1, 1, 1, 0, 0, false}, 3, 6},
    {2, 3, 1, {1, 1, 1, 0, 0, false}, {1, 2, 1, 0, 0, false}, 1, 33},
    {3, 2, 1, {1, 1, 1, 0, 0, false}, {2, 5, 1, 4, 4, false}, 1, 3},    // windows that see nothing but padding
    {1, 1, 1, {1, 1, 1, 0, 0, false}, {1, 1, 1, 1, 1, false}, 2, 2},
    {40, 9, 1, {3, 1, 1, 1, 1, false}, {3, 1, 1, 1, 1, false}, 20, 70},  // several blocks of rows
    {3, 3, 3, {3, 1, 1, 1, 1, false}, {3, 1, 1, 1, 1, false}, 5, 49},    // windows over padded planes: full vectors
    {2, 2, 2, {3, 2, 1, 1, 1, false}, {3, 2, 1, 1, 0, false}, 9, 37},
    {2, 2, 2, {5, 1, 2, 4, 4, false}, {3, 1, 2, 2, 2, false}, 7, 14},
    {2, 2, 2, {2, 3, 1, 1, 0, false}, {4, 2, 1, 0, 3, true}, 8, 31},
    {2, 2, 2, {2, 1, 1, 3, 1, false}, {3, 1, 1, 1, 1, false}, 4, 16},  // padding beyond the window: dx by patches
    {5, 2, 1, {3, 1, 1, 1, 1, false}, {3, 1, 1, 1, 1, false}, 6, 33},  // few channels of y
};

// Bound: every result is within the rounding of a sum of its length, as error() counts it.
template <class T>
void check_conv(ConvShape const& shape) {
  for (std::size_t const images : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    if (images > 1 && shape.x_size() > 10000) continue;  // the sanitizers take long
    CAPTURE(images, shape.in, shape.out, shape.groups, shape.height, shape.width, sizeof(T));
    std::size_t const weights = shape.out * shape.patch();
    auto x = random_values<T>(images * shape.x_size(), 1);
    auto weight = random_values<T>(weights, 2, 0);
    auto bias = random_values<T>(shape.out, 3, 3);
    auto dy = random_values<T>(images * shape.y_size(), 4, 5);
    Guarded<T> work(k::conv_workspace<T>(shape));
    Guarded<T> y(images * shape.y_size()), expected(images * shape.y_size());
    k::conv(shape, images, x.data(), weight.data(), bias.data(), y.data(), work.data());
    k::reference::conv(shape, images, x.data(), weight.data(), bias.data(), expected.data());
    CHECK(error(y, expected, shape.patch()) < 2);
    k::conv(shape, images, x.data(), weight.data(), static_cast<T const*>(nullptr), y.data(), work.data());
    k::reference::conv(shape, images, x.data(), weight.data(), static_cast<T const*>(nullptr), expected.data());
    CHECK(error(y, expected, shape.patch()) < 2);
    CHECK(y.intact());

    auto dx = random_values<T>(images * shape.x_size(), 5);
    auto dx_expected = random_values<T>(images * shape.x_size(), 5);
    k::conv_backward_input(shape, images, dy.data(), weight.data(), dx.data(), work.data());
    k::reference::conv_backward_input(shape, images, dy.data(), weight.data(), dx_expected.data());
    CHECK(error(dx, dx_expected, weights / shape.in_of_group()) < 2);
    CHECK(dx.intact());

    auto dweight = random_values<T>(weights, 6);
    auto dweight_expected = random_values<T>(weights, 6);
    auto dbias = random_values<T>(shape.out, 7);
    auto dbias_expected = random_values<T>(shape.out, 7);
    k::conv_backward_parameters(shape, images, x.data(), dy.data(), dweight.data(), dbias.data(), work.data());
    k::reference::conv_backward_parameters(shape, images, x.data(), dy.data(), dweight_expected.data(),
                                           dbias_expected.data());
    std::size_t const terms = images * shape.out_height() * shape.out_width();
    CHECK(error(dweight, dweight_expected, terms) < 2);
    CHECK(error(dbias, dbias_expected, terms) < 2);
    CHECK((dweight.intact() && dbias.intact() && work.intact()));
  }
}

}  // namespace

KERNEL_CASE("convolutions and their pullbacks agree with the reference") {
  each_isa([] {
    for (ConvShape const& shape : shapes) {
      check_conv<float>(shape);
      check_conv<double>(shape);
    }
  });
}

KERNEL_CASE("an image has the same bits in every batch") {
  each_isa([] {
    ConvShape const& shape = shapes[1];
    auto x = random_values<float>(4 * shape.x_size(), 1);
    auto weight = random_values<float>(shape.out * shape.patch(), 2);
    Guarded<float> work(k::conv_workspace<float>(shape)), all(4 * shape.y_size()), one(shape.y_size(), 3);
    float const* const no_bias = nullptr;
    k::conv(shape, 4, x.data(), weight.data(), no_bias, all.data(), work.data());
    for (std::size_t n = 0; n < 4; ++n) {
      k::conv(shape, 1, x.data() + n * shape.x_size(), weight.data(), no_bias, one.data(), work.data());
      CHECK(same_bits(one.data(), all.data() + n * shape.y_size(), shape.y_size()));
    }
  });
}
