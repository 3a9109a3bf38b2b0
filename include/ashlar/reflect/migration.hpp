// Ashlar: migrations, how a layer reads what an earlier version of it wrote.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/refuse.hpp>
#include <ashlar/core/text.hpp>
#include <ashlar/reflect/layout.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/reflect/manifest.hpp>
#include <ashlar/reflect/transfer.hpp>
#include <ashlar/reflect/type_info.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

// What the rules below are. They say it in a member, as Named and Tied do (reflect/structure.hpp).
template <text Key, auto Value>
struct FilledRule;
template <text Old, text New>
struct RenamedRule;
template <text Old>
struct DroppedRule;
template <text Key, auto Function, text... Reads>
struct ComputedRule;

}  // namespace detail

/// Rules of a Migration. A key is that of a tensor, a number, or a member with all it holds.

/// Every element is Value, which old files do not hold. (Zero in what an optimizer remembers.)
template <text Key, auto Value>
struct Filled {
  using Reflected = detail::FilledRule<Key, Value>;
};
/// What stood under Old now stands under New.
template <text Old, text New>
struct Renamed {
  using Reflected = detail::RenamedRule<Old, New>;
};
/// What is not needed any more.
template <text Old>
struct Dropped {
  using Reflected = detail::DroppedRule<Old>;
};
/// `Function(Old const& from, auto to)` fills `to`, a View of Key's elements, and reads the members Reads of `from`.
template <text Key, auto Function, text... Reads>
struct Computed {
  using Reflected = detail::ComputedRule<Key, Function, Reads...>;
};

/// How a layer of version 2 or later reads files that hold an earlier one:
///
///   struct Norm {
///     static constexpr int version = 2;
///     ...
///     struct V1 { ... };  // the members it had
///     using migration = Migration<V1, Filled<"num_batches_tracked", 0>>;
///   };
///
/// What has the same key in both is kept; everything else needs a rule. V1 may have a migration of its own, from an
/// even earlier version, and then has a `version` too.
/// Errors  compile time, one sentence with the member's name: a member of either version that no rule covers, or that
///         is kept with another dtype or shape; a rule for a key that does not exist.
template <class Old, class... Rules>
struct Migration {};

namespace detail {

/// What a run-time reader needs of a Migration.
struct MigrationInfo {
  std::uint32_t from = 1;  // the version it reads
  Layout (*layout)() = nullptr;  // of the earlier type
  void (*run)(void const* old, void* now, bool state) = nullptr;
};

enum class Rule : unsigned char { filled, renamed, dropped, computed };

/// A rule as a value.
struct RuleInfo {
  Rule rule = Rule::filled;
  std::string_view now{};  // the part of the new type that it fills
  std::string_view old{};  // the part of the old type that it uses
  std::string_view const* reads = nullptr;  // Computed: more of them
  std::size_t read_count = 0;

  [[nodiscard]] constexpr bool fills(std::string_view key) const { return rule != Rule::dropped && is_in(key, now); }
  [[nodiscard]] constexpr bool uses(std::string_view key) const {
    for (std::size_t i = 0; i < read_count; ++i) {
      if (is_in(key, reads[i])) return true;
    }
    return (rule == Rule::renamed || rule == Rule::dropped) && is_in(key, old);
  }
};

/// Of each kind of rule: what it is, and what it does beside copying.
template <text Key, auto Value>
struct FilledRule {
  static constexpr RuleInfo info{.rule = Rule::filled, .now = Key.view()};
  template <class Old, class View>
  static void fill(Old const&, View to, bool state) {
    using E = typename View::value_type;
    for (E& e : to) e = state ? E{} : value<E>();
  }

