// Ashlar: an array that grows, cheap for the compiler to run.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

namespace ashlar::detail {

/// What std::vector would be, at a tenth of its steps in constant evaluation (clang 19 with libstdc++ 12 counts about
/// 20 steps a push_back and 5 an element destroyed), which decides how large a model's schema can be at compile time.
template <class T>
class Block {
 public:
  constexpr explicit Block(std::size_t capacity) : data_(new T[capacity == 0 ? 1 : capacity]), capacity_(capacity) {}
  /// `size` copies of `value`.
  constexpr Block(std::size_t size, T value) : Block(size) {
    for (size_ = 0; size_ < size; ++size_) data_[size_] = value;
  }
  constexpr Block(Block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), capacity_(other.capacity_) {}
  constexpr Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  constexpr ~Block() { delete[] data_; }

  constexpr T& push(T value) {
    if (size_ == capacity_) grow();
    return data_[size_++] = value;
  }
  /// Keeps the first `size` elements.
  constexpr void cut(std::size_t size) { size_ = size; }

  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr T* data() { return data_; }
  [[nodiscard]] constexpr T const* data() const { return data_; }
  constexpr T& operator[](std::size_t i) { return data_[i]; }
  constexpr T const& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] constexpr T* begin() { return data_; }
  [[nodiscard]] constexpr T* end() { return data_ + size_; }
  [[nodiscard]] constexpr T const* begin() const { return data_; }
  [[nodiscard]] constexpr T const* end() const { return data_ + size_; }

 private:
  constexpr void grow() {
    Block larger(2 * capacity_ + 16);
    for (std::size_t i = 0; i < size_; ++i) larger.data_[i] = data_[i];
    larger.size_ = size_;
    *this = std::move(larger);
  }
  T* data_;
  std::size_t size_ = 0;
  std::size_t capacity_;
};

}  // namespace ashlar::detail
