// Every file of the hostile corpus does what its index says, in bounded memory and time, and runs nothing.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/torch.hpp>

#include "support/hostile.hpp"
#include "support/peak_memory.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace ashlar;
using ashlar::test::HostileCorpus;
using ashlar::test::in_child;
using ashlar::test::Json;

namespace {

std::span<std::byte const> bytes_of(std::string_view s) { return std::as_bytes(std::span(s)); }

Value const* at_path(Value const& root, std::vector<Json> const& path) {
  Value const* v = &root;
  for (Json const& step : path) {
    auto const index = static_cast<std::int64_t>(step.number);
    if (v->is_dict()) {
      v = step.type == Json::Type::string ? v->find(step.string) : v->find(index);
    } else {
      v = static_cast<std::size_t>(index) < v->size() ? &v->elements()[static_cast<std::size_t>(index)] : nullptr;
    }
    if (v == nullptr) return nullptr;
  }
  return v;
}

std::string hex(std::span<std::byte const> bytes) {
  std::string out;
  for (std::byte const b : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned>(b) & 15];
  }
  return out;
}

std::string tensor_problem(Value const* v, Json const& expected) {
  if (v == nullptr || !v->is_tensor()) return "a tensor is missing";
  ValueTensor const& t = v->tensor();
  bool same = name_of(t.dtype()) == expected["dtype"].string && t.shape().rank == expected["shape"].items.size();
  for (std::size_t d = 0; same && d < t.shape().rank; ++d) {
    same = static_cast<double>(t.shape()[d]) == expected["shape"].at(d).number;
  }
  if (!same) return "another dtype or shape: " + t.describe();
  std::vector<std::byte> elements(t.size_bytes());
  t.copy_to(elements);
  bool const equal = expected.has("hex") ? hex(elements) == expected["hex"].string
                                         : detail::crc32_of(elements) == expected["crc32"].number;
  return equal ? "" : "other elements: " + hex(std::span(elements).first(std::min<std::size_t>(elements.size(), 64)));
}

std::string scalar_problem(Value const* v, Json const& expected) {
  bool same = false;
  if (v != nullptr) {
    switch (expected.type) {
      case Json::Type::null: same = v->is_none(); break;
      case Json::Type::boolean:
        same = v->kind() == Value::Kind::boolean && v->as_bool() == (expected.number != 0);
        break;
      case Json::Type::number: same = v->as_double() == expected.number; break;
      default: same = v->as_string() == expected.string;
    }
  }
  return same ? "" : "another scalar, or none";
}

std::string value_problem(Value const& v, Json const& file) {
  auto const& tensors = file["tensors"].items;
  for (Json const& t : tensors) {
    if (auto why = tensor_problem(at_path(v, t["path"].items), t); !why.empty()) return why;
  }
  if (!file.has("more_tensors") && v.tensor_count() != tensors.size()) {
    return "there are " + std::to_string(v.tensor_count()) + " tensors";
  }
  if (file.has("other")) {
    for (Json const& o : file["other"].items) {
      if (auto why = scalar_problem(at_path(v, o["path"].items), o["value"]); !why.empty()) return why;
    }
  }
  return "";
}

/// Lists what is there and reads every byte of it, without writing expanded tensors out.
std::uint32_t read_all(Value const& v) {
  std::uint32_t sum = 0;
  for (NamedTensor const& t : v.tensors()) sum += detail::crc32_of(t.tensor.storage());
  return sum;
}

/// Opens the bytes from memory or a file, and says what is wrong with the outcome.
template <class Source>
std::string outcome_problem(HostileCorpus const& corpus, Json const& file, Source const& source, std::size_t size) {
  std::size_t const before = test::live_bytes;
  test::peak_bytes = before;
  std::string why;
  {
    auto const result = try_read_torch(source);
    if (result) (void)read_all(*result);
    std::size_t const most = test::peak_bytes - before;
    if (most > corpus.most_memory(size)) return std::to_string(most) + " bytes were allocated at once";
    bool const accepted = result.has_value();
    bool const expected = file["verdict"].string == "accept";
    if (accepted != expected && !file.has("also_allowed")) {
      return accepted ? "it was accepted: " + result->describe()
                      : std::string("it was refused: ") + result.error().what();
    }
    if (!accepted && result.error().code() != Errc::format) why = "the error is not about the format";
    if (why.empty()) {
      why = accepted ? value_problem(*result, file) : corpus.error_problem(file, result.error().what());
    }
  }
  return why;
}

/// Whether all tensors of `a` are, by path and bytes, those of `b`.
bool same_tensors(Value const& a, Value const& b) {
  auto const x = a.tensors();
  auto const y = b.tensors();
  bool same = x.size() == y.size();
  for (std::size_t i = 0; same && i < x.size(); ++i) {
    same = x[i].path == y[i].path && x[i].tensor.describe() == y[i].tensor.describe() &&
           hex(x[i].tensor.bytes()) == hex(y[i].tensor.bytes());
  }
  return same;
}

