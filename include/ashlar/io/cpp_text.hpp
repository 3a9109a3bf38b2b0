// Ashlar: C++ as text: names, literals, types and numbers of files.  SPDX-License-Identifier: BSL-1.0
//
// What a file holds never becomes code: names become identifiers, and keys string literals.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/reflect/row.hpp>
#include <ashlar/reflect/type_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar::detail {

inline bool is_letter(char c) { return is_word(c) && !(c >= '0' && c <= '9'); }

ASHLAR_COLD inline bool is_keyword(std::string_view word) {
  static constexpr std::string_view words =
      " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class "
      "compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype "
      "default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline "
      "int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register "
      "reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template "
      "this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t "
      "while xor xor_eq version migration described "
      // macros of the C library, and of compilers in their own dialect of C++
      "assert errno linux unix i386 stdin stdout stderr offsetof setjmp va_arg va_copy va_end va_start ";
  return words.find(message({" ", word, " "})) != std::string_view::npos;
}

/// The same word if it is an identifier, or one made from it: "block 0" -> "block_0", "0" -> "_0". Words of capitals
/// get a '_' behind them, because they may be macros: "EOF" -> "EOF_".
ASHLAR_COLD inline std::string identifier(std::string_view text) {
  std::string out;
  for (char const c : text.substr(0, 100)) {
    if (is_word(c)) out += c;
    else if (!out.empty() && out.back() != '_') out += '_';
  }
  while (out.size() > 1 && out.back() == '_' && text.back() != '_') out.pop_back();
  if (out.empty() || !is_letter(out[0])) out.insert(0, "_");
  if (is_keyword(out) || out.find("__") != std::string::npos) out = "x_" + out;
  if (out.size() > 1 && out[0] == '_' && out[1] >= 'A' && out[1] <= 'Z') out = "x" + out;
  while (out.find("__") != std::string::npos) out.erase(out.find("__"), 1);
  bool const capitals = std::all_of(out.begin(), out.end(), [](char c) { return c < 'a' || c > 'z'; });
  if (capitals && std::count_if(out.begin(), out.end(), is_letter) > 2 && out.back() != '_') out += '_';
  return out;
}

/// A string literal with these bytes, in printable ASCII.
ASHLAR_COLD inline std::string literal(std::string_view text) {
  std::string out = "\"";
  for (char const c : text) {
    auto const u = static_cast<unsigned char>(c);
    if (u < 0x20 || u >= 0x7f) {  // three octal digits: what follows them is not part of the number
      out += '\\';
      for (int shift = 6; shift >= 0; shift -= 3) out += static_cast<char>('0' + (u >> shift) % 8);
      continue;
    }
    if (c == '"' || c == '\\' || c == '?') out += '\\';  // '?' makes no trigraphs then
    out += c;
  }
  return out += '"';
}

/// True for text that can only be a type of the library with its arguments: words, numbers, and literals without
/// escapes.
ASHLAR_COLD inline bool is_plain_type(std::string_view type) {
  bool quoted = false;
  int depth = 0;
  for (char const c : type) {
    if (c == '\\' || static_cast<unsigned char>(c) >= 0x7f) return false;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '<') ++depth;
    if (c == '>' && --depth < 0) return false;
    if (!is_word(c) && std::string_view("<>,:. {}-+\"=").find(c) == std::string_view::npos) return false;
  }
  return !quoted && depth == 0 && !type.empty() && is_letter(type[0]);
}

ASHLAR_COLD inline std::string_view spelling(DType dtype) {
  switch (dtype) {
    case DType::f64: return "double";
    case DType::f32: return "float";
    case DType::f16: return "float16";
    case DType::bf16: return "bfloat16";
    case DType::i64: return "std::int64_t";
    case DType::i32: return "std::int32_t";
    case DType::i16: return "std::int16_t";
    case DType::i8: return "std::int8_t";
    case DType::u8: return "std::uint8_t";
    case DType::boolean: return "bool";
    case DType::u64: return "std::uint64_t";
    case DType::u32: return "std::uint32_t";
    case DType::u16: return "std::uint16_t";
    default: return "void";  // no file holds others
  }
}

ASHLAR_COLD inline std::string number_text(Row const& row, std::byte const* at) {
  char text[32];
  auto const value = [&]<class T>(T v) {
    std::memcpy(&v, at, sizeof v);
    if constexpr (std::is_floating_point_v<T>) std::snprintf(text, sizeof text, "%.9g", static_cast<double>(v));
    else if constexpr (std::is_signed_v<T>) std::snprintf(text, sizeof text, "%lld", static_cast<long long>(v));
    else std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(v));
    return std::string(text);
  };
  switch (row.dtype) {
    case DType::f64: return value(double{});
    case DType::f32: return value(float{});
    case DType::i64: return value(std::int64_t{});
    case DType::i32: return value(std::int32_t{});
    case DType::i16: return value(std::int16_t{});
    case DType::i8: return value(std::int8_t{});
    case DType::u64: return value(std::uint64_t{});
    case DType::u32: return value(std::uint32_t{});
    case DType::u16: return value(std::uint16_t{});
    case DType::u8: return value(std::uint8_t{});
    case DType::boolean: return *at == std::byte{0} ? "false" : "true";
    default: return "?";
  }
}

}  // namespace ashlar::detail
