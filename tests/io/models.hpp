// Models for the tests of files: small, and with every kind of member.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/parameter.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/reflect/structure.hpp>

#include "support/file.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace ashlar::test {

template <std::size_t In, std::size_t Out, class T = float>
struct Dense {
  Parameter<T, Out, In> weight;
  Parameter<T, Out> bias;
};

enum class Mode : std::uint8_t { off, on, both = 7 };

/// Scalars, a bool, an enum, nested arrays, a tie, padding everywhere.
struct Small {
  std::uint32_t step;
  bool ready;
  Mode mode;
  Dense<4, 3> first;
  std::array<Dense<3, 3>, 2> layers;
  Buffer<std::int64_t> count;
  Constant<bool, 3> mask;
  Named<"block 0", Dense<3, 5, double>> block;
  Tied<"first.weight"> again;
};

/// A Small whose elements are 1, 2, 3, ... and whose padding is `fill`.
inline std::unique_ptr<Small> make_small(unsigned char fill = 0, int start = 1) {
  std::unique_ptr<Small> p(new Small);
  std::memset(static_cast<void*>(p.get()), fill, sizeof(Small));
  auto next = static_cast<float>(start);
  auto const count = [&](auto& t) {
    for (auto& x : t) x = static_cast<std::remove_reference_t<decltype(x)>>(next++);
  };
  auto const dense = [&](auto& d) {
    count(d.weight);
    count(d.bias);
  };
  p->step = static_cast<std::uint32_t>(start) * 1000u;
  p->ready = true;
  p->mode = Mode::both;
  dense(p->first);
  for (auto& l : p->layers) dense(l);
  count(p->count);
  p->mask(0) = true;
  p->mask(1) = false;
  p->mask(2) = true;
  dense(p->block);
  return p;
}

/// Equal in every stored element; padding does not count.
template <class T>
bool same_elements(T const& a, T const& b) {
  for (Row const& row : manifest<T>()) {
    if (std::memcmp(reinterpret_cast<std::byte const*>(&a) + row.offset,
                    reinterpret_cast<std::byte const*>(&b) + row.offset, row.bytes) != 0) {
      return false;
    }
  }
  return true;
}

inline std::span<std::byte const> as_bytes(std::string const& s) {
  return {reinterpret_cast<std::byte const*>(s.data()), s.size()};
}

inline void write_file(std::string const& path, std::span<std::byte const> bytes) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) {
    throw std::runtime_error("cannot write " + path);
  }
}

/// Bytes that start at a multiple of 4096, as in a mapping.
class Aligned {
 public:
  explicit Aligned(std::span<std::byte const> from) : pages_(from.size() / sizeof(Page) + 1), size_(from.size()) {
    std::memcpy(pages_.data(), from.data(), from.size());
  }
  std::span<std::byte> bytes() { return {pages_[0].bytes, size_}; }
  std::span<std::byte const> bytes() const { return {pages_[0].bytes, size_}; }

 private:
  struct alignas(4096) Page {
    std::byte bytes[4096];
  };
  std::vector<Page> pages_;
  std::size_t size_;
};

/// The message of a failed call, or "no error".
template <class R>
std::string message_of(R const& result) {
  return result ? "no error" : result.error().what();
}

}  // namespace ashlar::test
