// Ashlar: the manifest, all that a type stores, computed by the compiler.  SPDX-License-Identifier: BSL-1.0
//
// Every type has a table of rows relative to itself. A struct's table is made from the tables of its members by loops
// over arrays, so a layer type used a hundred times is described once, and the cost grows with the number of rows.
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/reflect/fields.hpp>
#include <ashlar/reflect/open.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Which values of an enum member a file may hold. Default: the named ones between -64 and 191.
/// Specialise it for enums used as flags, or with other values.
template <class E>
struct enum_values;

namespace detail {

// ---- content that C++ relies on ------------------------------------------------------------------------------------

/// True if V is the value of a named enumerator: the compiler spells it as a name, and others as a cast of a number.
template <class E, E V>
constexpr bool is_named_value() {
  std::string_view const all = __PRETTY_FUNCTION__;  // "... V = (anonymous namespace)::Mode::on]", "... V = (Mode)5]"
  std::size_t word = all.size() - 1;
  while (word > 0 && is_word(all[word - 1])) --word;
  return !(all[word] >= '0' && all[word] <= '9');
}

template <class E>
struct NamedValues {
  using Raw = std::underlying_type_t<E>;
  static constexpr int first = std::is_signed_v<Raw> ? -64 : 0;
  template <std::size_t... I>
  static constexpr auto make(std::index_sequence<I...>) {
    // Not static_cast<E>: clang refuses that of a number outside the range of an enum without a fixed type.
    return std::array<bool, sizeof...(I)>{
        is_named_value<E, std::bit_cast<E>(static_cast<Raw>(static_cast<int>(I) + first))>()...};
  }
  static constexpr std::size_t span = (sizeof(E) == 1 && std::is_signed_v<Raw>) ? 192 : std::size_t(192 - first);
  static constexpr auto named = make(std::make_index_sequence<span>{});
};

template <class E>
constexpr bool is_valid_enum(std::underlying_type_t<E> raw) {
  if constexpr (requires { enum_values<E>::valid(static_cast<E>(raw)); }) {
    return enum_values<E>::valid(static_cast<E>(raw));
  } else if constexpr (std::is_same_v<std::underlying_type_t<E>, bool>) {
    return true;
  } else {
    constexpr auto const& named = NamedValues<E>::named;
    if (raw < static_cast<std::underlying_type_t<E>>(NamedValues<E>::first)) return false;
    // Unsigned, where the difference from the first value cannot overflow.
    auto const at = static_cast<std::uint64_t>(raw) - static_cast<std::uint64_t>(std::int64_t{NamedValues<E>::first});
    return at < named.size() && named[at];
  }
}

/// Checks N elements of type T at any address, without making a T of them first.
template <class T, std::size_t N>
bool valid_elements(void const* at) {
  auto const* bytes = static_cast<unsigned char const*>(at);
  for (std::size_t i = 0; i < N; ++i) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw;
      if constexpr (std::is_same_v<decltype(raw), bool>) {
        if (bytes[i] > 1) return false;
      } else {
        std::memcpy(&raw, bytes + i * sizeof raw, sizeof raw);
        if (!is_valid_enum<T>(raw)) return false;
      }
    } else {
      if (bytes[i] > 1) return false;  // bool
    }
  }
  return true;
}

template <class T, std::size_t N>
constexpr auto content_check() -> bool (*)(void const*) {
  if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) return &valid_elements<T, N>;
  return nullptr;
}

// ---- one row each for tensors and scalars --------------------------------------------------------------------------

template <class T>
struct Leaf;
template <Kind K, class T, std::size_t... E>
struct Leaf<Stored<K, T, E...>> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = K,
                                               .dtype = dtype_of<T>,
                                               .shape = Dims<E...>{}.value(),
                                               .bytes = Dims<E...>::static_numel * sizeof(T),
                                               .owner = {},
                                               .valid = content_check<T, Dims<E...>::static_numel>()}};
};
template <Element T>
struct Leaf<T> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = Kind::scalar,
                                               .dtype = dtype_of<T>,
                                               .shape = {},
                                               .bytes = sizeof(T),
                                               .owner = {},
                                               .valid = content_check<T, 1>()}};
};
template <Element T, std::size_t N>
struct Leaf<std::array<T, N>> {
  static constexpr std::array<Row, 1> rows{Row{.key = {},
                                               .kind = Kind::scalar,
                                               .dtype = dtype_of<T>,
                                               .shape = Dims<N>{}.value(),
                                               .bytes = sizeof(T) * N,
                                               .owner = {},
                                               .valid = content_check<T, N>()}};
};

