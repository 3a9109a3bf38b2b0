// Ashlar: the structure of a type as a value: its members, their types, versions and migrations.
// SPDX-License-Identifier: BSL-1.0
//
// A manifest lists tensors; this tree also has what holds them. Every type has one node, which points at those of its
// members, so nothing grows with how often a layer is used. Files carry it as a list of modules.
#pragma once

#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

struct TypeInfo;
struct MigrationInfo;

/// What a type has as a member. Members of a std::array are one member, repeated.
struct MemberInfo {
  std::string_view key{};  // empty for elements of an array, whose keys are 0, 1, ...
  std::size_t offset = 0;
  std::size_t repeat = 1;
  std::size_t stride = 0;
  TypeInfo const* type = nullptr;  // null for tensors and scalars
  bool versioned = false;  // as *type: with -fsanitize=undefined g++ 12 compares no address with null in a constant
};

struct TypeInfo {
  std::string_view name{};  // "MLP", "ashlar::Linear<20, 256>"; of lists without what they hold: "std::array"
  std::uint32_t version = 1;
  bool versioned = false;  // it, or something in it, has a version other than 1, or a migration
  bool tie = false;        // a Tied: the members are those of its target
  bool state = false;      // a State: tensors in it are not parameters
  std::span<MemberInfo const> members{};
  std::span<Row const> rows{};  // of a type that lists them itself
  MigrationInfo const* migration = nullptr;
};

/// The version that a file says a T is: `static constexpr int version = 2;`, or 1.
template <class T>
constexpr std::uint32_t version_of() {
  if constexpr (requires { static_cast<std::uint32_t>(T::version); }) {
    static_assert(T::version >= 1, "ashlar: versions of a layer are 1, 2, ...");
    return static_cast<std::uint32_t>(T::version);
  } else {
    return 1;
  }
}

template <class T>
constexpr MigrationInfo const* migration_of();  // reflect/migration.hpp
template <class T>
constexpr void refuse_migrations();

template <class T>
constexpr bool is_library_type() {
  return compiler_name<T>().substr(0, 8) == "ashlar::";
}
template <class T>
constexpr std::string_view full_name();
template <class T>
struct LibraryName {
  static constexpr auto chars = [] {
    constexpr std::string_view name = type_name<T>();
    std::array<char, name.size() + 8> out{'a', 's', 'h', 'l', 'a', 'r', ':', ':'};
    for (std::size_t i = 0; i < name.size(); ++i) out[i + 8] = name[i];
    return out;
  }();
};
/// "ashlar::Frozen<" and the layer's own full name, by which a reader knows what it is.
template <class T>
struct FrozenName {
  using Layer = unwrapped_t<T>;
  static constexpr auto chars = [] {
    constexpr std::string_view rest = type_name<T>().substr(7 + type_name<typename T::Reflected::layer>().size());
    constexpr std::string_view layer = full_name<Layer>();
    std::array<char, 15 + layer.size() + rest.size()> out{};
    std::size_t n = 0;
    for (std::string_view const part : {std::string_view("ashlar::Frozen<"), layer, rest}) {
      for (char const c : part) out[n++] = c;
    }
    return out;
  }();
};

template <class T>
constexpr std::string_view full_name() {
  if constexpr (is_std_array<T>) {
    return "std::array";  // what stands in it follows
  } else if constexpr (IndexedChildren<T>::specialised) {
    return "ashlar::Sequential";
  } else if constexpr (is_frozen<T>) {
    return {FrozenName<T>::chars.data(), FrozenName<T>::chars.size()};
  } else if constexpr (is_library_type<T>()) {
    return {LibraryName<T>::chars.data(), LibraryName<T>::chars.size()};
  } else {
    return type_name<T>();
  }
}

template <class T>
  requires(is_frozen<T>)
constexpr TypeInfo make_type_info();
template <class T>
  requires(!is_frozen<T>)
constexpr TypeInfo make_type_info();
template <class T>
inline constexpr TypeInfo type_info = make_type_info<T>();

