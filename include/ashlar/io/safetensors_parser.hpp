// Ashlar: the JSON of a .safetensors header, parsed.  SPDX-License-Identifier: BSL-1.0
//
// The JSON is that of this format and no other: there is nothing to skip, so nothing recurses.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/safetensors_entry.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ashlar::detail {

class SafetensorsParser {
 public:
  /// `text`: the header, without its length.
  SafetensorsParser(std::string_view text, std::string_view where, SafetensorsHeader& out)
      : text_(text), where_(where), out_(out) {}

  /// Checks everything that can be known without the length of the data.
  Result<void> parse() {
    out_.tensors.reserve(text_.size() / 64);  // few entries are shorter
    out_.extents.reserve(text_.size() / 32);
    if (document()) return {};
    return Error(Errc::format, message({where_, ": invalid safetensors header, byte ", 8 + at_, ": ", problem_}));
  }

 private:
  ASHLAR_COLD bool fail(std::initializer_list<Part> parts) {
    problem_ = message(parts);
    return false;
  }
  ASHLAR_COLD bool fail_expected(std::string_view what) {
    if (at_ >= text_.size()) return fail({"expected ", what, ", but this is the end of the JSON text"});
    return fail({"expected ", what, ", found ", printable(text_.substr(at_, 16))});
  }

  [[nodiscard]] bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool take(char c) {
    if (!at(c)) return false;
    ++at_;
    return true;
  }
  bool expect(char c, char const* what) { return take(c) || fail_expected(what); }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool document() {
    if (!expect('{', "a JSON object")) return false;
    skip();
    if (!take('}')) {
      do {
        std::string_view name;
        skip();
        std::size_t const begin = at_;
        if (!string(name, "a name in quotes") || !colon()) return false;
        if (name == "__metadata__") {
          if (std::exchange(out_.has_metadata, true))
            return at_ = begin, fail({"duplicate name: __metadata__ stands twice"});
          if (!metadata_object()) return false;
        } else if (!entry(name)) {
          return false;
        }
        skip();
      } while (take(','));
      if (!expect('}', "',' or '}'")) return false;
    }
    skip();
    return at_ == text_.size() || fail_expected("nothing but blanks behind the JSON object");
  }

  bool colon() {
    skip();
    if (!expect(':', "':'")) return false;
    skip();
    return true;
  }

  bool metadata_object() {
    if (!expect('{', "__metadata__ to be an object of strings")) return false;
    skip();
    if (take('}')) return true;
    do {
      std::pair<std::string_view, std::string_view> pair;
      skip();
      if (!string(pair.first, "a name in quotes") || !colon()) return false;
      if (!string(pair.second, "a string, as all values of __metadata__ are")) return false;
      out_.metadata.push_back(pair);
      skip();
    } while (take(','));
    return expect('}', "',' or '}' in __metadata__");
  }

  bool entry(std::string_view name) {
    SafetensorsEntry e;
    e.name = name;
    name_ = name;
    std::size_t const begin = at_;
    if (!take('{')) return fail_in("an object with the fields dtype, shape and data_offsets");
    unsigned seen = 0;  // a bit for each field
    skip();
    if (!at('}')) {
      do {
        skip();
        std::size_t const here = at_;
        std::size_t const field = field_name();
        if (field == field_names.size() || !colon()) return false;
        if (!(field == 0 ? dtype_of_entry(e) : field == 1 ? list(e) : offsets_of(e))) return false;
        if ((seen & 1u << field) != 0) {
          at_ = here;
          return fail({printable(name), ": duplicate field: ", field_names[field], " stands twice"});
        }
        seen |= 1u << field;
        skip();
      } while (take(','));
    }
    if (!take('}')) return fail_in("',' or '}'");
    if (auto const missing = static_cast<std::size_t>(std::countr_one(seen)); missing != field_names.size()) {
      at_ = begin;
      return fail({printable(name), ": the field ", field_names[missing], " is missing"});
    }
    if (!size_fits(e)) return at_ = begin, false;
    out_.tensors.push_back(e);
    return true;
  }

  static constexpr std::array<std::string_view, 3> field_names{"dtype", "shape", "data_offsets"};

  /// The index of the name that stands here; their number after an error. A third of a header are these words, so they
  /// are looked for as they are usually written.
  std::size_t field_name() {
    if (take_word("\"dtype\"")) return 0;
    if (take_word("\"shape\"")) return 1;
    if (take_word("\"data_offsets\"")) return 2;
    std::size_t const begin = at_;
    std::string_view name;
    if (!string(name, "the name of a field in quotes")) return field_names.size();
    for (std::size_t f = 0; f < field_names.size(); ++f) {
      if (name == field_names[f]) return f;
    }
    at_ = begin;
    fail({printable(name_), ": unknown field '", printable(name), "'"});
    return field_names.size();
  }