// ---- fields --------------------------------------------------------------------------------------------------------

/// Order of a struct's own entries: PyTorch lists parameters, then buffers, then children.
enum class Pass : std::uint8_t { parameters, buffers, constants, scalars, children, nothing, unsupported };

struct Field {
  std::string_view name{};
  Pass pass = Pass::nothing;
  std::size_t offset = 0;
  std::size_t repeat = 1;  // std::array: that many, `stride` bytes apart, with keys name.0, name.1, ...
  std::size_t stride = 0;
  bool indexed = false;
  bool as_state = false;  // parameters in it count as buffers
  std::string_view target{};  // of a Tied
  std::string_view const* frozen = nullptr;  // of a Frozen: its keys; none mean all
  std::size_t frozen_count = 0;
  Row const* rows = nullptr;
  std::size_t row_count = 0;
  bool has_ties = false;  // rows that no enclosing struct has resolved yet
};

template <class T>
constexpr auto const& table();
template <class T>
constexpr bool table_has_ties();

template <class M>
constexpr Field describe(std::string_view name, std::size_t offset) {
  Field f{.name = name, .offset = offset};
  if constexpr (is_stored<M>) {
    f.pass = static_cast<Pass>(M::kind);
    f.rows = Leaf<M>::rows.data();
    f.row_count = 1;
  } else if constexpr (Element<M>) {
    f.pass = Pass::scalars;
    f.rows = Leaf<M>::rows.data();
    f.row_count = 1;
  } else if constexpr (is_std_array<M>) {
    using L = typename M::value_type;
    if constexpr (std::tuple_size_v<M> == 0) {
      f.pass = Pass::nothing;
    } else if constexpr (Element<L>) {
      f.pass = Pass::scalars;
      f.rows = Leaf<M>::rows.data();
      f.row_count = 1;
    } else {
      f = describe<L>(name, offset);
      f.name = name;  // elements of an array have indices for keys, and so do Named ones
      if (f.pass == Pass::nothing || f.pass == Pass::unsupported) return f;
      f.pass = Pass::children;
      f.as_state = false;
      f.target = {};
      f.rows = table<M>().data();
      f.row_count = table<M>().size();
      f.has_ties = table_has_ties<M>();
    }
  } else if constexpr (is_named<M>) {
    f = describe<typename NamedParts<M>::layer>(NamedParts<M>::key, offset);
  } else if constexpr (is_state<M>) {
    f = describe<decltype(M::value)>(name, offset);
    f.as_state = true;
  } else if constexpr (CustomRows<M>::specialised) {
    f.pass = Pass::children;
    f.rows = CustomRows<M>::rows().data();
    f.row_count = CustomRows<M>::rows().size();
  } else if constexpr (is_tied<M>) {
    f.pass = Pass::children;
    f.target = M::target;
    f.has_ties = true;
  } else if constexpr (std::is_empty_v<M>) {
    f.pass = Pass::nothing;
  } else if constexpr (IndexedChildren<M>::specialised || is_frozen<M> || PlainStruct<M>) {
    f.pass = Pass::children;
    f.rows = table<M>().data();
    f.row_count = table<M>().size();
    f.has_ties = table_has_ties<M>();
  } else {
    f.pass = Pass::unsupported;
  }
  return f;
}