/// True if a member of type M has a node: it is neither a tensor nor a number, nor an array of numbers.
template <class M>
constexpr bool has_type_info() {
  if constexpr (is_std_array<M>) {
    return !Element<typename M::value_type>;
  } else {
    return !is_stored<M> && !Element<M>;
  }
}
template <class M>
constexpr MemberInfo member_info(std::string_view key, std::size_t offset, std::size_t repeat, std::size_t stride) {
  if constexpr (is_named<M>) {
    return member_info<typename M::Reflected::layer>(key, offset, repeat, stride);
  } else if constexpr (has_type_info<M>()) {
    return {key, offset, repeat, stride, &type_info<M>, type_info<M>.versioned};
  } else {
    return {key, offset, repeat, stride};
  }
}

template <class T>
constexpr auto make_member_infos() {
  if constexpr (is_std_array<T>) {
    using L = typename T::value_type;
    return std::array<MemberInfo, 1>{member_info<L>({}, 0, std::tuple_size_v<T>, sizeof(L))};
  } else if constexpr (is_state<T>) {
    return make_member_infos<unwrapped_t<decltype(T::value)>>();
  } else if constexpr (is_tied<T> || CustomRows<T>::specialised || std::is_empty_v<T>) {
    return std::array<MemberInfo, 0>{};
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<MemberInfo, sizeof...(I)>{
          member_info<field_t<T, I>>(fields<T>[I].name, field_offset<T, I>(), 1, 0)...};
    }(std::make_index_sequence<field_count<T>()>{});
  }
}
template <class T>
inline constexpr auto member_infos = make_member_infos<T>();

template <class T>
  requires(is_frozen<T>)
constexpr TypeInfo make_type_info() {
  TypeInfo info = type_info<unwrapped_t<T>>;
  info.name = full_name<T>();
  return info;
}
template <class T>
  requires(!is_frozen<T>)
constexpr TypeInfo make_type_info() {
  TypeInfo info;
  info.name = full_name<T>();
  info.version = version_of<T>();
  info.versioned = info.version != 1 || requires { typename T::migration; };
  info.tie = is_tied<T>;
  info.state = is_state<T>;
  info.members = member_infos<T>;
  if constexpr (CustomRows<T>::specialised) info.rows = CustomRows<T>::rows();
  for (MemberInfo const& m : info.members) info.versioned = info.versioned || m.versioned;
  info.migration = migration_of<T>();
  return info;
}

/// A key under construction, for walks at compile time.
struct KeyBuffer {
  std::array<char, 1024> chars{};
  std::size_t size = 0;

  /// Adds a part; returns the size to go back to.
  constexpr std::size_t push(std::string_view part) {
    std::size_t const before = size;
    if (size != 0 && !part.empty()) put('.');
    for (char const c : part) put(c);
    return before;
  }
  constexpr std::size_t push(std::size_t index) {
    std::size_t const before = size;
    if (size != 0) put('.');
    for (std::size_t d = digits_of(index), at = size; d-- > 0; index /= 10) {
      if (at + d < chars.size()) chars[at + d] = static_cast<char>('0' + index % 10);
      if (size <= at + d) size = at + d + 1;
    }
    return before;
  }
  constexpr void put(char c) {
    if (size < chars.size()) chars[size++] = c;
  }
  [[nodiscard]] constexpr std::string_view view() const { return {chars.data(), size}; }
};

/// Calls visit(key, version) for every module with a version other than 1, outer ones first.
template <class Visit>
constexpr void visit_versions(TypeInfo const& type, KeyBuffer& key, Visit& visit) {
  if (!type.versioned) return;
  if (type.version != 1) visit(key.view(), type.version);
  for (MemberInfo const& m : type.members) {
    if (!m.versioned) continue;
    for (std::size_t k = 0; k < m.repeat; ++k) {
      std::size_t const before = m.key.empty() ? key.push(k) : key.push(m.key);
      visit_versions(*m.type, key, visit);
      key.size = before;
    }
  }
}

}  // namespace detail
}  // namespace ashlar