std::string from_hex(std::string const& digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return out;
}

Json const* derived(HostileCorpus const& corpus, std::string const& id) {
  for (Json const& d : corpus.derived()) {
    if (d["id"].string == id) return &d;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("hostile PyTorch files are refused in the right words, or read as they should be") {
  HostileCorpus const corpus("pt");
  std::size_t files = 0;
  for (Json const& file : corpus.files()) {
    std::string const name = file["name"].string;
    CAPTURE(name);
    std::string_view const content = corpus.content(file);
    std::string const said = in_child([&] {
      std::string why = outcome_problem(corpus, file, bytes_of(content), content.size());
      if (!why.empty()) return "from memory: " + why;
      std::string const path = "input.pt";
      std::FILE* const f = std::fopen(path.c_str(), "wb");
      if (f == nullptr || std::fwrite(content.data(), 1, content.size(), f) != content.size())
        return std::string("no file");
      std::fclose(f);
      why = outcome_problem(corpus, file, path, content.size());
      bool const checked = try_read_torch(path).has_value();
      auto const unchecked = try_read_torch(path, {.check_crc = false});
      if (checked && !unchecked) why += " refused if no CRC is checked";
      if (unchecked) (void)read_all(*unchecked);
      std::remove(path.c_str());
      return why.empty() ? "" : "from a file: " + why;
    });
    CHECK(said == "");
    ++files;
  }
  CHECK(files == 466);
}

TEST_CASE("a file with one flipped bit is refused, or has the same tensors") {
  HostileCorpus const corpus("pt");
  Json const* const entry = derived(corpus, "flip-pt");
  REQUIRE(entry != nullptr);
  std::string const base((corpus.content((*entry)["base"].string)));
  for (Json const& range : (*entry)["ranges"].items) {
    std::size_t const begin = static_cast<std::size_t>(range.at(0).number);
    std::size_t const end =
        range.at(1).type == Json::Type::null ? base.size() : static_cast<std::size_t>(range.at(1).number);
    std::string const what = range.at(2).string;
    CAPTURE(what);
    CHECK(in_child([&]() -> std::string {
            Value const original = read_torch(bytes_of(base));
            std::string changed = base;
            for (std::size_t bit = begin * 8; bit < end * 8; ++bit) {
              char const mask = static_cast<char>(1 << bit % 8);
              changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ mask);
              auto const result = try_read_torch(bytes_of(changed));
              if (result && (what == "data.pkl" || !same_tensors(*result, original))) {
                return "accepted with bit " + std::to_string(bit) + " flipped";
              }
              changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ mask);
            }
            return "";
          }) == "");
  }
}

TEST_CASE("a file that is cut off anywhere is refused") {
  HostileCorpus const corpus("pt");
  for (char const* const name : {"control--basic.pt", "control--deflated.pt", "legacy-control--basic.pt"}) {
    CAPTURE(name);
    std::string_view const base = corpus.content(std::string(name));
    CHECK(in_child([&]() -> std::string {
            for (std::size_t length = 0; length < base.size(); ++length) {
              // A copy of just that length, so that the address sanitizer sees one byte too far.
              std::vector<char> const copy(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(length));
              if (try_read_torch(bytes_of({copy.data(), length})))
                return "accepted " + std::to_string(length) + " bytes";
            }
            return "";
          }) == "");
  }
}

TEST_CASE("time and memory grow no faster than the file") {
  HostileCorpus const corpus("pt");
  std::size_t entries = 0;
  for (Json const& entry : corpus.derived()) {
    if (entry["operation"].string != "repeat") continue;
    ++entries;
    std::string const id = entry["id"].string;
    CAPTURE(id);
    CHECK(in_child([&]() -> std::string {
            double before = 0.020;  // seconds below which nothing is compared
            for (Json const& count : entry["counts"].items) {
              std::string const unit = from_hex(entry["unit_hex"].string);
              std::string content = from_hex(entry["prefix_hex"].string);
              for (double i = 0; i < count.number; ++i) content += unit;
              content += from_hex(entry["suffix_hex"].string);
              test::peak_bytes = test::live_bytes;
              std::size_t const held = test::live_bytes;
              std::clock_t const start = std::clock();  // of this process: other ones may keep it waiting
              {
                auto const result = try_read_torch(bytes_of(content));
                if (result && id != "deep-tuple") return "it was accepted";
                if (!result && std::string_view(result.error().what()).size() > 1000) return "a long message";
              }
              double const took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
              if (took > 15 * before) return "it took " + std::to_string(took) + " s";
              before = std::max(0.020, took);
              if (test::peak_bytes - held > corpus.most_memory(content.size()) + content.size() * 16) {
                return std::to_string(test::peak_bytes - held) + " bytes were allocated at once";
              }
            }
            return "";
          }) == "");
  }
  CHECK(entries == 4);
}
