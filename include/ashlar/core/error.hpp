// Ashlar: run-time errors.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>
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
  __attribute__((cold, noinline)) Error(Errc code, std::string headline, std::vector<std::string> problems = {})
      : code_(code), headline_(std::move(headline)), problems_(std::move(problems)), what_(headline_) {
    for (auto const& p : problems_) what_.append("\n  ").append(p);
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

}  // namespace ashlar
