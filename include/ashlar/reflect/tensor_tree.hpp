// Ashlar: values that are tensors and nothing else: one, a list, a struct of them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>
#include <ashlar/reflect/fields.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

enum class TensorTreeKind : unsigned char { none, tensor, list, record };

template <class T>
constexpr TensorTreeKind tensor_tree_kind();

template <class T, std::size_t I>
constexpr bool fields_are_tensors() {
  if constexpr (I == member_count<T>) {
    return true;
  } else if constexpr (tensor_tree_kind<boost::pfr::tuple_element_t<I, T>>() == TensorTreeKind::none) {
    return false;  // a network: its first layer is none
  } else {
    return fields_are_tensors<T, I + 1>();
  }
}

template <class T>
struct TensorTreeOf {
  static constexpr TensorTreeKind kind() {
    // A tensor owns memory, so what holds one is not trivially copyable, and a network is.
    if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T> || std::is_trivially_copyable_v<T>) {
      return TensorTreeKind::none;
    } else if constexpr (member_count<T> == 0) {
      return TensorTreeKind::none;
    } else {
      return fields_are_tensors<T, 0>() ? TensorTreeKind::record : TensorTreeKind::none;
    }
  }
};
template <class T, std::size_t... E>
struct TensorTreeOf<BasicTensor<T, Cpu, E...>> {
  static constexpr TensorTreeKind kind() { return TensorTreeKind::tensor; }
};
template <class T, class A>
struct TensorTreeOf<std::vector<T, A>> {
  static constexpr TensorTreeKind kind() {
    return tensor_tree_kind<T>() == TensorTreeKind::none ? TensorTreeKind::none : TensorTreeKind::list;
  }
};
template <class T, std::size_t N>
struct TensorTreeOf<std::array<T, N>> {
  static constexpr TensorTreeKind kind() {
    return N == 0 || tensor_tree_kind<T>() == TensorTreeKind::none ? TensorTreeKind::none : TensorTreeKind::list;
  }
};
template <class T>
constexpr TensorTreeKind tensor_tree_kind() {
  return TensorTreeOf<T>::kind();
}

}  // namespace detail

/// A Tensor; a std::vector or std::array of what is a TensorTree; a plain struct whose members all are.
template <class T>
concept TensorTree = detail::tensor_tree_kind<T>() != detail::TensorTreeKind::none;

}  // namespace ashlar
