// Reads JSON, for golden files and headers of safetensors files. Strict enough for files we wrote ourselves.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::test {

/// A JSON value. Only the member its content needs is filled.
struct Json {
  enum class Type { null, boolean, number, string, array, object };
  Type type = Type::null;
  double number = 0;  ///< also 0 or 1 for false and true
  std::string string;
  std::vector<Json> items;
  std::map<std::string, Json> members;

  [[nodiscard]] bool has(std::string const& key) const { return members.count(key) != 0; }
  Json const& operator[](std::string const& key) const {
    auto const at = members.find(key);
    if (at == members.end()) throw std::runtime_error("JSON: no member " + key);
    return at->second;
  }
  Json const& operator[](char const* key) const { return (*this)[std::string(key)]; }
  [[nodiscard]] Json const& at(std::size_t i) const { return items.at(i); }
  [[nodiscard]] std::vector<double> numbers() const {
    std::vector<double> out;
    for (Json const& item : items) out.push_back(item.number);
    return out;
  }
};

namespace detail {

class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Json document() {
    Json out = value();
    if (skip() != '\0') fail("something after the end");
    return out;
  }

 private:
  [[noreturn]] void fail(char const* why) const {
    throw std::runtime_error(std::string("JSON: ") + why + " at " + std::to_string(at_));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char skip() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
    return peek();
  }
  void expect(char c) {
    if (skip() != c) fail("unexpected character");
    ++at_;
  }
  bool word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) return false;
    at_ += w.size();
    return true;
  }

  Json value() {
    Json out;
    char const c = skip();
    if (c == '{') {
      out.type = Json::Type::object;
      for (expect('{'); skip() != '}';) {
        std::string key = text();
        expect(':');
        out.members.emplace(std::move(key), value());
        if (skip() != '}') expect(',');
      }
      expect('}');
    } else if (c == '[') {
      out.type = Json::Type::array;
      for (expect('['); skip() != ']';) {
        out.items.push_back(value());
        if (skip() != ']') expect(',');
      }
      expect(']');
    } else if (c == '"') {
      out.type = Json::Type::string;
      out.string = text();
    } else if (word("true")) {
      out.type = Json::Type::boolean;
      out.number = 1;
    } else if (word("false")) {
      out.type = Json::Type::boolean;
    } else if (!word("null")) {
      out.type = Json::Type::number;
      std::size_t const begin = at_;
      while (std::string_view("+-.0123456789eE").find(peek()) != std::string_view::npos) ++at_;
      if (begin == at_) fail("no value");
      out.number = std::strtod(std::string(text_.substr(begin, at_ - begin)).c_str(), nullptr);
    }
    return out;
  }

  std::string text() {
    std::string out;
    for (expect('"'); peek() != '"'; ++at_) {
      if (peek() == '\0') fail("string without an end");
      if (peek() == '\\') {
        ++at_;
        switch (peek()) {
          case 'b': out += '\b'; continue;
          case 'f': out += '\f'; continue;
          case 'n': out += '\n'; continue;
          case 'r': out += '\r'; continue;
          case 't': out += '\t'; continue;
          case 'u': unicode(out); continue;
          default: break;
        }
      }
      out += peek();
    }
    ++at_;
    return out;
  }

  unsigned long hex4() {
    unsigned long const code = std::strtoul(std::string(text_.substr(at_ + 1, 4)).c_str(), nullptr, 16);
    at_ += 4;
    return code;
  }
  /// From the u of an escape, or of a pair of them, to its last digit.
  void unicode(std::string& out) {
    unsigned long code = hex4();
    if (code >= 0xd800 && code < 0xdc00) {
      at_ += 2;
      code = 0x10000 + ((code - 0xd800) << 10) + (hex4() - 0xdc00);
    }
    auto const put = [&](unsigned long byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xc0 | code >> 6);
    } else {
      if (code < 0x10000) {
        put(0xe0 | code >> 12);
      } else {
        put(0xf0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3f));
      }
      put(0x80 | (code >> 6 & 0x3f));
    }
    put(0x80 | (code & 0x3f));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace detail

inline Json parse_json(std::string_view text) { return detail::JsonReader(text).document(); }

}  // namespace ashlar::test
