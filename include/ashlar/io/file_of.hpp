// Ashlar: files whose type is known to the compiler.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <cstddef>
#include <string>
#include <utility>

namespace ashlar {

/// The path of a file that a program, or another part of this one, writes from a `Saved`: what is loaded from it is
/// checked by the compiler, before there is a file.
///
///   inline FileOf<MLP> const weights{"mlp.ashlar"};
///   save(weights, *net);                         // takes an MLP and nothing else
///   auto net = load<Classifier>(weights);        // compiles if Classifier has the same keys, shapes and dtypes
template <class Saved>
struct FileOf {
  std::string path;
};

namespace detail {

constexpr void add_extents(Sentence& s, Extents const& e) {
  s.add("(");
  for (std::size_t d = 0; d < e.rank; ++d) {
    if (d != 0) s.add(", ");
    s.add(e[d]);
  }
  s.add(")");
}

constexpr Row const* row_of(std::span<Row const> rows, std::string_view key) {
  for (Row const& row : rows) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

/// Why an object of type T cannot be loaded from a file of a Saved; empty if it can.
template <class T, class Saved>
struct FileMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    std::span<Row const> const wanted = manifest<T>();
    std::span<Row const> const saved = manifest<Saved>();
    for (Row const& row : wanted) {
      Row const* const other = row_of(saved, row.key);
      if (other == nullptr) {
        s.add("ashlar: a file of ").add(type_name<Saved>()).add(" has no ").add(row.key).add(" for ");
        s.add(type_name<T>()).add(".").add(row.key);
        return s;
      }
      if (!(row.shape == other->shape) || row.dtype != other->dtype) {
        s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is ").add(name_of(row.dtype)).add(" ");
        add_extents(s, row.shape);
        s.add(" but a file of ").add(type_name<Saved>()).add(" holds ").add(name_of(other->dtype)).add(" ");
        add_extents(s, other->shape);
        return s;
      }
      if (row.kind != other->kind) {
        s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is a ").add(name_of(row.kind));
        s.add(" but a file of ").add(type_name<Saved>()).add(" holds a ").add(name_of(other->kind));
        return s;
      }
    }
    for (Row const& row : saved) {
      if (row_of(wanted, row.key) == nullptr) {
        s.add("ashlar: a file of ").add(type_name<Saved>()).add(" holds ").add(row.key).add(" but ");
        s.add(type_name<T>()).add(" has no such member");
        return s;
      }
    }
    return s;
  }();
};

}  // namespace detail

/// save and load as in io/file.hpp. Errors  compile time: T does not fit Saved; the first member that does not is
/// named.
template <class Saved>
void save(FileOf<Saved> const& file, Saved const& object, SaveOptions const& options = {}) {
  save(file.path, object, options);
}
template <class T, class Saved>
Result<Owned<T>> try_load(FileOf<Saved> const& file) {
  detail::refuse<detail::FileMistake<T, Saved>>();
  return try_load<T>(file.path);
}
template <class T, class Saved>
Owned<T> load(FileOf<Saved> const& file) {
  detail::refuse<detail::FileMistake<T, Saved>>();
  return load<T>(file.path);
}
template <class T, class Saved>
void load(FileOf<Saved> const& file, T& object) {
  detail::refuse<detail::FileMistake<T, Saved>>();
  load(file.path, object);
}

}  // namespace ashlar