 private:
  template <class E>
  static constexpr E value() {
    if constexpr (std::is_same_v<E, float16> || std::is_same_v<E, bfloat16>) return E(static_cast<float>(Value));
    else return static_cast<E>(Value);
  }
};
template <text Old, text New>
struct RenamedRule {
  static constexpr RuleInfo info{.rule = Rule::renamed, .now = New.view(), .old = Old.view()};
};
template <text Old>
struct DroppedRule {
  static constexpr RuleInfo info{.rule = Rule::dropped, .old = Old.view()};
};
template <text Key, auto Function, text... Reads>
struct ComputedRule {
  static constexpr std::string_view reads[sizeof...(Reads) + 1] = {Reads.view()..., {}};
  static constexpr RuleInfo info{
      .rule = Rule::computed, .now = Key.view(), .reads = reads, .read_count = sizeof...(Reads)};
  template <class Old, class View>
  static void fill(Old const& from, View to, bool) {
    Function(from, to);
  }
};

/// Where a row of the new type comes from: an index into the rows of the old one, or nowhere.
inline constexpr std::size_t no_row = static_cast<std::size_t>(-1);

template <class T, class M>
struct MigrationPlan;
template <class T, class Old, class... Rules>
struct MigrationPlan<T, Migration<Old, Rules...>> {
  static constexpr std::array<RuleInfo, sizeof...(Rules)> rules{Rules::Reflected::info...};
  static constexpr auto const& now() { return manifest<T>(); }
  static constexpr auto const& old() { return manifest<Old>(); }

  static constexpr std::size_t old_row(std::string_view key) {
    std::size_t i = 0;
    while (i < old().size() && old()[i].key != key) ++i;
    return i < old().size() ? i : no_row;
  }
  /// The row that a key of the new type is copied from.
  static constexpr std::size_t source(std::string_view key) {
    for (RuleInfo const& r : rules) {
      if (!r.fills(key)) continue;
      if (r.rule != Rule::renamed) return no_row;
      for (std::size_t i = 0; i < old().size(); ++i) {
        if (is_in(old()[i].key, r.old) && rest_of(old()[i].key, r.old) == rest_of(key, r.now)) return i;
      }
      return no_row;
    }
    return old_row(key);
  }

  static constexpr void form(Sentence& s, Row const& row) {
    s.add(name_of(row.dtype)).add(" (");
    for (std::size_t d = 0; d < row.shape.rank; ++d) s.add(d == 0 ? "" : ", ").add(row.shape[d]);
    s.add(")");
  }
  static constexpr void check_rule(Sentence& s, RuleInfo const& rule) {
    auto const known = [&](auto const& rows, std::string_view part) {
      for (Row const& row : rows) {
        if (is_in(row.key, part)) return true;
      }
      return false;
    };
    auto const refuse_key = [&](std::string_view key, std::size_t version) {
      if (!s.empty()) return;
      s.add("ashlar: the migration of ").add(type_name<T>()).add(" has a rule for ").add(key);
      s.add(", which version ").add(version).add(" does not have");
    };
    if (rule.rule != Rule::dropped && !known(now(), rule.now)) refuse_key(rule.now, version_of<T>());
    bool const takes = rule.rule == Rule::renamed || rule.rule == Rule::dropped;
    if (takes && !known(old(), rule.old)) refuse_key(rule.old, version_of<Old>());
    for (std::size_t i = 0; i < rule.read_count; ++i) {
      if (!known(old(), rule.reads[i])) refuse_key(rule.reads[i], version_of<Old>());
    }
  }
  static constexpr void check_now(Sentence& s, Row const& row) {
    if (row.is_alias() || !s.empty()) return;
    std::size_t filled = 0;
    bool copied = true;
    for (RuleInfo const& r : rules) {
      if (!r.fills(row.key)) continue;
      ++filled;
      copied = r.rule == Rule::renamed;
    }
    std::size_t const from = source(row.key);
    if (filled > 1) {
      s.add("ashlar: the migration of ").add(type_name<T>()).add(" has two rules for ").add(row.key);
    } else if (copied && from == no_row) {
      s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is not in version ").add(version_of<Old>());
      s.add(" and its migration has no rule for it: add Filled, Renamed or Computed");
    } else if (copied) {
      Row const& before = old()[from];
      if (before.dtype == row.dtype && before.shape == row.shape) return;
      s.add("ashlar: ").add(type_name<T>()).add(".").add(row.key).add(" is ");
      form(s, row);
      s.add(" but ");
      form(s, before);
      s.add(" in version ").add(version_of<Old>()).add(": add Computed or Filled to its migration");
    }
  }
  static constexpr void check_old(Sentence& s, Row const& row, std::size_t index) {
    if (row.is_alias() || !s.empty()) return;
    for (RuleInfo const& r : rules) {
      if (r.uses(row.key)) return;
    }
    for (Row const& other : now()) {
      if (!other.is_alias() && source(other.key) == index) return;
    }
    s.add("ashlar: version ").add(version_of<Old>()).add(" of ").add(type_name<T>()).add(" has ").add(row.key);
    s.add(", which its migration neither keeps nor drops: add Renamed or Dropped");
  }
  static constexpr Sentence value = [] {
    Sentence s;
    if (version_of<T>() <= version_of<Old>()) {
      s.add("ashlar: ").add(type_name<T>()).add(" is version ").add(version_of<T>());
      s.add(" and cannot migrate from version ").add(version_of<Old>());
      return s;
    }
    for (RuleInfo const& r : rules) check_rule(s, r);
    for (Row const& row : now()) check_now(s, row);
    for (std::size_t i = 0; i < old().size(); ++i) check_old(s, old()[i], i);
    return s;
  }();

