// Ashlar: a row of a manifest: one stored tensor or scalar of a type.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/shape.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace ashlar {

/// One stored tensor or scalar: what a file, a state_dict or a summary needs to know of it.
///
/// Rows stand in the order of PyTorch's state_dict: of each struct first its own parameters, then its buffers,
/// constants and scalars, then its children. A tied tensor has a row for each of its keys.
struct Row {
  std::string_view key;  ///< "hidden.weight"; points into static storage
  Kind kind = Kind::parameter;
  DType dtype = DType::f32;
  Extents shape;
  std::size_t offset = 0;          ///< bytes from the start of the object
  std::size_t bytes = 0;           ///< without padding
  std::ptrdiff_t alias_of = -1;    ///< index of the row that stores the elements, if this one is tied to it
  std::string_view owner;          ///< the type that has it as a member: "Linear<20, 256>"
  bool frozen = false;             ///< a parameter that training leaves as it is
  bool moment = false;             ///< a buffer in a State that belongs to a parameter
  bool (*valid)(void const*) = nullptr;  ///< content check where C++ relies on it (bool, enum); bytes need no alignment

  [[nodiscard]] constexpr bool is_alias() const { return alias_of >= 0; }
  [[nodiscard]] constexpr bool is_trained() const { return kind == Kind::parameter && !frozen; }
};

namespace detail {
struct TypeInfo;  // reflect/type_info.hpp
}

/// All that code which does not know the type needs to save it, load it or check it.
struct Layout {
  std::span<Row const> rows;
  std::size_t bytes = 0;  ///< sizeof the object
  std::array<std::byte, 16> fingerprint{};  ///< hash of the layout text (reflect/fingerprint.hpp)
  std::string_view type;  ///< the type's name without namespaces: "MLP"
  detail::TypeInfo const* info = nullptr;  ///< its structure; null for layouts that no type stands behind
};

}  // namespace ashlar
