// Ashlar command: JSON for tools.  SPDX-License-Identifier: BSL-1.0
//
// Boost.JSON is not used: it prints no indented text, and compiling it takes longer than all of the command.
#pragma once

#include <ashlar/core/shape.hpp>
#include <ashlar/io/value.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::command {

/// Writes one document, indented by two, in the order of the calls.
///
///   Json json;
///   json.object().member("path").text("a.pt").member("tensors").array();
///   ...
///   json.end().end();
class Json {
 public:
  Json& object() { return open('{'); }
  Json& array() { return open('['); }
  Json& end();
  Json& member(std::string_view name);
  /// Broken UTF-8 becomes U+FFFD.
  Json& text(std::string_view s);
  Json& number(std::integral auto n) { return raw(std::to_string(n)); }
  /// Exact; "nan", "inf" and "-inf", which JSON does not have, as text.
  Json& number(double x);
  Json& boolean(bool b) { return raw(b ? "true" : "false"); }
  Json& null() { return raw("null"); }
  /// [256, 20]
  Json& shape(Extents const& shape);
  /// A number, bool, text or None as itself, lists of numbers as lists, all else described in text.
  Json& value(Value const& v);

  /// The document, and a newline.
  [[nodiscard]] std::string const& str() const { return out_; }

 private:
  Json& open(char bracket);
  Json& raw(std::string_view text);
  void begin_item();

  struct Level {
    char close;
    bool empty = true;
  };
  std::string out_;
  std::vector<Level> levels_;
  bool after_name_ = false;
};

}  // namespace ashlar::command
