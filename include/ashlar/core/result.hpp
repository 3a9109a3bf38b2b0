// Ashlar: Result, a value or an Error.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/error.hpp>

#include <utility>
#include <variant>

namespace ashlar {

/// A value or an Error: what a `try_` call returns.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value; throws the Error if there is none.
  T& value() & { return throw_if_error(), *std::get_if<0>(&state_); }
  T const& value() const& { return throw_if_error(), *std::get_if<0>(&state_); }
  T value() && { return throw_if_error(), std::move(*std::get_if<0>(&state_)); }

  /// Unchecked, like std::optional.
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  T const& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  T const* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// Unchecked: only when there is no value.
  [[nodiscard]] Error const& error() const& noexcept { return *std::get_if<1>(&state_); }
  [[nodiscard]] Error error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

 private:
  void throw_if_error() const {
    if (auto const* e = std::get_if<1>(&state_)) throw *e;
  }
  std::variant<T, Error> state_;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return error_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (auto const* e = std::get_if<1>(&error_)) throw *e;
  }
  [[nodiscard]] Error const& error() const& noexcept { return *std::get_if<1>(&error_); }
  [[nodiscard]] Error error() && noexcept { return std::move(*std::get_if<1>(&error_)); }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace ashlar
