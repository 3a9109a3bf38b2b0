// Ashlar: how a mistake in a user's types becomes one sentence of the compiler.  SPDX-License-Identifier: BSL-1.0
//
// A check computes its sentence as a constexpr value; `refuse` puts that sentence into the name of a type that is
// declared and never defined, so the first `error:` line of the compiler quotes it. Measured on the two compilers:
// g++ 12 prints a character array in a template argument whole; clang 19 cuts it after 36 characters (and takes
// formatted static_assert messages only in C++26 mode), so for clang the sentence travels in pieces of whole words.
#pragma once

#include <ashlar/core/shape.hpp>
#include <ashlar/core/text.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

namespace ashlar {

/// Never defined. If a compiler names it, its template arguments are the message.
template <text... Sentence>
struct error_because;

namespace detail {

/// A sentence under construction, at compile time. What does not fit is cut: a message, not data.
struct Sentence {
  std::array<char, 512> chars{};
  std::size_t length = 0;

  constexpr Sentence& add(std::string_view part) {
    for (char c : part) {
      // g++ escapes quotes, and NULs end what it prints.
      if (length < chars.size()) chars[length++] = c == '"' ? '\'' : (c == '\0' ? ' ' : c);
    }
    return *this;
  }
  constexpr Sentence& add(std::size_t number) {
    if (number == infer) return add("infer");
    std::array<char, 20> digits{};
    std::size_t n = 0;
    do {
      digits[n++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    while (n != 0 && length < chars.size()) chars[length++] = digits[--n];
    return *this;
  }
  [[nodiscard]] constexpr bool empty() const { return length == 0; }
  [[nodiscard]] constexpr std::string_view view() const { return {chars.data(), length}; }
};

// The longest piece clang 19 prints whole is 35 characters and the terminating NUL.
#ifdef __clang__
inline constexpr std::size_t piece_length = 35;
#else
inline constexpr std::size_t piece_length = 512;
#endif

/// End of the piece that starts at `begin`: the last blank that keeps it short enough.
constexpr std::size_t piece_end(std::string_view sentence, std::size_t begin) {
  if (sentence.size() - begin <= piece_length) return sentence.size();
  for (std::size_t end = begin + piece_length; end > begin; --end) {
    if (sentence[end] == ' ') return end;
  }
  return begin + piece_length;
}

constexpr std::size_t piece_count(std::string_view sentence) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < sentence.size(); ++count) {
    at = piece_end(sentence, at);
    while (at < sentence.size() && sentence[at] == ' ') ++at;
  }
  return count;
}

constexpr std::string_view piece(std::string_view sentence, std::size_t index) {
  std::size_t at = 0;
  for (;; --index) {
    std::size_t const end = piece_end(sentence, at);
    if (index == 0) return sentence.substr(at, end - at);
    at = end;
    while (at < sentence.size() && sentence[at] == ' ') ++at;
  }
}

template <std::size_t N>
constexpr text<N + 1> to_text(std::string_view from) {
  text<N + 1> out;
  for (std::size_t i = 0; i < N; ++i) out.chars[i] = from[i];
  out.chars[N] = '\0';  // written, or clang may take it for filler and print numbers
  return out;
}

// A class reports its error once, at its first instantiation, and can be named again after that: so a sentence that
// several checks come to is one error.
template <text... Sentence>
struct Ask {
  char why[sizeof(error_because<Sentence...>)];
};

template <class Holder, std::size_t... I>
constexpr void ask(std::index_sequence<I...>) {
  (void)sizeof(Ask<to_text<piece(Holder::value.view(), I).size()>(piece(Holder::value.view(), I))...>);
}

#ifdef __CUDACC__
template <class Holder>
constexpr std::string_view signature() {
  return __PRETTY_FUNCTION__;
}
/// True in nvcc's two front ends, which print a text a character at a time and read a unit before the host's compiler
/// does: that is to say the sentence. They are known by writing std::string_view out where it is what a function gives.
template <class Holder>
inline constexpr bool leaves_it_to_host =
    signature<Holder>().find("char_traits") < signature<Holder>().find("signature");
#else
template <class Holder>
inline constexpr bool leaves_it_to_host = false;
#endif

/// `Holder::value` is a constexpr Sentence; empty means all is well.
/// Does nothing then, and else stops the compiler with the sentence. Code that goes on afterwards does so with a type
/// that causes no second error.
template <class Holder>
constexpr void refuse() {
  if constexpr (!Holder::value.empty()) {
    if constexpr (!leaves_it_to_host<Holder>)
      ask<Holder>(std::make_index_sequence<piece_count(Holder::value.view())>{});
  }
}

}  // namespace detail
}  // namespace ashlar
