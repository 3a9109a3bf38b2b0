// Damages a small file in every way that is one cut or one flipped bit, and counts what no reader notices.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/file.hpp>
#include <ashlar/io/flat.hpp>

#include "io/models.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace ashlar::test {

/// Damage that verify or load takes for a sound file, or that changes the target of a load.
struct Unnoticed {
  std::size_t tried = 0;
  std::size_t count = 0;
  std::size_t first = 0;  ///< where the first of them was

  void add(bool noticed, std::size_t at) {
    ++tried;
    if (!noticed && count++ == 0) first = at;
  }
};

/// verify and load of a file of a Small are errors, and leave the target as it was.
inline bool is_noticed(std::span<std::byte const> file) {
  static auto const before = make_small(0, 500);
  auto target = make_small(0, 500);
  return !verify_bytes(file).ok() && !try_from_bytes(file, *target) && same_elements(*target, *before);
}

/// Every length from 0 on; from 2000 on every `stride`th.
inline Unnoticed truncations(std::span<std::byte const> file, std::size_t stride = 1) {
  Unnoticed out;
  for (std::size_t n = 0; n < file.size(); n += n < 2000 ? 1 : stride) {
    auto const cut = file.first(n);
    out.add(is_noticed(cut) && !try_view<Small>(cut) && !FlatFile::try_open(cut), n);
  }
  return out;
}

/// Every bit; in the zeros between manifest and data, and in the data's middle, every `stride`th of each byte.
inline Unnoticed flips(std::span<std::byte> file, int stride = 1) {
  Unnoticed out;
  for (std::size_t i = 0; i < file.size(); ++i) {
    for (int bit = 0; bit < 8; bit += i < 1024 || i + 2048 > file.size() ? 1 : stride) {
      file[i] ^= std::byte(1 << bit);
      // map looks at the first 64 bytes only, which hold the manifest's checksum.
      out.add(is_noticed(file) && !(i < 64 && try_view<Small>(file)), i);
      file[i] ^= std::byte(1 << bit);
    }
  }
  return out;
}

}  // namespace ashlar::test
