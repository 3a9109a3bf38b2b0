// Ashlar: stored tensors by key, at run time and at compile time.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/error.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/core/tensor.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {

/// A stored tensor whose type is known only at run time: its row of the manifest, and where its elements lie.
/// Void is `void` or `void const`.
template <class Void>
struct AnyTensor {
  Row const* row;
  Void* data;

  [[nodiscard]] std::string_view key() const { return row->key; }
  [[nodiscard]] DType dtype() const { return row->dtype; }
  [[nodiscard]] Extents const& shape() const { return row->shape; }
  [[nodiscard]] std::size_t numel() const { return row->shape.numel(); }

  /// The elements as T. Error: mismatch, if the dtype is another.
  template <Element T>
  [[nodiscard]] auto as() const {
    if (dtype_of<T> != row->dtype) {
      throw Error(Errc::mismatch, std::string(row->key) + " holds " + std::string(name_of(row->dtype)) + " but " +
                                      std::string(name_of(dtype_of<T>)) + " was asked for");
    }
    using U = std::conditional_t<std::is_const_v<Void>, T const, T>;
    return std::span<U>(static_cast<U*>(data), numel());
  }
};

namespace detail {

/// The key of `rows` that takes the fewest edits to become `key`; empty if none is near.
constexpr std::string_view nearest_key(std::span<Row const> rows, std::string_view key) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(key.size() / 2, 2);
  std::vector<std::size_t> row;  // filled by push_back: clang 19 takes no other way in a constant expression
  for (std::size_t i = 0; i <= key.size(); ++i) row.push_back(i);
  for (Row const& candidate : rows) {
    std::string_view const other = candidate.key;
    if (other.size() > key.size() + best_distance || key.size() > other.size() + best_distance) continue;
    for (std::size_t i = 0; i <= key.size(); ++i) row[i] = i;
    for (std::size_t k = 0; k < other.size(); ++k) {  // Levenshtein's distance, one row at a time
      std::size_t diagonal = row[0]++;
      for (std::size_t i = 1; i <= key.size(); ++i) {
        std::size_t const change = diagonal + (key[i - 1] == other[k] ? 0 : 1);
        diagonal = row[i];
        row[i] = std::min({row[i] + 1, row[i - 1] + 1, change});
      }
    }
    if (row[key.size()] < best_distance) {
      best = other;
      best_distance = row[key.size()];
    }
  }
  return best;
}

template <class T, class Void>
AnyTensor<Void> find_row(Void* object, std::string_view key) {
  for (Row const& row : manifest<T>()) {
    if (row.key == key) {
      using Byte = std::conditional_t<std::is_const_v<Void>, std::byte const, std::byte>;
      return {&row, static_cast<Byte*>(object) + row.offset};
    }
  }
  std::string text(type_name<T>());  // append, not +: g++ 12 warns of overruns in the temporaries of operator+
  text.append(" has nothing with the key ").append(key);
  if (auto const near = nearest_key(manifest<T>(), key); !near.empty()) {
    text.append("; did you mean ").append(near).append("?");
  }
  throw Error(Errc::value, text);
}

template <class T>
constexpr std::size_t row_index(std::string_view key) {
  auto const& rows = manifest<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].key == key) return i;
  }
  return rows.size();
}

template <class T, text Key>
struct KeyLookupMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if (row_index<T>(Key.view()) == manifest<T>().size()) {
      s.add("ashlar: ").add(type_name<T>()).add(" has nothing with the key ").add(Key.view());
      std::string_view const near = nearest_key(manifest<T>(), Key.view());
      if (!near.empty()) s.add("; did you mean ").add(near).add("?");
    }
    return s;
  }();
};

