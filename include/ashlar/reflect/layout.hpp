// Ashlar: the layout of a type, for code that does not know the type.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <cstddef>
#include <span>

namespace ashlar {
namespace detail {

/// Above this the fingerprint is computed when the program first needs it: clang 19 stops a constant expression at
/// 1,048,576 steps, and a row takes about 250.
inline constexpr std::size_t constexpr_fingerprint_rows = 1000;

template <class T>
constexpr Fingerprint compute_fingerprint() {
  Fnv128 hash;
  write_layout(manifest<T>(), sizeof(T), hash);
  if constexpr (is_storable<T>) {
    auto const add = [&](std::string_view key, std::uint32_t version) { write_version(key, version, hash); };
    KeyBuffer key;
    visit_versions(type_info<unwrapped_t<T>>, key, add);
  }
  return hash.bytes();
}

template <class T>
inline constexpr Fingerprint constexpr_fingerprint = compute_fingerprint<T>();

}  // namespace detail

/// Hash of T's layout text. Computed by the compiler, for very large types once per program.
template <class T>
Fingerprint const& fingerprint_of() {
  if constexpr (manifest<T>().size() <= detail::constexpr_fingerprint_rows) {
    return detail::constexpr_fingerprint<T>;
  } else {
    static Fingerprint const value = detail::compute_fingerprint<T>();
    return value;
  }
}

/// Rows, size, fingerprint, name and structure of T.
template <class T>
Layout layout_of() {
  if constexpr (detail::is_storable<T>) {
    detail::refuse_migrations<detail::unwrapped_t<T>>();
    return {manifest<T>(), sizeof(T), fingerprint_of<T>(), type_name<detail::unwrapped_t<T>>(),
            &detail::type_info<detail::unwrapped_t<T>>};
  } else {
    return {manifest<T>(), sizeof(T), {}, type_name<T>()};
  }
}

}  // namespace ashlar

#include <ashlar/reflect/migration.hpp>
