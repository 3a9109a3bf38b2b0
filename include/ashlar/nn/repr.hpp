// Ashlar: Repr, what a layer says about itself in a printed network.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace ashlar {
namespace detail {

/// A number as Python writes it: the fewest digits that give it back, "0.5", "1.0", "1e-05", "1e+16", "nan".
template <class T>
std::string python_float(T value) {
  char text[64];
  auto const end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  std::string const scientific(text, end.ptr);  // "-1.25e-05"
  std::size_t const e = scientific.find('e');
  if (e == std::string::npos) return scientific;  // "inf", "nan"
  int exponent = 0;
  std::from_chars(scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1), scientific.data() + scientific.size(),
                  exponent);
  if (exponent < -4 || exponent >= 16) return scientific;
  auto const fixed_end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  std::string fixed(text, fixed_end.ptr);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

template <class T>
std::string python_value(T const& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "True" : "False";
  } else if constexpr (std::is_floating_point_v<T>) {
    return python_float(value);
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_convertible_v<T const&, std::string_view>) {
    return std::string("'").append(std::string_view(value)).append("'");
  } else {
    std::string out = "(";  // a tuple
    std::size_t n = 0;
    for (auto const& element : value) out.append(n++ == 0 ? "" : ", ").append(python_value(element));
    return out.append(n == 1 ? ",)" : ")");
  }
}

}  // namespace detail

/// Collects what stands between the parentheses of a printed layer: `Linear(in_features=20, ...)`.
///
/// A layer that has more to say than its name has a member `void extra_repr(auto& r) const`, which calls `add` for
/// each setting: the name and the value, or a value alone. Values are written as Python writes them: True, 1e-05,
/// 'same'; a std::array is a tuple.
///
/// Source  torch.nn.Module.extra_repr.
/// Usage   examples/guide/custom_layers.cpp
class Repr {
 public:
  template <class T>
  Repr& add(std::string_view name, T const& value) {
    next().append(name).append("=").append(detail::python_value(value));
    return *this;
  }
  template <class T>
  Repr& add(T const& value) {
    next().append(detail::python_value(value));
    return *this;
  }
  /// As it is: "padding=same".
  Repr& add_text(std::string_view text) {
    next().append(text);
    return *this;
  }
  [[nodiscard]] std::string const& text() const { return text_; }

 private:
  std::string& next() { return text_.append(text_.empty() ? "" : ", "); }
  std::string text_;
};

}  // namespace ashlar
