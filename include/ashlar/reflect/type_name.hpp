// Ashlar: names of types, as people write them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/shape.hpp>
#include <ashlar/core/text.hpp>
#include <ashlar/reflect/structure.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace ashlar {
namespace detail {

template <class T>
constexpr std::string_view compiler_name() {
  // g++: "... compiler_name() [with T = NAME; std::string_view = ...]", clang: "... compiler_name() [T = NAME]"
  std::string_view const all = __PRETTY_FUNCTION__;
  std::size_t const begin = all.find("T = ") + 4;
  std::size_t end = begin;
  for (int depth = 0; end < all.size(); ++end) {
    char const c = all[end];
    if (c == '"') end = find_char(all, '"', end + 1);  // Named<"a > b", L>
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if (depth == 0 && (c == ';' || c == ']')) break;
    if (c == '>' || c == ')' || c == ']' || c == '}') --depth;
  }
  return all.substr(begin, end - begin);
}

constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name of an extent that is no number, from how compilers write its value; empty for others.
constexpr std::string_view extent_word(std::string_view digits) {
  if (digits.size() < 20) return {};
  if (digits.substr(0, 20) == "18446744073709551615") return "dyn";
  if (digits.substr(0, 20) == "18446744073709551614") return "infer";
  return {};
}

template <std::size_t N>
struct CleanName {
  std::array<char, N> chars{};
  std::size_t length = 0;
};

/// Length of `text<8>{` at the start of `s`, or 0.
constexpr std::size_t text_begin(std::string_view s) {
  if (s.substr(0, 5) != "text<") return 0;
  std::size_t at = 5;
  while (at < s.size() && s[at] >= '0' && s[at] <= '9') ++at;
  return s.substr(at, 3) == ">{\"" ? at + 2 : 0;
}

/// Drops namespaces and what compilers differ in, suffixes of integers and blanks: "a::Linear<20ul >" -> "Linear<20>".
/// A text is written as people do: "Tied<text<2>{"0"}>" -> "Tied<"0">".
/// Extents have their names, `dyn` and `infer`.
template <class T>
constexpr auto clean_name() {
  constexpr std::string_view raw = compiler_name<T>();
  CleanName<raw.size()> out;
  for (std::size_t i = 0; i < raw.size();) {
    if (std::size_t const skipped = text_begin(raw.substr(i)); skipped != 0) {
      std::size_t const close = find_char(raw, '"', i + skipped + 1);
      for (i += skipped; i <= close; ++i) out.chars[out.length++] = raw[i];
      ++i;  // the brace
      continue;
    }
    std::size_t end = i;
    while (end < raw.size() && is_word(raw[end])) ++end;
    if (end == i) {
      std::string_view const anonymous = "(anonymous namespace)::";
      std::string_view const unnamed = "{anonymous}::";
      std::string_view const nvcc = "<unnamed>::";
      if (raw.substr(i, anonymous.size()) == anonymous) {
        i += anonymous.size();
      } else if (raw.substr(i, unnamed.size()) == unnamed) {
        i += unnamed.size();
      } else if (raw.substr(i, nvcc.size()) == nvcc) {
        i += nvcc.size();
      } else {
        char const next = i + 1 < raw.size() ? raw[i + 1] : '\0';
        bool const dropped = raw[i] == ' ' && (next == '>' || next == '*' || next == '&');  // "> >", "int *"
        if (!dropped) out.chars[out.length++] = raw[i];
        ++i;
      }
      continue;
    }
    if (raw.substr(end, 2) == "::") {
      i = end + 2;
      continue;
    }
    bool const number = raw[i] >= '0' && raw[i] <= '9';
    if (std::string_view const word = extent_word(raw.substr(i, end - i)); !word.empty()) {
      for (char const c : word) out.chars[out.length++] = c;
      i = end;
      continue;
    }
    for (std::size_t k = i; k < end; ++k) {
      if (number && (raw[k] == 'u' || raw[k] == 'l' || raw[k] == 'U' || raw[k] == 'L')) break;
      out.chars[out.length++] = raw[k];
    }
    i = end;
  }
  return out;
}

template <SaysReflected T>
constexpr auto reflected_name();
template <class T>
struct NameOf {
  static constexpr auto value = [] {
    if constexpr (SaysReflected<T>) return reflected_name<T>();
    else return clean_name<T>();
  }();
};
/// The name with the first `Kept` arguments. For layers whose other arguments are the defaults: g++ leaves those out of
/// some types and writes them in others, such as members of templates.
template <class T, std::size_t Kept>
struct ShortName {
  static constexpr auto value = [] {
    auto name = clean_name<T>();
    std::size_t commas = 0;
    std::size_t depth = 0;
    for (std::size_t i = 0; i < name.length; ++i) {
      char const c = name.chars[i];
      if (c == '<' || c == '{' || c == '(') ++depth;
      if (c == '>' || c == '}' || c == ')') --depth;
      if (c != ',' || depth != 1 || ++commas != Kept) continue;
      name.chars[i] = '>';
      name.length = i + 1;
    }
    return name;
  }();
};
template <std::size_t N>
constexpr CleanName<N> numbered_name(std::string_view name, std::size_t const* numbers, std::size_t count) {
  CleanName<N> out;
  for (char const c : name) out.chars[out.length++] = c;
  out.chars[out.length++] = '<';
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) out.chars[out.length++] = ',';
    if (i != 0) out.chars[out.length++] = ' ';
    std::size_t n = numbers[i];
    if (n == dyn || n == infer) {
      for (char const c : std::string_view(n == dyn ? "dyn" : "infer")) out.chars[out.length++] = c;
      continue;
    }
    std::size_t digits = 1;
    for (std::size_t rest = n; rest >= 10; rest /= 10) ++digits;
    for (std::size_t d = digits; d-- > 0; n /= 10) out.chars[out.length + d] = static_cast<char>('0' + n % 10);
    out.length += digits;
  }
  out.chars[out.length++] = '>';
  return out;
}
/// "Linear<20, 256>", from its parts: a tenth of what it costs to clean what the compiler prints.
template <text Name, std::size_t... Number>
struct NumberedName {
  static constexpr std::size_t numbers[] = {Number...};
  static constexpr auto value =
      numbered_name<(Name.size() + 22 * sizeof...(Number) + 16) / 16 * 16>(Name.view(), numbers, sizeof...(Number));
};