/// A std::array has one field, repeated; its keys are 0, 1, ... A Frozen has one without a name, its layer.
template <class T>
constexpr auto fields_of() {
  if constexpr (is_std_array<T>) {
    std::array<Field, 1> one{describe<typename T::value_type>({}, 0)};
    one[0].repeat = std::tuple_size_v<T>;
    one[0].stride = sizeof(typename T::value_type);
    one[0].indexed = true;
    return one;
  } else if constexpr (is_frozen<T>) {
    std::array<Field, 1> one{describe<typename FrozenParts<T>::layer>({}, 0)};
    one[0].name = {};
    one[0].frozen = FrozenParts<T>::keys;
    one[0].frozen_count = FrozenParts<T>::count;
    return one;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<Field, sizeof...(I)>{describe<field_t<T, I>>(field_name<T, I>(), field_offset<T, I>())...};
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

// Variable templates here and below, because g++ 12 does not see the values of static members while their class is
// being instantiated.
template <class T>
inline constexpr auto fields = fields_of<T>();

// ---- from fields to rows -------------------------------------------------------------------------------------------

// Row::alias_of of a tie whose target has not been found yet; Row::owner holds the target then.
inline constexpr std::ptrdiff_t pending = -2;

constexpr std::size_t digits_of(std::size_t n) {
  std::size_t d = 1;
  for (; n >= 10; n /= 10) ++d;
  return d;
}

/// Lays keys out one behind the other: in a first walk their characters are written to `out`; in a second one, with
/// `out` null, the views of them are taken from `base`. (g++ 12 refuses constants that once pointed to a local array.)
struct KeyWriter {
  char* out;
  char const* base;
  std::size_t at = 0;

  /// prefix + '.' + key; the dot only between two non-empty parts. The prefix is the field's name, or an index.
  constexpr std::string_view join(Field const& f, std::size_t index, std::string_view key) {
    std::size_t const begin = at;
    if (f.indexed) {
      std::size_t const digits = digits_of(index);
      if (out != nullptr) {
        for (std::size_t d = digits; d-- > 0; index /= 10) out[at + d] = static_cast<char>('0' + index % 10);
      }
      at += digits;
    } else {
      put(f.name);
    }
    if (at != begin && !key.empty()) put(".");
    put(key);
    return since(begin);
  }
  constexpr void put(std::string_view s) {
    if (out != nullptr && !s.empty()) {
#ifdef __clang__
      __builtin_memcpy(out + at, s.data(), s.size());  // one step of the million that clang allows a constant
#else
      for (char const c : s) out[at++] = c;
      return;
#endif
    }
    at += s.size();
  }
  [[nodiscard]] constexpr std::string_view since(std::size_t begin) const {
    // Asks `out`, not `base`: with -fsanitize=undefined g++ 12 does not take the latter comparison for a constant.
    return out != nullptr ? std::string_view{} : std::string_view{base + begin, at - begin};
  }
};

struct TableSize {
  std::size_t rows = 0;
  std::size_t chars = 0;
  bool ties = false;
};

constexpr TableSize measure(Field const* fields, std::size_t count) {
  TableSize size;
  for (std::size_t i = 0; i < count; ++i) {
    Field const& f = fields[i];
    if (f.pass == Pass::nothing || f.pass == Pass::unsupported) continue;
    size.ties = size.ties || f.has_ties;
    std::size_t chars = 0;
    bool const tie = !f.target.empty();
    if (!tie) {
      for (std::size_t r = 0; r < f.row_count; ++r) chars += f.rows[r].key.size() + (f.rows[r].key.empty() ? 0 : 1);
    }
    std::size_t const n = tie ? 1 : f.row_count;
    for (std::size_t k = 0; k < f.repeat; ++k) {
      size.chars += chars + n * (f.indexed ? digits_of(k) : f.name.size());
      size.rows += n;
    }
  }
  return size;
}

/// `key` is the target itself, or lies under it.
constexpr bool is_under(std::string_view key, std::string_view target) {
  return key.substr(0, target.size()) == target && (key.size() == target.size() || key[target.size()] == '.');
}

constexpr bool freezes(Field const& f, std::string_view key) {
  if (f.frozen_count == 0) return true;
  for (std::size_t k = 0; k < f.frozen_count; ++k) {
    if (is_under(key, f.frozen[k])) return true;
  }
  return false;
}

/// Marks what a Frozen names among the rows of its layer. Of tied keys each stands for all.
constexpr void freeze(Field const& f, Row* rows) {
  auto const stored = [&](std::size_t r) {
    return rows[r].alias_of >= 0 ? static_cast<std::size_t>(f.rows[r].alias_of) : r;
  };
  for (std::size_t r = 0; r < f.row_count; ++r) {
    if (freezes(f, f.rows[r].key)) rows[stored(r)].frozen = true;
  }
  for (std::size_t r = 0; r < f.row_count; ++r) rows[r].frozen = rows[stored(r)].frozen;
}

/// The rows of a struct with these fields, in order; ties that its members could not resolve stay pending.
template <std::size_t N>
constexpr std::array<Row, N> expand(Field const* fields, std::size_t count, std::string_view owner, KeyWriter keys) {
  std::array<Row, N> out{};
  std::size_t at = 0;
  for (int pass = 0; pass <= static_cast<int>(Pass::children); ++pass) {
    for (std::size_t i = 0; i < count; ++i) {
      Field const& f = fields[i];
      if (static_cast<int>(f.pass) != pass) continue;
      for (std::size_t k = 0; k < f.repeat; ++k) {
        std::size_t const block = at;
        if (!f.target.empty()) {
          out[at].key = keys.join(f, k, {});
          out[at].owner = f.target;
          out[at++].alias_of = pending;
          continue;
        }
        for (std::size_t r = 0; r < f.row_count; ++r) {
          Row& row = out[at++];
          row = f.rows[r];
          row.key = keys.join(f, k, row.key);
          row.offset += f.offset + k * f.stride;
          if (row.alias_of >= 0) row.alias_of += static_cast<std::ptrdiff_t>(block);
          if (row.owner.empty()) row.owner = owner;
          if (f.as_state && row.kind == Kind::parameter) row.kind = Kind::buffer;
        }
        if (f.frozen != nullptr) freeze(f, out.data() + block);
      }
    }
  }
  return out;
}

// ---- ties ----------------------------------------------------------------------------------------------------------

/// Rows that one row becomes once ties are resolved, as far as this struct can.
constexpr std::size_t resolved_count(Row const* rows, std::size_t count, std::size_t i) {
  if (rows[i].alias_of != pending) return 1;
  std::size_t n = 0;
  for (std::size_t k = 0; k < count; ++k) n += rows[k].alias_of != pending && is_under(rows[k].key, rows[i].owner);
  return n == 0 ? 1 : n;
}

constexpr TableSize measure_resolved(Row const* rows, std::size_t count) {
  TableSize size;
  for (std::size_t i = 0; i < count; ++i) {
    if (rows[i].alias_of != pending) {
      size.rows += 1;
      size.chars += rows[i].key.size();
      continue;
    }
    bool found = false;
    for (std::size_t k = 0; k < count; ++k) {
      if (rows[k].alias_of == pending || !is_under(rows[k].key, rows[i].owner)) continue;
      found = true;
      size.rows += 1;
      size.chars += rows[i].key.size() + rows[k].key.size() - rows[i].owner.size();
    }
    if (!found) {
      size.rows += 1;
      size.chars += rows[i].key.size();
      size.ties = true;
    }
  }
  return size;
}

template <std::size_t N>
constexpr std::array<Row, N> resolve(Row const* rows, std::size_t count, KeyWriter keys) {
  std::array<Row, N> out{};
  auto const position = [&](std::size_t i) {  // of row i among the resolved ones
    std::size_t p = 0;
    for (std::size_t k = 0; k < i; ++k) p += resolved_count(rows, count, k);
    return static_cast<std::ptrdiff_t>(p);
  };
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bool copied = false;
    for (std::size_t k = 0; rows[i].alias_of == pending && k < count; ++k) {
      if (rows[k].alias_of == pending || !is_under(rows[k].key, rows[i].owner)) continue;
      copied = true;
      Row& row = out[at++];
      row = rows[k];
      row.alias_of = position(rows[k].alias_of >= 0 ? static_cast<std::size_t>(rows[k].alias_of) : k);
      std::size_t const begin = keys.at;
      keys.put(rows[i].key);
      keys.put(rows[k].key.substr(rows[i].owner.size()));
      row.key = keys.since(begin);
    }
    if (copied) continue;
    Row& row = out[at++];
    row = rows[i];
    if (row.alias_of >= 0) row.alias_of = position(static_cast<std::size_t>(row.alias_of));
    std::size_t const begin = keys.at;
    keys.put(rows[i].key);
    row.key = keys.since(begin);
  }
  return out;
}

// ---- mistakes ------------------------------------------------------------------------------------------------------

/// Index of the first member that a network cannot hold; the number of members if there is none.
template <class T>
constexpr std::size_t first_unsupported() {
  std::size_t i = 0;
  while (i < fields<T>.size() && fields<T>[i].pass != Pass::unsupported) ++i;
  return i;
}

template <class T>
constexpr std::string_view irregular_reason() {
  switch (irregular_of<T>) {
    case Irregular::array: return "it has a C array as a member: use std::array, Parameter, Buffer or Constant";
    case Irregular::base: return "it inherits from another struct, whose members cannot be seen: make that a member";
    default: return "it has a reference as a member, which means nothing in a file: hold the value";
  }
}

template <class T>
struct MemberMistake {
  template <std::size_t K>
  static constexpr auto member() {
    if constexpr (is_std_array<T>) {
      return std::type_identity<typename T::value_type>{};
    } else {
      return std::type_identity<field_t<T, K>>{};
    }
  }
  template <std::size_t K>
  using member_type = typename decltype(member<K>())::type;

  template <class M>
  static constexpr std::string_view reason() {
    if constexpr (std::is_pointer_v<M>) return "a pointer means nothing in a file";
    if constexpr (std::is_array_v<M>) return "use std::array, Parameter, Buffer or Constant";
    if constexpr (std::is_arithmetic_v<M>) return "no file format has such a number";
    if constexpr (requires { typename M::device; }) return "use Parameter, Buffer or Constant for what is stored";
    if constexpr (PlainClass<M>) return irregular_reason<M>();
    if constexpr (std::is_polymorphic_v<M> || (std::is_class_v<M> && std::is_trivially_copyable_v<M>)) {
      return "it has constructors, virtual functions or private members";
    }
    return "its content does not lie inside the struct";
  }
  static constexpr Sentence value = [] {
    Sentence s;
    constexpr std::size_t i = first_unsupported<T>();
    if constexpr (i < fields<T>.size()) {
      using M = member_type<i>;
      s.add("ashlar: ").add(type_name<T>()).add(".").add(fields<T>[i].name).add(" is a ").add(type_name<M>());
      s.add(", which a network cannot hold: ").add(reason<M>());
    }
    return s;
  }();
};

/// Keys that PyTorch would refuse, and keys that stand twice. C++ sees to all names but those given as text.
template <class T>
struct KeyMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    auto const& all = fields<T>;
    for (std::size_t i = 0; i < all.size() && s.empty(); ++i) {
      std::string_view const name = all[i].name;
      if (all[i].indexed || all[i].pass == Pass::nothing) continue;
      bool legal = !name.empty();
      for (char const c : name) legal = legal && c != '.' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
      if (!legal) {
        s.add("ashlar: ").add(type_name<T>()).add(" has a member with the key ").add(name);
        s.add(": a key is not empty and has no dot and no control character");
        break;
      }
      for (std::size_t k = 0; k < i; ++k) {
        if (all[k].name != name || all[k].indexed || all[k].pass == Pass::nothing) continue;
        s.add("ashlar: ").add(type_name<T>()).add(" has two members with the key ").add(name);
        break;
      }
    }
    return s;
  }();
};

