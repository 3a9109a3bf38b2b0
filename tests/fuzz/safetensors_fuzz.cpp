// Any bytes at all through the reader of .safetensors files.  SPDX-License-Identifier: BSL-1.0
//
// Random changes hardly ever keep the length of the header right. So the mutator changes the header or the data, and
// then makes the length fit again.
#include <ashlar/io/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::uint64_t length = 0;
  if (size >= 8) std::memcpy(&length, data, 8);
  if (seed % 16 == 0 || size < 8 || length > size - 8 || max_size < 16) return LLVMFuzzerMutate(data, size, max_size);
  auto const header = static_cast<std::size_t>(length);
  std::vector<std::uint8_t> const tail(data + 8 + header, data + size);
  if (seed % 4 == 0) {
    std::size_t const n = LLVMFuzzerMutate(data + 8 + header, tail.size(), max_size - 8 - header);
    return 8 + header + n;
  }
  std::size_t const n = LLVMFuzzerMutate(data + 8, header, max_size - 8);
  std::size_t const kept = tail.size() < max_size - 8 - n ? tail.size() : max_size - 8 - n;
  if (kept != 0) std::memcpy(data + 8 + n, tail.data(), kept);
  length = n;
  std::memcpy(data, &length, 8);
  return 8 + n + kept;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace ashlar;
  auto const bytes = std::as_bytes(std::span(data, size));
  auto const read = try_read_safetensors(bytes);
  if (!read) {
    if (std::string_view(read.error().what()).empty()) std::abort();
    return 0;
  }
  // What is accepted lies in the file, byte for byte, and is all of its data.
  std::size_t covered = 0;
  for (auto const& [name, t] : read->tensors()) {
    auto const raw = t.bytes();
    if (raw.size() != t.size_bytes()) std::abort();
    if (!raw.empty() && (raw.data() < bytes.data() || raw.data() + raw.size() > bytes.data() + size)) std::abort();
    std::vector<std::byte> copy(raw.size());
    t.copy_to(copy);
    covered += raw.size();
    if (read->find(name) == nullptr) std::abort();
  }
  std::uint64_t length;
  std::memcpy(&length, data, 8);
  if (covered != size - 8 - length) std::abort();
  return 0;
}
