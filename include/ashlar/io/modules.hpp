// Ashlar: the structure of a model as a file has it, a list of modules.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/message.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/fingerprint.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_info.hpp>
#include <ashlar/schema/sort.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::detail {

/// One module of a file. Text points into the manifest.
struct Module {
  std::string_view key;
  std::string_view type;
  std::uint32_t version = 1;
  std::uint32_t leaves_before = 0;  ///< of the tensors and scalars that are members of the enclosing module
};

/// The same, while it is put together.
struct ModuleText {
  std::string key;
  std::string_view type;
  std::uint32_t version;
  std::uint32_t leaves_before;
};

inline constexpr std::size_t max_type_length = 65536;

ASHLAR_COLD inline void collect_modules(TypeInfo const& type, std::string const& key, std::uint32_t leaves_before,
                                        std::vector<ModuleText>& out) {
  out.push_back({key, type.name, type.version, leaves_before});
  std::uint32_t leaves = 0;
  for (MemberInfo const& member : type.members) {
    if (member.type == nullptr) {
      ++leaves;
      continue;
    }
    for (std::size_t k = 0; k < member.repeat; ++k) {
      std::string inner = key;
      if (!inner.empty()) inner += '.';
      if (member.key.empty()) inner += std::to_string(k);
      else inner += member.key;
      collect_modules(*member.type, inner, leaves, out);
    }
  }
}

/// The lines of the layout text that say which modules have a version other than 1.
template <class Modules>
std::string version_lines(Modules const& modules) {
  std::string text;
  AppendTo sink{&text};
  for (auto const& m : modules) {
    if (m.version != 1) write_version(m.key, m.version, sink);
  }
  return text;
}

/// `key` lies in the module `around`.
inline bool lies_in(std::string_view key, std::string_view around) {
  return around.empty() ? !key.empty() : key.size() > around.size() && is_under(key, around);
}

/// What is wrong with a list of modules, or empty: each has to follow those it lies in, and none stands twice.
ASHLAR_COLD inline std::string modules_problem(std::span<Module const> modules, std::size_t tensors) {
  std::vector<std::string_view> around;
  std::vector<std::uint32_t> order;
  for (Module const& m : modules) {
    auto const about = [&](std::string_view problem) {
      return message({"the module '", printable(m.key), "' ", problem});
    };
    if (order.empty() != m.key.empty()) return about(order.empty() ? "is first but not the model" : "has no key");
    if (!m.key.empty()) {
      if (std::string const problem = key_problem(m.key); !problem.empty()) return about(problem);
      while (!around.empty() && !lies_in(m.key, around.back())) around.pop_back();
      if (around.empty()) return about("lies in no other");
    }
    if (m.version == 0) return about("has the version 0");
    if (m.leaves_before > tensors) return about("stands behind more tensors than there are");
    if (m.type.empty() || m.type.size() > max_type_length) return about("has a type without a name");
    for (char const c : m.type) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return about("has a control character in its type");
    }
    around.push_back(m.key);
    if (around.size() > 64) return about("lies in more than 64 others");
    order.push_back(static_cast<std::uint32_t>(order.size()));
  }
  sort_indices(order.data(), order.size(), [&](auto a, auto b) { return modules[a].key < modules[b].key; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (modules[order[i - 1]].key == modules[order[i]].key) {
      return message({"the module '", printable(modules[order[i]].key), "' stands twice"});
    }
  }
  return {};
}

}  // namespace ashlar::detail