template <class T>
constexpr bool has_given_keys() {
  if constexpr (is_std_array<T>) {
    return false;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (is_named<field_t<T, I>> || ...);
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

template <class T>
struct FreezeMistake {
  static constexpr Sentence value{};
};
template <class L, text... K>
struct FreezeMistake<Frozen<L, K...>> {
  static constexpr Sentence value = [] {
    Sentence s;
    [[maybe_unused]] auto const check = [&](std::string_view key) {
      for (Row const& row : table<Frozen<L, K...>>()) {
        if (row.kind == Kind::parameter && is_under(row.key, key)) return;
      }
      if (!s.empty()) return;
      s.add("ashlar: ").add(type_name<unwrapped_t<L>>()).add(" has no parameter with the key ").add(key);
      s.add(", which is to be frozen");
    };
    (check(K.view()), ...);
    return s;
  }();
};

/// What is wrong with the keys of a Frozen, T itself or a member of it.
template <class T>
constexpr auto freeze_mistake() {
  if constexpr (is_frozen<T>) {
    if constexpr (!FreezeMistake<T>::value.empty()) return FreezeMistake<T>{};
    else return NoMistake{};
  } else {
    constexpr std::size_t first = []<std::size_t... I>(std::index_sequence<I...>) {
      std::size_t at = sizeof...(I);
      ((at == sizeof...(I) && !FreezeMistake<field_t<T, I>>::value.empty() ? void(at = I) : void()), ...);
      return at;
    }(std::make_index_sequence<field_count<T>()>{});
    if constexpr (first != field_count<T>()) return FreezeMistake<field_t<T, first>>{};
    else return NoMistake{};
  }
}

/// True if some member is a Frozen.
template <class T>
constexpr bool has_frozen_members() {
  if constexpr (is_std_array<T>) {
    return false;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (is_frozen<field_t<T, I>> || ...);
    }(std::make_index_sequence<field_count<T>()>{});
  }
}

/// What is wrong with T itself, as the type that says it.
template <class T>
constexpr auto own_mistake() {
  if constexpr (first_unsupported<T>() != fields<T>.size()) {
    return MemberMistake<T>{};
  } else if constexpr (has_given_keys<T>() && !KeyMistake<T>::value.empty()) {
    return KeyMistake<T>{};
  } else if constexpr (PlainStruct<T> && !is_std_array<T> && !LayoutMistake<T>::value.empty()) {
    return LayoutMistake<T>{};
  } else if constexpr (has_frozen_members<T>()) {
    return freeze_mistake<T>();
  } else {
    return NoMistake{};
  }
}

/// The parts of M that may be wrong in themselves: a layer, a struct.
template <class M>
constexpr auto inner_type() {
  if constexpr (is_std_array<M>) {
    return inner_type<typename M::value_type>();
  } else if constexpr (is_wrapper<M>) {
    return inner_type<unwrapped_t<M>>();
  } else if constexpr (is_state<M>) {
    return inner_type<decltype(M::value)>();
  } else {
    return std::type_identity<M>{};
  }
}

template <class T>
inline constexpr bool is_sound = true;
template <class T>
  requires(IndexedChildren<T>::specialised || PlainStruct<T>)
inline constexpr bool is_sound<T> = [] {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return (is_sound<typename decltype(inner_type<field_t<T, I>>())::type> && ...) &&
           std::is_same_v<decltype(own_mistake<T>()), NoMistake>;
  }(std::make_index_sequence<field_count<T>()>{});
}();