  template <std::size_t N>
  bool take_word(char const (&word)[N]) {
    if (text_.size() - at_ < N - 1 || std::memcmp(text_.data() + at_, word, N - 1) != 0) return false;
    at_ += N - 1;
    return true;
  }

  ASHLAR_COLD bool fail_in(std::string_view expected) {
    std::string const entry = message({"in the entry of ", printable(name_)});
    return fail_expected(message({expected, " ", entry}));
  }

  bool dtype_of_entry(SafetensorsEntry& e) {
    std::size_t const begin = at_;
    std::string_view name;
    if (!at('"')) return fail_in("a dtype in quotes");
    if (!string(name, "a dtype in quotes")) return false;
    e.dtype = name == dtype_->name ? dtype_ : safetensors_dtype(name);
    if (e.dtype == nullptr) {
      at_ = begin;
      return fail({printable(name_), ": unknown or unsupported dtype '", printable(name), "'"});
    }
    dtype_ = e.dtype;
    return true;
  }

  bool list(SafetensorsEntry& e) {
    if (!take('[')) return fail_in("a shape in brackets");
    e.shape = out_.extents.size();
    skip();
    if (!take(']')) {
      do {
        std::uint64_t extent;
        skip();
        if (!number(extent, "shape")) return false;
        out_.extents.push_back(extent);
        skip();
      } while (take(','));
      if (!take(']')) return fail_in("',' or ']' in the shape");
    }
    e.rank = out_.extents.size() - e.shape;
    return true;
  }

  bool offsets_of(SafetensorsEntry& e) {
    std::size_t const begin = at_;
    if (!take('[')) return fail_in("two data_offsets in brackets");
    skip();
    if (at(']')) return fail_in("two data_offsets");
    if (!number(e.begin, "data_offsets")) return false;
    skip();
    if (!take(',')) return fail_in("two data_offsets");
    skip();
    if (!number(e.end, "data_offsets")) return false;
    skip();
    if (!take(']')) return fail_in("two data_offsets and ']'");
    if (e.begin > e.end) {
      at_ = begin;
      return fail({printable(name_), ": the end of data_offsets, ", e.end, ", lies before their begin, ", e.begin});
    }
    return true;
  }