// g++ writes default arguments of types that stand in a pack, and clang does not: each is written by itself.
template <template <class...> class Template, class... T>
struct NameOf<Template<T...>> {
  static constexpr auto value = [] {
    constexpr auto whole = clean_name<Template<T...>>();
    CleanName<whole.chars.size() + 2 + (0 + ... + (NameOf<T>::value.length + 2))> out;
    auto const add = [&out](char const* chars, std::size_t length) {
      for (std::size_t i = 0; i < length; ++i) out.chars[out.length++] = chars[i];
    };
    std::size_t template_end = 0;
    while (template_end < whole.length && whole.chars[template_end] != '<') ++template_end;
    add(whole.chars.data(), template_end);
    add("<", 1);
    [[maybe_unused]] bool first = true;
    ((first ? void(first = false) : add(", ", 2), add(NameOf<T>::value.chars.data(), NameOf<T>::value.length)), ...);
    add(">", 1);
    return out;
  }();
};

// So are those of a layer that stands beside texts, which nvcc writes as lists of characters.
template <SaysReflected T>
constexpr auto reflected_name() {
  constexpr auto write = [](auto&& add) {
    using R = typename T::Reflected;
    if constexpr (is_tied<T>) {
      add("Tied<\"");
      add(T::target);
      add("\">");
    } else {
      using Layer = NameOf<typename R::layer>;
      std::string_view const layer(Layer::value.chars.data(), Layer::value.length);
      if constexpr (is_named<T>) {
        add("Named<\"");
        add(R::key);
        add("\", ");
        add(layer);
      } else {
        add("Frozen<");
        add(layer);
        for (std::size_t i = 0; i != R::count; ++i) {
          add(", \"");
          add(R::keys[i]);
          add("\"");
        }
      }
      add(">");
    }
  };
  constexpr std::size_t length = [&write] {
    std::size_t sum = 0;
    write([&sum](std::string_view part) { sum += part.size(); });
    return sum;
  }();
  CleanName<length> out;
  write([&out](std::string_view part) {
    for (char const c : part) out.chars[out.length++] = c;
  });
  return out;
}

}  // namespace detail

/// "MLP", "Linear<20, 256>": without namespaces, the same for every compiler where the language lets it be.
template <class T>
constexpr std::string_view type_name() {
  return {detail::NameOf<T>::value.chars.data(), detail::NameOf<T>::value.length};
}

}  // namespace ashlar
