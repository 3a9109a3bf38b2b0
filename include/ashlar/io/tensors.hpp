// Ashlar: tensors on disk: one, a list, a struct of them, with extents that only the value knows.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/reflect/tensor_tree.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

ASHLAR_COLD inline std::string key_in(std::string const& around, std::string_view part) {
  std::string key = around;
  if (!key.empty()) key += '.';
  return key.append(part);
}

/// Rows of tensors that lie anywhere, one behind the other in a file.
struct TensorRows {
  std::vector<Row> rows;  // their keys are put in by layout(): those below move while they are collected
  std::vector<void const*> places;
  std::vector<std::string> keys;
  std::size_t bytes = 0;

  ASHLAR_IO_FUNCTION void add(std::string key, DType dtype, Extents const& shape, void const* at);
  ASHLAR_IO_FUNCTION Layout layout();
};

template <class T>
void collect_tensors(T const& value, std::string const& key, TensorRows& out) {
  constexpr TensorTreeKind kind = tensor_tree_kind<T>();
  if constexpr (kind == TensorTreeKind::tensor) {
    out.add(key.empty() ? "tensor" : key, dtype_of<typename T::value_type>, value.shape(), value.data());
  } else if constexpr (kind == TensorTreeKind::list) {
    for (std::size_t i = 0; i < value.size(); ++i) collect_tensors(value[i], key_in(key, std::to_string(i)), out);
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (collect_tensors(boost::pfr::get<I>(value), key_in(key, field_name<T, I>()), out), ...);
    }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
  }
}

/// What is found wrong on the way is noted, and a value made up in its place: nothing is given out in that case.
class TensorReader {
 public:
  ASHLAR_IO_FUNCTION explicit TensorReader(CheckedFile const& file);
  TensorReader(TensorReader const&) = delete;
  TensorReader& operator=(TensorReader const&) = delete;
  ASHLAR_IO_FUNCTION ~TensorReader();

  template <class T>
  T read(std::string const& key) {
    constexpr TensorTreeKind kind = tensor_tree_kind<T>();
    if constexpr (kind == TensorTreeKind::tensor) {
      return read_tensor<T>(key.empty() ? "tensor" : key);
    } else if constexpr (kind == TensorTreeKind::list) {
      return read_list<T>(key);
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return T{read<boost::pfr::tuple_element_t<I, T>>(key_in(key, field_name<T, I>()))...};  // in order
      }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
    }
  }
  ASHLAR_IO_FUNCTION std::vector<std::string> problems();

 private:
  template <class T>
  T read_tensor(std::string const& key) {
    using D = typename T::dims_type;
    D dims{};
    Row const* const found = look_up(key, dtype_of<typename T::value_type>, D::type());
    if (found == nullptr) return T(uninitialized_t{}, dims);
    std::size_t next = 0;
    for (std::size_t d = 0; d != D::rank; ++d) {
      if constexpr (D::dyn_count != 0) {
        if (D::extents[d] == dyn) dims.dynamic[next++] = found->shape[d];
      }
    }
    T out(uninitialized_t{}, dims);
    if (found->bytes != 0) {
      std::memcpy(static_cast<void*>(out.data()), file_.data.data() + found->offset, found->bytes);
    }
    return out;
  }
  template <class T>
  T read_list(std::string const& key) {
    if constexpr (requires(T list) { list.push_back(std::move(list[0])); }) {
      T out;
      while (has_part(key_in(key, std::to_string(out.size())))) {
        out.push_back(read<typename T::value_type>(key_in(key, std::to_string(out.size()))));
      }
      return out;
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return T{read<typename T::value_type>(key_in(key, std::to_string(I)))...};
      }(std::make_index_sequence<std::tuple_size_v<T>>{});
    }
  }
  /// The tensor with this key, if it is what is asked for.
  ASHLAR_IO_FUNCTION Row const* look_up(std::string_view key, DType dtype, Extents const& shape);
  /// True if there is this key, or one that continues it after a dot.
  [[nodiscard]] ASHLAR_IO_FUNCTION bool has_part(std::string const& key) const;

  struct State;
  CheckedFile const& file_;
  State* state_;
};

}  // namespace detail

/// Writes tensors to an .ashlar file: one (key "tensor"), a list (0, 1, ...), a struct (its members' names), nested as
/// one likes. As for networks: atomic, and equal values give equal files.
///
///   struct Batch { Tensor<float, dyn, 20> x; Tensor<std::int64_t, dyn> labels; };
///   save("batch.ashlar", Batch{x, labels});
///   auto batch = load<Batch>("batch.ashlar");
/// Errors  as for networks.
template <TensorTree T>
Result<void> try_save(std::string const& path, T const& tensors, SaveOptions const& options = {}) {
  if (detail::content_named(path) != detail::Content::ashlar) {
    return detail::error(Errc::value, {path,
                                       ": tensors outside of a network are saved as .ashlar, or as a Value by "
                                       "save_torch and save_safetensors"});
  }
  detail::TensorRows list;
  detail::collect_tensors(tensors, {}, list);
  Layout const layout = list.layout();
  return detail::save_places(path, layout, {.of_row = list.places}, options);
}
template <TensorTree T>
void save(std::string const& path, T const& tensors, SaveOptions const& options = {}) {
  try_save(path, tensors, options).value();
}

/// Reads what `save` wrote: a T with the extents of the file where T leaves them open.
///
/// Cost    two passes over the file: checksums, then the copy.
/// Errors  io; format, for damage; mismatch, with every tensor that is missing, not asked for, or of another dtype or
///         shape.
template <TensorTree T>
Result<T> try_load(std::string const& path) {
  auto file = detail::open_checked(path);
  if (!file) return std::move(file).error();
  detail::TensorReader reader(*file);
  T out = reader.read<T>({});
  if (auto problems = reader.problems(); !problems.empty()) {
    return Error(Errc::mismatch, detail::message({path, ": does not hold the tensors that were asked for"}),
                 std::move(problems));
  }
  return out;
}
template <TensorTree T>
T load(std::string const& path) {
  return try_load<T>(path).value();
}

}  // namespace ashlar

#if !defined(ASHLAR_IO_COMPILED) || defined(ASHLAR_IO_IMPLEMENTATION)
#include <ashlar/io/tensor_rows.hpp>
#endif