  /// A JSON number that is an integer from 0 to 2^64 - 1.
  bool number(std::uint64_t& value, char const* in) {
    std::size_t const begin = at_;
    auto const digit = [&] { return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; };
    auto const bad = [&](char const* why) {
      at_ = begin;
      return fail({printable(name_), ": expected an unsigned 64-bit integer in ", in, ", found ",
                   printable(text_.substr(begin, 24)), why});
    };
    if (!digit()) return at('-') ? bad(": negative") : bad("");
    // Locals: through references, each digit would wait for the store of the one before.
    std::string_view const digits = text_.substr(begin, 19);
    std::uint64_t sum = 0;
    std::size_t n = 0;
    for (; n < digits.size() && digits[n] >= '0' && digits[n] <= '9'; ++n) {
      sum = sum * 10 + static_cast<std::uint64_t>(digits[n] - '0');
    }
    value = sum;
    at_ += n;
    if (text_[begin] == '0' && at_ - begin > 1) return bad(": a number does not begin with 0");
    for (; digit(); ++at_) {
      auto const d = static_cast<std::uint64_t>(text_[at_] - '0');
      if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) || __builtin_add_overflow(value, d, &value)) {
        return bad(": too large");
      }
    }
    if (at('.') || at('e') || at('E')) return bad(": not an integer");
    return true;
  }

  /// The shape's bytes are those between the offsets. An extent of 0 does not excuse others that overflow: code that
  /// reads the shape may multiply in any order.
  bool size_fits(SafetensorsEntry const& e) {
    std::uint64_t bytes = size_of(e.dtype->dtype);
    bool empty = false;
    bool fits = true;
    for (std::uint64_t const extent : out_.shape(e)) {
      empty = empty || extent == 0;
      fits = fits && multiply(bytes, extent == 0 ? 1 : extent, bytes);
    }
    std::string_view const text = e.dtype->name;
    if (!fits || bytes > (std::uint64_t{1} << 62)) {
      return fail({printable(name_), ": the shape ", shape_text(out_.shape(e)), " of ", text,
                   " is more than can be addressed"});
    }
    if (empty) bytes = 0;
    if (bytes == e.end - e.begin) return true;
    return fail({printable(name_), ": the shape ", shape_text(out_.shape(e)), " of ", text, " takes ", bytes,
                 " bytes, but data_offsets hold ", e.end - e.begin});
  }

  // ---- strings -----------------------------------------------------------------------------------------------------

  /// The position of the next byte of a string, from `i` on, that is not plain: a quote, a backslash, a control
  /// character or, which `ascii` then says, a byte above 127. Eight bytes at a time: names are most of a header.
  [[nodiscard]] std::size_t plain_end(std::size_t i) const {
    constexpr std::uint64_t ones = ~std::uint64_t{0} / 255;
    constexpr std::uint64_t high = ones << 7;
    auto const zero_in = [](std::uint64_t v) { return (v - ones) & ~v & high; };
    for (; i + 8 <= text_.size(); i += 8) {
      std::uint64_t v;
      std::memcpy(&v, text_.data() + i, 8);
      std::uint64_t const control = (v - ones * 0x20) & ~v & high;
      std::uint64_t const found = control | (v & high) | zero_in(v ^ ones * '"') | zero_in(v ^ ones * '\\');
      if (found != 0) return i + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
    while (i < text_.size() && !special(text_[i])) ++i;
    return i;
  }
  static bool special(char c) {
    auto const u = static_cast<unsigned char>(c);
    return u < 0x20 || u >= 0x80 || c == '"' || c == '\\';
  }

  /// A JSON string, decoded.
  bool string(std::string_view& value, char const* what) {
    if (!take('"')) return fail_expected(what);
    std::size_t const begin = at_;
    bool ascii = true;
    bool escaped = false;
    char* to = nullptr;
    std::size_t done = begin;  // what `to` has a copy of
    for (;;) {
      at_ = plain_end(at_);
      if (at_ == text_.size()) return fail({"a string without an end in the JSON text"});
      char const c = text_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) >= 0x80) {
        ascii = false;
        ++at_;
        continue;
      }
      if (c != '\\') return fail({"a control character in a JSON string"});
      if (!escaped) {
        escaped = true;
        // Decoded text is never longer than the header, so one piece of memory serves all strings.
        if (out_.decoded.capacity() == 0) out_.decoded.reserve(text_.size());
        to = out_.decoded.data() + out_.decoded.size();
      }
      out_.decoded.insert(out_.decoded.end(), text_.begin() + static_cast<std::ptrdiff_t>(done),
                          text_.begin() + static_cast<std::ptrdiff_t>(at_));
      if (!escape()) return false;
      done = at_;
    }
    // Only outside escapes can it be broken: what they stand for is written whole.
    if (!ascii && !is_utf8(text_.substr(begin, at_ - begin))) {
      at_ = begin;
      return fail({"a string that is not UTF-8"});
    }
    if (escaped) {
      out_.decoded.insert(out_.decoded.end(), text_.begin() + static_cast<std::ptrdiff_t>(done),
                          text_.begin() + static_cast<std::ptrdiff_t>(at_));
      value = {to, static_cast<std::size_t>(out_.decoded.data() + out_.decoded.size() - to)};
    } else {
      value = text_.substr(begin, at_ - begin);
    }
    ++at_;
    return true;
  }

  /// One escape, from its backslash on.
  bool escape() {
    std::size_t const begin = at_++;
    char const c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case '"':
      case '\\':
      case '/': out_.decoded.push_back(c); return true;
      case 'b': out_.decoded.push_back('\b'); return true;
      case 'f': out_.decoded.push_back('\f'); return true;
      case 'n': out_.decoded.push_back('\n'); return true;
      case 'r': out_.decoded.push_back('\r'); return true;
      case 't': out_.decoded.push_back('\t'); return true;
      case 'u': break;
      default: at_ = begin; return fail({"an invalid escape in a JSON string"});
    }
    std::uint32_t code;
    if (!hex4(code)) return at_ = begin, fail({"an invalid \\u escape in a JSON string"});
    if (code >= 0xd800 && code < 0xe000) {
      std::uint32_t low = 0;
      bool const pair = code < 0xdc00 && take('\\') && take('u') && hex4(low) && low >= 0xdc00 && low < 0xe000;
      if (!pair) return at_ = begin, fail({"half a surrogate pair in a JSON string: not Unicode"});
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(out_.decoded, code);
    return true;
  }
  bool hex4(std::uint32_t& code) {
    if (text_.size() - at_ < 4) return false;
    code = 0;
    for (int i = 0; i < 4; ++i) {
      char const c = text_[at_++];
      std::uint32_t digit;
      if (c >= '0' && c <= '9') {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        digit = static_cast<std::uint32_t>((c | 0x20) - 'a') + 10;
      } else {
        return false;
      }
      code = code * 16 + digit;
    }
    return true;
  }

  std::string_view text_;
  std::string_view where_;
  SafetensorsHeader& out_;
  std::size_t at_ = 0;
  std::string_view name_;  // of the entry that is being read
  SafetensorsDType const* dtype_ = safetensors_dtypes.data();  // of the entry before, mostly the next one's too
  std::string problem_;
};

}  // namespace ashlar::detail
