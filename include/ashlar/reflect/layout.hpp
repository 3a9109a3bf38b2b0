// Ashlar: the layout of a type, for code that does not know the type.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <cstddef>
#include <span>

namespace ashlar {
namespace detail {

/// Above this the fingerprint is computed when the program first needs it: clang 19 stops a constant expression at
/// 1,048,576 steps, and a row takes about 250.
inline constexpr std::size_t constexpr_fingerprint_rows = 1000;

template <class T>
inline constexpr Fingerprint constexpr_fingerprint = fingerprint(manifest<T>(), sizeof(T));

}  // namespace detail

/// Hash of T's layout text. Computed by the compiler, for very large types once per program.
template <class T>
Fingerprint const& fingerprint_of() {
  if constexpr (manifest<T>().size() <= detail::constexpr_fingerprint_rows) {
    return detail::constexpr_fingerprint<T>;
  } else {
    static Fingerprint const value = fingerprint(manifest<T>(), sizeof(T));
    return value;
  }
}

/// Rows, size, fingerprint and name of T.
template <class T>
Layout layout_of() {
  return {manifest<T>(), sizeof(T), fingerprint_of<T>(), type_name<T>()};
}

}  // namespace ashlar
