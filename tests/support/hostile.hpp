// Walks a corpus of hostile files, each in a process of its own (tests/golden/hostile/README.md).
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "support/file.hpp"
#include "support/forked.hpp"
#include "support/json.hpp"

#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ashlar::test {

/// The files of tests/golden/hostile/KIND.*.
class HostileCorpus {
 public:
  explicit HostileCorpus(std::string const& kind) {
    std::string const base = std::string(ASHLAR_TEST_DATA) + "/hostile/" + kind;
    index_ = parse_json(read_file(base + ".json"));
    std::unique_ptr<std::remove_pointer_t<::gzFile>, int (*)(::gzFile)> const file(
        ::gzopen((base + ".pack.gz").c_str(), "rb"), &::gzclose);
    if (!file) throw std::runtime_error("cannot open " + base + ".pack.gz");
    std::array<char, 1 << 14> buffer;
    for (int n; (n = ::gzread(file.get(), buffer.data(), buffer.size())) > 0;) {
      pack_.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  [[nodiscard]] std::vector<Json> const& files() const { return index_["files"].items; }
  [[nodiscard]] std::vector<Json> const& derived() const { return index_["derived"].items; }
  [[nodiscard]] std::string_view content(Json const& file) const {
    return std::string_view(pack_).substr(static_cast<std::size_t>(file["at"].number),
                                          static_cast<std::size_t>(file["bytes"].number));
  }
  [[nodiscard]] std::string_view content(std::string const& name) const {
    for (Json const& f : files()) {
      if (f["name"].string == name) return content(f);
    }
    throw std::runtime_error("no file " + name);
  }
  /// How much may be allocated at once for a file of `size` bytes.
  [[nodiscard]] std::size_t most_memory(std::size_t size) const {
    return static_cast<std::size_t>(index_["limits"]["allocation_base"].number) +
           size * static_cast<std::size_t>(index_["limits"]["allocation_per_byte"].number);
  }
  /// Why an error with this text is not the one that was asked for, or empty.
  [[nodiscard]] std::string error_problem(Json const& file, std::string_view text) const {
    if (file.has("error_about") && !mentions(text, file["error_about"].items, true)) {
      return "the error is about something else: " + std::string(text);
    }
    if (file.has("error_contains") && !mentions(text, file["error_contains"].items, false)) {
      return "the error does not name " + file["error_contains"].at(0).string + ": " + std::string(text);
    }
    return "";
  }

 private:
  static std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  }
  bool mentions(std::string_view text, std::vector<Json> const& words, bool are_topics) const {
    for (Json const& word : words) {
      if (are_topics ? mentions(text, index_["topics"][word.string].items, false)
                     : lower(text).find(lower(word.string)) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  Json index_;
  std::string pack_;
};

/// What `f()`, which returns text, said in a child process under limits, whose current folder is empty. Also says if
/// the child ended otherwise than by itself, or left a file there.
template <class F>
std::string in_child(F&& f) {
  char folder[] = "hostile.XXXXXX";
  if (::mkdtemp(folder) == nullptr) return "no folder";
  std::string said = forked([&]() -> std::string {
    if (::chdir(folder) != 0) return "cannot enter the folder";
    return f();
  });
  if (::rmdir(folder) != 0) said += " [a file was left in " + std::string(folder) + "]";
  return said;
}

}  // namespace ashlar::test
