// Ashlar: convolutions cut into parts for threads.  SPDX-License-Identifier: BSL-1.0
//
// What is cut leaves every sum in one part and in its order: y by images, by rows or by groups; dx by images or groups;
// dweight by channels of y. Each part works in memory of its own, from the pool of the thread that runs it.
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/core/tensor.hpp>
#include <ashlar/kernels/conv/cpu.hpp>

#include <cstddef>

namespace ashlar::detail {

template <class T>
Tensor<T, dyn> conv_memory(kernels::ConvShape const& shape) {
  return Tensor<T, dyn>(uninitialized_t{}, make_dims<dyn>(kernels::conv_workspace<T>(shape)));
}

/// Products of an image, at least 1.
constexpr std::size_t conv_cost(kernels::ConvShape const& shape) { return shape.y_size() * shape.patch() + 1; }

/// `count` of the groups, as a convolution of its own.
constexpr kernels::ConvShape some_groups(kernels::ConvShape shape, std::size_t count) {
  shape.in = shape.in_of_group() * count;
  shape.out = shape.out_of_group() * count;
  shape.groups = count;
  return shape;
}

/// f(shape, first image, images, first group) for parts of all groups of all images: of the images, or, where there are
/// fewer of them than threads, of each image's groups.
template <class F>
void in_images_or_groups(kernels::ConvShape const& shape, std::size_t images, F const& f) {
  if (images >= worker_threads() || shape.groups == 1) {
    in_parts(images, items_of_part(least_products, conv_cost(shape)),
             [&](std::size_t first, std::size_t count) { f(shape, first, count, 0); });
    return;
  }
  std::size_t const least = items_of_part(least_products, conv_cost(shape) / shape.groups);
  for (std::size_t n = 0; n < images; ++n) {
    in_parts(shape.groups, least,
             [&](std::size_t first, std::size_t count) { f(some_groups(shape, count), n, 1, first); });
  }
}

/// kernels::conv.
template <class T>
void conv_in_parts(kernels::ConvShape const& shape, std::size_t images, T const* x, T const* weight, T const* bias,
                   T* y) {
  if (images < worker_threads() && kernels::conv_has_rows(shape) && shape.out_height() > 1) {
    std::size_t const least = items_of_part(least_products, conv_cost(shape) / shape.out_height());
    for (std::size_t n = 0; n < images; ++n) {
      in_parts(shape.out_height(), least, [&](std::size_t first, std::size_t count) {
        auto work = conv_memory<T>(shape);
        kernels::conv_rows(shape, first, count, x + n * shape.x_size(), weight, bias, y + n * shape.y_size(),
                           work.data());
      });
    }
    return;
  }
  in_images_or_groups(shape, images,
                      [&](kernels::ConvShape const& part, std::size_t n, std::size_t count, std::size_t g) {
                        auto work = conv_memory<T>(part);
                        std::size_t const channel = g * shape.out_of_group();
                        kernels::conv(part, count, x + n * shape.x_size() + g * (shape.x_size() / shape.groups),
                                      weight + channel * shape.patch(), bias == nullptr ? bias : bias + channel,
                                      y + n * shape.y_size() + g * (shape.y_size() / shape.groups), work.data());
                      });
}

/// kernels::conv_backward_input.
template <class T>
void conv_backward_input_in_parts(kernels::ConvShape const& shape, std::size_t images, T const* dy, T const* weight,
                                  T* dx) {
  in_images_or_groups(
      shape, images, [&](kernels::ConvShape const& part, std::size_t n, std::size_t count, std::size_t g) {
        auto work = conv_memory<T>(part);
        kernels::conv_backward_input(part, count, dy + n * shape.y_size() + g * (shape.y_size() / shape.groups),
                                     weight + g * shape.out_of_group() * shape.patch(),
                                     dx + n * shape.x_size() + g * (shape.x_size() / shape.groups), work.data());
      });
}

/// kernels::conv_backward_parameters. A part has at least the channels that keep it from going by windows where the
/// whole does not.
template <class T>
void conv_backward_parameters_in_parts(kernels::ConvShape const& shape, std::size_t images, T const* x, T const* dy,
                                       T* dweight, T* dbias) {
  bool const by_groups = shape.groups > 1 || !kernels::conv_has_rows(shape);
  std::size_t const items = by_groups ? shape.groups : shape.out;  // each with a part of weight, and of y
  std::size_t const channels = shape.out / items;
  std::size_t const least = items_of_part(least_products, images * conv_cost(shape) / items, by_groups ? 1 : 4);
  in_parts(items, least, [&](std::size_t first, std::size_t count) {
    kernels::ConvShape part = some_groups(shape, by_groups ? count : 1);
    if (!by_groups) part.out = count;
    auto work = conv_memory<T>(part);
    std::size_t const x_at = by_groups ? first * (shape.x_size() / items) : 0;
    std::size_t const channel = first * channels;
    for (std::size_t n = 0; n < images; ++n) {
      kernels::conv_backward_parameters(part, 1, x + n * shape.x_size() + x_at,
                                        dy + n * shape.y_size() + first * (shape.y_size() / items),
                                        dweight == nullptr ? dweight : dweight + channel * shape.patch(),
                                        dbias == nullptr ? dbias : dbias + channel, work.data());
    }
  });
}

}  // namespace ashlar::detail
