// Ashlar: Result, a value or an Error.  SPDX-License-Identifier: BSL-1.0
//
// Written out instead of a std::variant, which is 80 functions for each type: of the 4250 functions in a unit that
// saves and loads an MLP 1350 were its (g++ 12 -O0), and 8 % of the time to compile it with -O2.
#pragma once

#include <ashlar/core/error.hpp>
#include <ashlar/core/language.hpp>

#include <new>
#include <type_traits>
#include <utility>

namespace ashlar {
namespace detail {

/// An Error on the heap, or none.
class ErrorBox {
 public:
  ErrorBox() = default;
  explicit ErrorBox(Error&& error) : error_(new Error(std::move(error))) {}
  ErrorBox(ErrorBox&& other) noexcept : error_(std::exchange(other.error_, nullptr)) {}
  ErrorBox(ErrorBox const& other) : error_(other.error_ == nullptr ? nullptr : new Error(*other.error_)) {}
  ErrorBox& operator=(ErrorBox other) noexcept {
    std::swap(error_, other.error_);
    return *this;
  }
  ~ErrorBox() {
    if (error_ != nullptr) drop();
  }
  [[nodiscard]] Error* get() const { return error_; }
  [[noreturn]] __attribute__((cold, noinline)) void raise() const { throw Error(*error_); }

 private:
  __attribute__((cold, noinline)) void drop() { delete error_; }
  Error* error_ = nullptr;
};

}  // namespace detail

/// A value or an Error: what a `try_` call returns.
template <class T>
class [[nodiscard]] Result {
 public:
  // Not one constructor that takes a T: nvcc 13 would not move a `return local;` into its argument.
  Result(T&& value) : has_value_(true) { ::new (static_cast<void*>(&value_)) T(std::move(value)); }
  Result(T const& value)
    requires(std::is_copy_constructible_v<T>)
      : has_value_(true) {
    ::new (static_cast<void*>(&value_)) T(value);
  }
  Result(Error error) : error_(std::move(error)), has_value_(false) {}
  Result(Result&& other) noexcept : error_(std::move(other.error_)), has_value_(other.has_value_) {
    if (has_value_) ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
  }
  Result(Result const& other)
    requires(std::is_copy_constructible_v<T>)
      : error_(other.error_), has_value_(other.has_value_) {
    if (has_value_) ::new (static_cast<void*>(&value_)) T(other.value_);
  }
  Result& operator=(Result other) noexcept {
    if (has_value_) value_.~T();
    has_value_ = other.has_value_;
    error_ = std::move(other.error_);
    if (has_value_) ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
    return *this;
  }
  ~Result() {
    if (has_value_) value_.~T();
  }

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  explicit operator bool() const noexcept { return has_value_; }

  /// The value; throws the Error if there is none.
  T& value() & { return throw_if_error(), value_; }
  T const& value() const& { return throw_if_error(), value_; }
  T value() && { return throw_if_error(), std::move(value_); }

  /// Unchecked, like std::optional.
  T& operator*() & noexcept { return value_; }
  T const& operator*() const& noexcept { return value_; }
  T operator*() && noexcept { return std::move(value_); }
  T* operator->() noexcept { return &value_; }
  T const* operator->() const noexcept { return &value_; }

  /// Unchecked: only when there is no value.
  [[nodiscard]] Error const& error() const& noexcept { return *error_.get(); }
  [[nodiscard]] Error error() && noexcept { return std::move(*error_.get()); }

 private:
  void throw_if_error() const {
    if (!has_value_) error_.raise();
  }
  detail::ErrorBox error_;
  bool has_value_;
  union {
    T value_;
  };
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return error_.get() == nullptr; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (!has_value()) error_.raise();
  }
  [[nodiscard]] Error const& error() const& noexcept { return *error_.get(); }
  [[nodiscard]] Error error() && noexcept { return std::move(*error_.get()); }

 private:
  detail::ErrorBox error_;
};

}  // namespace ashlar