template <DType D>
constexpr auto element_of() {
  if constexpr (D == DType::f64) return std::type_identity<double>{};
  else if constexpr (D == DType::f32) return std::type_identity<float>{};
  else if constexpr (D == DType::f16) return std::type_identity<float16>{};
  else if constexpr (D == DType::bf16) return std::type_identity<bfloat16>{};
  else if constexpr (D == DType::i64) return std::type_identity<std::int64_t>{};
  else if constexpr (D == DType::i32) return std::type_identity<std::int32_t>{};
  else if constexpr (D == DType::i16) return std::type_identity<std::int16_t>{};
  else if constexpr (D == DType::i8) return std::type_identity<std::int8_t>{};
  else if constexpr (D == DType::u8) return std::type_identity<std::uint8_t>{};
  else if constexpr (D == DType::boolean) return std::type_identity<bool>{};
  else if constexpr (D == DType::u64) return std::type_identity<std::uint64_t>{};
  else if constexpr (D == DType::u32) return std::type_identity<std::uint32_t>{};
  else return std::type_identity<std::uint16_t>{};
}

/// What `get` gives for a key that does not exist: it can be used like any View, so that the key stays the only
/// mistake.
struct NoView {
  float& operator()(auto const&...) const;
  [[nodiscard]] float* data() const;
  [[nodiscard]] float* begin() const;
  [[nodiscard]] float* end() const;
  [[nodiscard]] std::span<float> span() const;
  [[nodiscard]] std::size_t numel() const;
  [[nodiscard]] Extents shape() const;
  void fill(auto const&) const;
};

/// Row I of a T as a View with its dtype and extents in the type.
template <std::size_t I, class T>
auto row_view(T& object) {
  using U = std::remove_const_t<T>;
  constexpr Row const& row = manifest<U>()[I];
  using Element = typename decltype(element_of<row.dtype>())::type;
  return [&]<std::size_t... D>(std::index_sequence<D...>) {
    if constexpr (std::is_const_v<T>) {
      auto* const at = reinterpret_cast<std::byte const*>(&object) + row.offset;
      return View<Element const, manifest<U>()[I].shape[D]...>(reinterpret_cast<Element const*>(at));
    } else {
      auto* const at = reinterpret_cast<std::byte*>(&object) + row.offset;
      return View<Element, manifest<U>()[I].shape[D]...>(reinterpret_cast<Element*>(at));
    }
  }(std::make_index_sequence<manifest<U>()[I].shape.rank>{});
}

}  // namespace detail

/// The stored tensor or scalar with this key, which may be a tied one. Error: value, with the nearest key.
template <class T>
AnyTensor<void> find(T& net, std::string_view key) {
  return detail::find_row<T>(static_cast<void*>(&net), key);
}
template <class T>
AnyTensor<void const> find(T const& net, std::string_view key) {
  return detail::find_row<T>(static_cast<void const*>(&net), key);
}

/// The stored tensor with this key as a View with static extents: `get<"hidden.weight">(net)`.
/// Errors  compile time: there is no such key.
template <text Key, class T>
auto get(T& net) {
  using U = std::remove_const_t<T>;
  detail::refuse<detail::KeyLookupMistake<U, Key>>();
  if constexpr (detail::KeyLookupMistake<U, Key>::value.empty()) {
    return detail::row_view<detail::row_index<U>(Key.view())>(net);
  } else {
    return detail::NoView{};
  }
}

/// All parameters in PyTorch's order, tied ones once: what named_parameters() gives. Those of a network that is const,
/// as a mapped one, are read alone.
template <class T>
auto named_parameters(T& net) {
  constexpr bool is_const = std::is_const_v<T>;
  using Byte = std::conditional_t<is_const, std::byte const, std::byte>;
  std::vector<AnyTensor<std::conditional_t<is_const, void const, void>>> out;
  for (Row const& row : manifest<std::remove_const_t<T>>()) {
    if (row.kind == Kind::parameter && !row.is_alias())
      out.push_back({&row, reinterpret_cast<Byte*>(&net) + row.offset});
  }
  return out;
}

}  // namespace ashlar
