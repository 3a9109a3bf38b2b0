// Ashlar: the canonical text of a layout, and its fingerprint.  SPDX-License-Identifier: BSL-1.0
//
// Two types share a fingerprint exactly if their objects can be exchanged byte by byte: the same keys, kinds, dtypes,
// shapes and offsets in the same order, the same size, and the same versions of layers. Names of types do not count.
// The text is stored in files beside the fingerprint, so that people can see what a file was written from; it never
// changes for version 1.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/reflect/row.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ashlar {

/// 128 bits that stand for a layout: FNV-1a of the layout text, low byte first.
using Fingerprint = std::array<std::byte, 16>;

/// "parameter", "buffer", "constant", "scalar".
constexpr std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::parameter: return "parameter";
    case Kind::buffer: return "buffer";
    case Kind::constant: return "constant";
    case Kind::scalar: return "scalar";
  }
  return "?";
}

namespace detail {

/// Writes `n` in decimal to `out`, which has room for 20 characters; returns what was written.
constexpr std::string_view decimal(std::uint64_t n, char* out) {
  std::size_t digits = 1;
  for (std::uint64_t rest = n; rest >= 10; rest /= 10) ++digits;
  for (std::size_t d = digits; d-- > 0; n /= 10) out[d] = static_cast<char>('0' + n % 10);
  return {out, digits};
}

/// Writes the layout text piece by piece into `sink(std::string_view)`.
///
/// A line for each row, columns separated by tabs, which keys cannot contain:
///   hidden.weight  parameter  f32  256,20  0        (key, kind, dtype, shape, offset)
///   output.weight  = hidden.weight                  (a tied key and the key that stores the elements)
/// and behind them one for each layer with a version other than 1:
///   norm           version   2
template <class Sink>
constexpr void write_layout(std::span<Row const> rows, std::size_t bytes, Sink& sink) {
  char digits[20]{};
  sink("ashlar layout 1\t");
  sink(decimal(bytes, digits));
  sink("\n");
  for (Row const& row : rows) {
    sink(row.key);
    if (row.is_alias()) {
      sink("\t= ");
      sink(rows[static_cast<std::size_t>(row.alias_of)].key);
    } else {
      sink("\t");
      sink(name_of(row.kind));
      sink("\t");
      sink(name_of(row.dtype));
      sink("\t");
      for (std::size_t d = 0; d < row.shape.rank; ++d) {
        if (d != 0) sink(",");
        sink(decimal(row.shape[d], digits));
      }
      sink("\t");
      sink(decimal(row.offset, digits));
    }
    sink("\n");
  }
}

template <class Sink>
constexpr void write_version(std::string_view key, std::uint32_t version, Sink& sink) {
  char digits[20]{};
  sink(key);
  sink("\tversion\t");
  sink(decimal(version, digits));
  sink("\n");
}

/// FNV-1a with 128 bits. Not cryptographic: a fingerprint that fits never replaces a bounds check.
struct Fnv128 {
  __extension__ typedef unsigned __int128 Word;
  Word hash = (Word{0x6c62272e07bb0142u} << 64) | Word{0x62b821756295c58du};

  constexpr void operator()(std::string_view text) {
    constexpr Word prime = (Word{1} << 88) | Word{0x13b};
    Word h = hash;
    for (char const c : text) h = (h ^ static_cast<unsigned char>(c)) * prime;
    hash = h;
  }
  [[nodiscard]] constexpr Fingerprint bytes() const {
    Fingerprint out{};
    Word h = hash;
    for (std::byte& b : out) {
      b = static_cast<std::byte>(static_cast<unsigned char>(h));
      h >>= 8;
    }
    return out;
  }
};

struct AppendTo {
  std::string* text;
  __attribute__((cold, noinline)) void operator()(std::string_view piece) const { text->append(piece); }
};

}  // namespace detail

/// The fingerprint of a layout in which all layers have version 1.
///
/// Cost  at compile time about 5 steps a character, 250 a row: 1000 rows stay below clang's limit of 2^20 steps.
constexpr Fingerprint fingerprint(std::span<Row const> rows, std::size_t bytes) {
  detail::Fnv128 hash;
  detail::write_layout(rows, bytes, hash);
  return hash.bytes();
}

/// The text that `fingerprint` hashes. Lines of versions are added to it by those who know them.
inline std::string layout_text(std::span<Row const> rows, std::size_t bytes) {
  std::string text;
  detail::AppendTo sink{&text};
  detail::write_layout(rows, bytes, sink);
  return text;
}

}  // namespace ashlar