/// The mistake in T that lies furthest in, in the order of the members.
template <class T>
constexpr auto find_mistake() {
  if constexpr (is_std_array<T> || is_wrapper<T> || is_state<T>) {
    if constexpr (first_unsupported<T>() != fields<T>.size()) {
      return MemberMistake<T>{};
    } else {
      return find_mistake<typename decltype(inner_type<T>())::type>();
    }
  } else if constexpr (is_sound<T>) {
    return NoMistake{};
  } else {
    constexpr std::size_t first = []<std::size_t... I>(std::index_sequence<I...>) {
      std::size_t at = sizeof...(I);
      ((at == sizeof...(I) && !is_sound<typename decltype(inner_type<field_t<T, I>>())::type> ? void(at = I) : void()),
       ...);
      return at;
    }(std::make_index_sequence<field_count<T>()>{});
    if constexpr (first != field_count<T>()) {
      return find_mistake<typename decltype(inner_type<field_t<T, first>>())::type>();
    } else {
      return own_mistake<T>();
    }
  }
}

// ---- the table of a type -------------------------------------------------------------------------------------------

template <class T>
inline constexpr TableSize expanded_size = measure(fields<T>.data(), fields<T>.size());

template <class T>
constexpr auto expand_with(KeyWriter keys) {
  constexpr std::string_view owner = is_std_array<T> ? std::string_view{} : type_name<unwrapped_t<T>>();
  return expand<expanded_size<T>.rows>(fields<T>.data(), fields<T>.size(), owner, keys);
}

