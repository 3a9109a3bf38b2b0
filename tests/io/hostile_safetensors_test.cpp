// Files that want to harm a reader of safetensors, each in a process of its own, under limits.
// What has to happen with each stands in tests/golden/safetensors/hostile/index.json.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/safetensors.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/models.hpp"
#include "support/forked.hpp"
#include "support/json.hpp"
#include "support/peak_memory.hpp"

using namespace ashlar;
using ashlar::test::as_bytes;
using ashlar::test::Json;
using ashlar::test::read_file;

namespace {

std::string folder() {
  char const* const other = std::getenv("ASHLAR_HOSTILE");
  return other != nullptr ? other : std::string(ASHLAR_TEST_DATA) + "/safetensors/hostile";
}

struct Tensor {
  std::string path, form, hex;
  bool operator==(Tensor const&) const = default;
};

/// What a reader said: an error, or every element of every tensor.
struct Outcome {
  std::optional<std::string> error;
  std::vector<Tensor> tensors;
  bool operator==(Outcome const&) const = default;
};

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (char const c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

Outcome outcome_of(Result<Value> const& read) {
  if (!read) return {read.error().what(), {}};
  Outcome out;
  for (auto const& [path, t] : read->tensors()) {
    std::string elements(t.size_bytes(), '\0');
    t.copy_to(std::as_writable_bytes(std::span(elements)));
    out.tensors.push_back({path, t.describe(), hex(elements)});
  }
  std::sort(out.tensors.begin(), out.tensors.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
  return out;
}

bool contains(std::string text, std::string const& word) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string low = word;
  for (char& c : low) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find(low) != std::string::npos;
}

/// Why this outcome is not the one that is wanted, or empty.
std::string judge(Outcome const& got, Json const& wanted, Json const& topics) {
  bool const rejected = got.error.has_value();
  bool const either = wanted.has("also_allowed");
  if (!either && rejected != (wanted["verdict"].string == "reject")) {
    return rejected ? "refused: " + *got.error : "accepted";
  }
  if (rejected) {
    if (wanted.has("error_about")) {
      bool found = false;
      for (Json const& topic : wanted["error_about"].items) {
        for (Json const& word : topics[topic.string].items) found = found || contains(*got.error, word.string);
      }
      if (!found) return "says nothing of " + wanted["error_about"].at(0).string + ": " + *got.error;
    }
    if (wanted.has("error_contains")) {
      auto const& words = wanted["error_contains"].items;
      bool const found =
          std::any_of(words.begin(), words.end(), [&](Json const& w) { return contains(*got.error, w.string); });
      if (!found) return "does not name " + words[0].string + ": " + *got.error;
    }
    return {};
  }
  std::vector<Tensor> tensors;
  for (Json const& t : wanted["tensors"].items) {
    Extents shape{t["shape"].items.size(), {}};
    for (std::size_t d = 0; d < shape.rank; ++d) shape[d] = static_cast<std::size_t>(t["shape"].at(d).number);
    tensors.push_back({t["path"].at(0).string, t["dtype"].string + " " + to_string(shape), t["hex"].string});
  }
  std::sort(tensors.begin(), tensors.end(), [](auto const& a, auto const& b) { return a.path < b.path; });
  return got.tensors == tensors ? "" : "other tensors than expected";
}

struct Limits {
  double base, per_byte, seconds;
  explicit Limits(Json const& l)
      : base(l["allocation_base"].number),
        per_byte(l["allocation_per_byte"].number),
        seconds(l[ASHLAR_TEST_SANITIZED ? "seconds_with_sanitizers" : "seconds"].number) {}
};

/// Reads a file in memory, and at an odd address again, within the limits. Says what is wrong, if anything is.
std::string read_within(std::string const& content, Limits const& limits, Outcome& out) {
  std::string message;
  auto const begin = std::chrono::steady_clock::now();
  std::size_t const peak = test::peak_of([&] {
    auto const read = try_read_safetensors(as_bytes(content));
    if (!read) message = read.error().what();
  });
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (seconds > limits.seconds) return "took " + std::to_string(seconds) + " s";
  if (static_cast<double>(peak) > limits.base + limits.per_byte * static_cast<double>(content.size())) {
    return "allocated " + std::to_string(peak) + " bytes";
  }
  out = outcome_of(try_read_safetensors(as_bytes(content)));
  std::string const shifted = "x" + content;
  if (!(outcome_of(try_read_safetensors(as_bytes(shifted).subspan(1))) == out)) return "differs at an odd address";
  return {};
}

std::string whole(Json const& base) {
  std::string const deeper = folder() + "/safetensors/" + base.string;
  return read_file(::access(deeper.c_str(), R_OK) == 0 ? deeper : folder() + "/" + base.string);
}

/// The files that "flip-each-bit" and "set-each-byte" make, one after the other, to `use`; false ends it.
template <class F>
void for_each_change(Json const& derived, std::string const& base, F&& use) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  if (derived.has("ranges")) {
    for (Json const& r : derived["ranges"].items) {
      bool const open = r.at(1).type == Json::Type::null;
      ranges.emplace_back(static_cast<std::size_t>(r.at(0).number),
                          open ? base.size() : static_cast<std::size_t>(r.at(1).number));
    }
  } else {
    ranges.emplace_back(0, base.size());
  }
  bool const bits = derived["operation"].string == "flip-each-bit";
  for (auto const& [from, to] : ranges) {
    for (std::size_t at = from; at < to; ++at) {
      for (int change = 1; change < (bits ? 9 : 256); ++change) {
        std::string file = base;
        file[at] = static_cast<char>(file[at] ^ (bits ? 1 << (change - 1) : change));
        if (!use(file, at)) return;
      }
    }
  }
}

std::string unhex(std::string const& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16));
  }
  return out;
}