  /// Fills a T that lies at `to` from an Old at `from`.
  static void run(void const* from, void* to, bool state) {
    auto const& before = *static_cast<Old const*>(from);
    auto& after = *static_cast<T*>(to);
    for (Row const& row : now()) {
      std::size_t const i = row.is_alias() ? no_row : source(row.key);
      if (i == no_row) continue;
      std::memcpy(static_cast<std::byte*>(to) + row.offset, static_cast<std::byte const*>(from) + old()[i].offset,
                  row.bytes);
    }
    (fill_all<typename Rules::Reflected>(before, after, state), ...);
  }

 private:
  template <class R>
  static void fill_all(Old const& before, T& after, bool state) {
    if constexpr (R::info.rule == Rule::filled || R::info.rule == Rule::computed) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        (fill<R, I>(before, after, state), ...);
      }(std::make_index_sequence<manifest<T>().size()>{});
    }
  }
  template <class R, std::size_t I>
  static void fill(Old const& before, T& after, bool state) {
    if constexpr (R::info.fills(manifest<T>()[I].key) && !manifest<T>()[I].is_alias()) {
      R::fill(before, row_view<I>(after), state);
    }
  }

 public:
  static constexpr MigrationInfo info{version_of<Old>(), &layout_of<Old>, &run};
};

template <class T>
constexpr MigrationInfo const* migration_of() {
  if constexpr (requires { typename T::migration; }) {
    using Plan = MigrationPlan<T, typename T::migration>;
    if constexpr (Plan::value.empty()) return &Plan::info;
  }
  return nullptr;
}

/// Reports the first mistake in a migration of T or of what it holds.
template <class T>
constexpr void refuse_migrations() {
  if constexpr (is_std_array<T>) {
    refuse_migrations<unwrapped_t<typename T::value_type>>();
  } else if constexpr (is_state<T>) {
    refuse_migrations<unwrapped_t<decltype(T::value)>>();
  } else if constexpr (std::is_class_v<T> && !is_stored<T>) {
    if constexpr (type_info<T>.versioned) {
      if constexpr (requires { typename T::migration; }) {
        using Plan = MigrationPlan<T, typename T::migration>;
        if constexpr (requires { refuse<Plan>(); }) refuse<Plan>();
      }
      if constexpr (!type_info<T>.members.empty()) {
        []<std::size_t... I>(std::index_sequence<I...>) {
          (refuse_migrations<unwrapped_t<field_t<T, I>>>(), ...);
        }(std::make_index_sequence<field_count<T>()>{});
      }
    }
  }
}

}  // namespace detail
}  // namespace ashlar