template <class T>
constexpr auto make_expanded_chars() {
  std::array<char, expanded_size<T>.chars + 1> chars{};
  (void)expand_with<T>({chars.data(), nullptr});
  return chars;
}
template <class T>
inline constexpr auto expanded_chars = make_expanded_chars<T>();

template <class T>
inline constexpr auto expanded_rows = expand_with<T>({nullptr, expanded_chars<T>.data()});

template <class T>
inline constexpr TableSize resolved_size = measure_resolved(expanded_rows<T>.data(), expanded_rows<T>.size());

template <class T>
constexpr auto resolve_with(KeyWriter keys) {
  return resolve<resolved_size<T>.rows>(expanded_rows<T>.data(), expanded_rows<T>.size(), keys);
}

template <class T>
constexpr auto make_resolved_chars() {
  std::array<char, resolved_size<T>.chars + 1> chars{};
  (void)resolve_with<T>({chars.data(), nullptr});
  return chars;
}
template <class T>
inline constexpr auto resolved_chars = make_resolved_chars<T>();

template <class T>
inline constexpr auto resolved_rows = resolve_with<T>({nullptr, resolved_chars<T>.data()});

/// Always true. Reading the rows makes g++ 12 compute them now, and not only after their address has been followed.
template <std::size_t N>
constexpr bool is_computed(std::array<Row, N> const& rows) {
  if constexpr (N != 0) return rows[0].kind == rows[0].kind;
  return true;
}

