// Ashlar: the storages that a pickle of PyTorch names.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace ashlar::detail {

/// A block of elements that tensors are views of. Its bytes lie elsewhere in the file, under its key.
struct TorchStorage {
  std::string_view key;  ///< lies in the list
  DType dtype;
  bool untyped;  ///< counts bytes; tensors say which dtype they see
  std::uint64_t elements;
  std::uint64_t bytes;
};

/// Storages in the order in which the pickle names them first, to be found by their keys.
class TorchStorages {
 public:
  TorchStorages() = default;
  TorchStorages(TorchStorages const&) = delete;
  TorchStorages& operator=(TorchStorages const&) = delete;

  [[nodiscard]] std::size_t size() const { return list_.size(); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  TorchStorage const& operator[](std::size_t number) const { return list_[number]; }
  [[nodiscard]] auto begin() const { return list_.begin(); }
  [[nodiscard]] auto end() const { return list_.end(); }

  /// The number of a storage; -1 if there is none of this key.
  [[nodiscard]] std::ptrdiff_t find(std::string_view key) const {
    if (std::size_t const number = number_of(key); number < counted_) return static_cast<std::ptrdiff_t>(number);
    auto const at = others_.find(key);
    return at == others_.end() ? -1 : static_cast<std::ptrdiff_t>(at->second);
  }
  /// One more, of a key that is not there. Keys are usually 0, 1, 2, ..., which need no look-up.
  void add(std::string_view key, TorchStorage storage) {
    std::size_t const number = size();
    storage.key = keys_.emplace_back(key);
    if (counted_ == number && number_of(key) == number) {
      ++counted_;
    } else {
      others_.emplace(storage.key, number);
    }
    list_.push_back(storage);
  }

 private:
  /// Of a key that is a plain number; that of another is too large for any storage.
  static std::size_t number_of(std::string_view key) {
    char const* const end = key.data() + key.size();
    std::size_t number = 0;
    auto const [at, fault] = std::from_chars(key.data(), end, number);
    bool const plain = fault == std::errc() && at == end && (key.size() == 1 || key[0] != '0');
    return plain ? number : std::numeric_limits<std::size_t>::max();
  }

  std::deque<std::string> keys_;
  std::size_t counted_ = 0;  // so many of them are the numbers 0, 1, 2, ...
  std::map<std::string_view, std::size_t> others_;  // the places of those behind
  std::vector<TorchStorage> list_;
};

}  // namespace ashlar::detail