std::string repeated(Json const& derived, std::size_t count) {
  std::string header = unhex(derived["prefix_hex"].string);
  std::string const unit = unhex(derived["unit_hex"].string);
  for (std::size_t i = 0; i < count; ++i) header += unit;
  header += unhex(derived["suffix_hex"].string);
  std::string out(8, '\0');
  std::uint64_t const length = header.size();
  std::memcpy(out.data(), &length, 8);
  return out + header;
}

/// What a derived family has to do; says what is wrong.
std::string judge_family(Json const& derived, Limits const& limits) {
  std::string const operation = derived["operation"].string;
  std::string const must = derived["must"].string;
  Outcome out;
  std::string wrong;
  if (operation == "flip-each-bit" || operation == "set-each-byte") {
    std::string const base = whole(derived["base"]);
    for_each_change(derived, base, [&](std::string const& file, std::size_t at) {
      wrong = read_within(file, limits, out);
      if (wrong.empty() && at < 8 && !out.error) wrong = "accepted, with another header length";
      if (!wrong.empty()) wrong += ", byte " + std::to_string(at);
      return wrong.empty();
    });
    return wrong;
  }
  if (operation == "cut-at-each-length") {
    std::string const base = whole(derived["base"]);
    for (std::size_t n = 0; n < base.size(); ++n) {
      if (auto w = read_within(base.substr(0, n), limits, out); !w.empty()) return w;
      if (!out.error) return "accepted, cut at " + std::to_string(n);
    }
    return {};
  }
  if (operation != "repeat") return "an operation that this test does not know: " + operation;
  double before = 0;
  for (Json const& count : derived["counts"].items) {
    std::string const file = repeated(derived, static_cast<std::size_t>(count.number));
    auto const begin = std::chrono::steady_clock::now();
    if (auto w = read_within(file, limits, out); !w.empty()) return w;
    double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (out.error.has_value() != (must.find("an error") == 0)) return out.error.value_or("accepted");
    if (!out.error && !out.tensors.empty()) return "tensors out of nowhere";
    if (before > 0 && seconds > 0.02 && seconds > 15 * std::max(before, 0.02)) return "more than linear time";
    before = seconds;
  }
  return {};
}

}  // namespace

TEST_CASE("hostile safetensors files do what is said of them, within limits of time and memory") {
  Json const index = test::parse_json(read_file(folder() + "/index.json"));
  Limits const limits(index["limits"]);
  std::size_t files = 0;
  for (Json const& file : index["files"].items) {
    std::string const name = file["file"].string;
    if (name.rfind("pt/", 0) == 0) continue;
    CAPTURE(name, file["wrong"].string);
    ++files;
    std::string const path = folder() + "/" + name;
    CHECK(test::forked([&]() -> std::string {
            std::string const content = read_file(path);
            Outcome out;
            if (auto wrong = read_within(content, limits, out); !wrong.empty()) return wrong;
            Outcome mapped = outcome_of(try_read_safetensors(path));
            if (mapped.error.has_value() != out.error.has_value() || mapped.tensors != out.tensors) {
              return "differs between file and memory";
            }
            return judge(mapped, file["ashlar"], index["topics"]);
          }) == "");
  }
  CHECK(files >= 100);
}

TEST_CASE("families of hostile safetensors files, made here") {
  Json const index = test::parse_json(read_file(folder() + "/index.json"));
  Limits const limits(index["limits"]);
  std::size_t families = 0;
  for (Json const& derived : index["derived"].items) {
    if (derived.has("kind") && derived["kind"].string != "safetensors") continue;
    CAPTURE(derived["id"].string);
    ++families;
    CHECK(test::forked([&] { return judge_family(derived, limits); }) == "");
  }
  CHECK(families >= 5);
}