/// The rows of T, relative to T; ties that only an enclosing struct can resolve are pending.
template <class T>
constexpr auto const& table() {
  if constexpr (expanded_size<T>.ties) {
    static_assert(is_computed(resolved_rows<T>));
    return resolved_rows<T>;
  } else {
    static_assert(is_computed(expanded_rows<T>));
    return expanded_rows<T>;
  }
}

template <class T>
constexpr bool table_has_ties() {
  if constexpr (expanded_size<T>.ties) {
    return resolved_size<T>.ties;
  } else {
    return false;
  }
}

template <class T>
struct TieMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    for (Row const& row : table<T>()) {
      if (row.alias_of != pending) continue;
      s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is tied to ").add(row.owner);
      s.add(" but nothing stored has that key");
      break;
    }
    return s;
  }();
};

inline constexpr std::array<Row, 0> no_rows{};

/// Types that have members at all, so that a mistake can name one of them.
template <class T>
concept HasFields = IndexedChildren<T>::specialised || is_std_array<T> || is_state<T> || is_frozen<T> ||
                    PlainStruct<T> || (std::is_class_v<T> && std::is_aggregate_v<T> && std::is_empty_v<T>);

template <class T>
struct RootMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    if constexpr (PlainClass<T> && !HasFields<T>) {
      s.add("ashlar: ").add(type_name<T>()).add(irregular_reason<T>().substr(2));
    } else if (!HasFields<T> || !std::is_trivially_copyable_v<T> || !std::is_trivially_destructible_v<T>) {
      s.add("ashlar: ").add(type_name<T>()).add(" is not a plain struct: a network has no constructors, ");
      s.add("destructor, virtual functions or private members");
    }
    return s;
  }();
};

/// True if some extent in T is left to the compiler and nothing has filled it in.
template <class T>
inline constexpr bool has_open_rows = [] {
  for (Row const& row : table<T>()) {
    for (std::size_t d = 0; d < row.shape.rank; ++d) {
      if (row.shape[d] == infer) return true;
    }
  }
  return false;
}();

/// The type that says what is wrong with T as a whole; NoMistake if all is well.
template <class T>
constexpr auto whole_mistake() {
  if constexpr (!HasFields<T>) {
    return RootMistake<T>{};
  } else if constexpr (!std::is_same_v<decltype(find_mistake<T>()), NoMistake>) {
    return find_mistake<T>();
  } else if constexpr (!RootMistake<T>::value.empty()) {
    return RootMistake<T>{};
  } else if constexpr (has_open_rows<T>) {
    return find_open<T>();
  } else if constexpr (table_has_ties<T>()) {
    return TieMistake<T>{};
  } else if constexpr (is_frozen<T>) {
    return freeze_mistake<T>();
  } else {
    return NoMistake{};
  }
}

/// True if T can be stored. Code that goes on after a mistake was reported asks this first.
template <class T>
inline constexpr bool is_storable = std::is_same_v<decltype(whole_mistake<T>()), NoMistake>;

/// True if all that is wrong with T is an extent left to the compiler that nothing fills in.
template <class T>
inline constexpr bool is_left_open = is_open_mistake<decltype(whole_mistake<T>())>;

template <class T>
constexpr auto const& checked_table() {
  if constexpr (is_storable<T>) {
    return table<T>();
  } else {
    refuse<decltype(whole_mistake<T>())>();
    return no_rows;
  }
}

}  // namespace detail

/// Every stored tensor and scalar of T, in the order of PyTorch's state_dict: a constexpr std::array of Row.
///
/// Errors  compile time, each one sentence with the member's name: a member that a network cannot hold, a duplicate or
///         illegal key, a tie to something that does not exist, a layer whose `infer` nothing fills in.
template <class T>
constexpr auto const& manifest() {
  return detail::checked_table<T>();
}

}  // namespace ashlar
