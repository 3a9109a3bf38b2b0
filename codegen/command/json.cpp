// Ashlar command: see json.hpp.  SPDX-License-Identifier: BSL-1.0
#include "json.hpp"

#include <ashlar/io/leaves.hpp>
#include <ashlar/io/printable.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

namespace ashlar::command {
namespace {

/// Bytes of the character that starts at `at`; 0 if there is none.
std::size_t character_length(std::string_view s, std::size_t at) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(4, s.size() - at); ++n) {
    if (detail::is_utf8(s.substr(at, n))) return n;
  }
  return 0;
}
std::string quoted(std::string_view s) {
  std::string out = "\"";
  for (std::size_t i = 0; i < s.size();) {
    std::size_t const n = character_length(s, i);
    if (n == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    auto const u = static_cast<unsigned char>(s[i]);
    if (u == '"' || u == '\\') out += {'\\', s[i]};
    else if (u < 0x20 || u == 0x7f) out += fmt::format("\\u{:04x}", u);
    else out.append(s, i, n);
    i += n;
  }
  return out += '"';
}
std::string digits(double x) {
  if (std::isnan(x)) return "\"nan\"";
  if (std::isinf(x)) return x < 0 ? "\"-inf\"" : "\"inf\"";
  return fmt::format("{}", x);
}

}  // namespace

void Json::begin_item() {
  if (after_name_) {
    after_name_ = false;
    return;
  }
  if (levels_.empty()) return;
  if (!levels_.back().empty) out_ += ',';
  levels_.back().empty = false;
  out_ += '\n';
  out_.append(2 * levels_.size(), ' ');
}
Json& Json::open(char bracket) {
  begin_item();
  out_ += bracket;
  levels_.push_back({bracket == '{' ? '}' : ']'});
  return *this;
}
Json& Json::end() {
  Level const level = levels_.back();
  levels_.pop_back();
  if (!level.empty) {
    out_ += '\n';
    out_.append(2 * levels_.size(), ' ');
  }
  out_ += level.close;
  if (levels_.empty()) out_ += '\n';
  return *this;
}
Json& Json::raw(std::string_view text) {
  begin_item();
  out_ += text;
  return *this;
}
Json& Json::member(std::string_view name) {
  begin_item();
  out_ += quoted(name);
  out_ += ": ";
  after_name_ = true;
  return *this;
}
Json& Json::text(std::string_view s) { return raw(quoted(s)); }
Json& Json::number(double x) { return raw(digits(x)); }
Json& Json::shape(Extents const& shape) {
  std::string list = "[";
  for (std::size_t d = 0; d < shape.rank; ++d) list += fmt::format("{}{}", d == 0 ? "" : ", ", shape[d]);
  return raw(list + "]");
}
Json& Json::value(Value const& v) {
  using Kind = Value::Kind;
  switch (v.kind()) {
    case Kind::none: return null();
    case Kind::boolean: return boolean(v.as_bool());
    case Kind::integer: return number(v.as_int());
    case Kind::floating: return number(v.as_double());
    case Kind::big_integer: return raw(v.as_decimal());
    case Kind::string: return text(v.as_string());
    default: break;
  }
  if (!detail::is_number_list(v)) return text(v.describe());
  std::string list = "[";
  for (Value const& e : v.elements()) {
    if (list.size() > 1) list += ", ";
    if (e.kind() == Kind::boolean) list += e.as_bool() ? "true" : "false";
    else list += e.kind() == Kind::integer ? e.as_decimal() : digits(e.as_double());
  }
  return raw(list + "]");
}

}  // namespace ashlar::command
