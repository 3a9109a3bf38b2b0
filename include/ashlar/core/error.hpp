// Ashlar: run-time errors, thrown or returned.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace ashlar {

/// What kind of thing went wrong, for programs; the text is for people.
enum class Errc : std::uint8_t {
  io,        ///< the operating system refused: open, read, write, sync, rename, map
  format,    ///< the bytes are not a file of the expected format, or are damaged
  mismatch,  ///< the file is sound but holds something else than the type asked for
  shape,     ///< run-time extents do not fit
  value,     ///< an argument or a stored value is outside its range
  device,    ///< a device is absent or failed
};

/// An error with everything a person needs: what, where, expected and found, one line per problem.
///
/// `what()` is the headline followed by the problems, each on its own line. Thrown by the plain calls; the `try_`
/// twin of each call returns it inside a `Result` instead.
class Error : public std::exception {
 public:
  Error(Errc code, std::string headline, std::vector<std::string> problems = {})
      : code_(code), headline_(std::move(headline)), problems_(std::move(problems)), what_(headline_) {
    for (auto const& p : problems_) what_ += "\n  " + p;
  }

  [[nodiscard]] char const* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] Errc code() const noexcept { return code_; }
  [[nodiscard]] std::string const& headline() const noexcept { return headline_; }
  [[nodiscard]] std::vector<std::string> const& problems() const noexcept { return problems_; }

 private:
  Errc code_;
  std::string headline_;
  std::vector<std::string> problems_;
  std::string what_;
};

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
