// Ashlar: the C++ struct that would load a file.  SPDX-License-Identifier: BSL-1.0
//
// Everything in the text comes from the file, so nothing is taken over unchecked: names become identifiers, keys become
// string literals, and a type of the library is repeated only if it has the form of one.
#pragma once

#include <ashlar/io/cpp_text.hpp>
#include <ashlar/io/flat.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/modules.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/reflect/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

/// Writes the structs of one file.
class Describer {
 public:
  ASHLAR_COLD explicit Describer(FlatFile const& file) : file_(file) {
    modules_.assign(file.modules().begin(), file.modules().end());
    if (modules_.empty()) guess_modules();
    parts_.resize(modules_.size());
    std::vector<std::size_t> around;
    for (std::size_t i = 0; i < modules_.size(); ++i) {
      while (!around.empty() && !lies_in(modules_[i].key, modules_[around.back()].key)) around.pop_back();
      if (!around.empty()) parts_[around.back()].children.push_back(i);
      around.push_back(i);
      by_key_.emplace(modules_[i].key, i);
    }
    auto const rows = file.rows();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::string_view const key = rows[r].key;
      std::size_t const dot = key.rfind('.');
      auto const at = by_key_.find(dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot));
      if (at != by_key_.end() && by_key_.find(key) == by_key_.end()) parts_[at->second].leaves.push_back(r);
    }
    for (Part& part : parts_) {
      std::sort(part.leaves.begin(), part.leaves.end(), [&](std::size_t a, std::size_t b) {
        return rows[a].offset != rows[b].offset ? rows[a].offset < rows[b].offset : a < b;
      });
    }
    for (Module const& m : modules_) {
      if (is_library(m.type)) library_words(m.type);
    }
  }

  ASHLAR_COLD std::string text() {
    std::string const root = write_structs();
    std::string out = message({"// ", root, ": ", heading(), "\n"});
    out += "#include <ashlar/ashlar.hpp>\n";
    for (OwnHeader const& h : own_headers) {
      bool const used = std::any_of(modules_.begin(), modules_.end(), [&](Module const& m) {
        return is_library(m.type) && m.type.find(h.layer) != std::string_view::npos;
      });
      std::string const line = message({"#include <ashlar/nn/", h.header, ".hpp>\n"});
      if (used && out.find(line) == std::string::npos) out += line;
    }
    out += "\n#include <array>\n#include <cstdint>\n\nnamespace described {\n\nusing namespace ashlar;\n";
    out += structs_;
    if (!is_letter(root[0]) || root.find('<') != std::string::npos) out += message({"\nusing Model = ", root, ";\n"});
    return out += "\n}  // namespace described\n";
  }

  /// The same in parts: what the file is, the structs, and the type of the whole, which is named `name` if it is one of
  /// the model's own. The structs want a namespace in which those of the library are known.
  ASHLAR_COLD std::string heading() const {
    std::string version = printable(file_.library_version());
    if (!version.empty() && version.back() == '\\') version.back() = '?';  // it would go on in the line below
    return message({file_.tensors().size(), " tensors, ", file_.data().size(), " bytes, written by ashlar ", version});
  }
  ASHLAR_COLD std::string write_structs(std::string_view name = {}) {
    bool const is_own =
        modules_[0].type != "std::array" && modules_[0].type != "ashlar::Sequential" && !is_library(modules_[0].type);
    return type_of(0, name.empty() || !is_own ? modules_[0].type : name);
  }
  [[nodiscard]] std::string const& structs() const { return structs_; }

 private:
  struct Part {
    std::vector<std::size_t> children;
    std::vector<std::size_t> leaves;
  };

  /// Layers that ashlar.hpp does not have.
  struct OwnHeader {
    std::string_view header;
    std::string_view layer;
  };
  static constexpr OwnHeader own_headers[] = {{"multihead_attention", "MultiheadAttention<"},
                                              {"recurrent", "GRU<"},
                                              {"recurrent", "LSTM<"},
                                              {"recurrent", "RNN<"},
                                              {"recurrent_cell", "Cell<"},
                                              {"transformer", "TransformerEncoderLayer<"}};

  static bool is_library(std::string_view type) {
    return type.starts_with("ashlar::") && is_plain_type(type) && is_letter(type.substr(8, 1).empty() ? '0' : type[8]);
  }

  /// A file without a structure: every prefix of a key is a module.
  ASHLAR_COLD void guess_modules() {
    modules_.push_back({{}, file_.model().empty() ? "Model" : file_.model(), 1, 0});
    std::map<std::string_view, bool> seen;
    for (Row const& row : file_.rows()) {
      for (std::size_t dot = row.key.find('.'); dot != std::string_view::npos; dot = row.key.find('.', dot + 1)) {
        std::string_view const key = row.key.substr(0, dot);
        if (!seen.emplace(key, true).second) continue;
        modules_.push_back({key, key, 1, 0});
      }
    }
    std::sort(modules_.begin() + 1, modules_.end(), [](Module const& a, Module const& b) {
      return std::lexicographical_compare(a.key.begin(), a.key.end(), b.key.begin(), b.key.end(), [](char x, char y) {
        return (x == '.' ? 0 : static_cast<unsigned char>(x)) < (y == '.' ? 0 : static_cast<unsigned char>(y));
      });
    });
  }

  /// Names of the library that the file uses: a struct of the model gets another one.
  ASHLAR_COLD void library_words(std::string_view type) {
    for (std::size_t i = 0; i < type.size();) {
      std::size_t end = i;
      while (end < type.size() && is_word(type[end])) ++end;
      if (end == i) {
        ++i;
        continue;
      }
      if (type.substr(0, i) == "ashlar::") words_.emplace(std::string(type.substr(i, end - i)), true);
      i = end;
    }
    for (char const* word : {"Parameter", "Buffer", "Constant", "Named", "Tied", "Sequential", "Frozen", "State"}) {
      words_.emplace(word, true);
    }
  }

  /// How module i's type is written; structs it needs are written first.
  ASHLAR_COLD std::string type_of(std::size_t i, std::string_view type) {
    auto const& children = parts_[i].children;
    if (type == "std::array" && !children.empty()) {
      return message({"std::array<", type_of(children[0], modules_[children[0]].type), ", ", children.size(), ">"});
    }
    if (type == "ashlar::Sequential") {
      std::string out = "Sequential<";
      for (std::size_t c = 0; c < children.size(); ++c) {
        std::string_view const key = last_part(modules_[children[c]].key);
        std::string const layer = type_of(children[c], modules_[children[c]].type);
        if (c != 0) out += ", ";
        if (key == std::to_string(c)) out += layer;
        else out += message({"Named<", literal(key), ", ", layer, ">"});
      }
      return out += ">";
    }
    if (!is_library(type)) return struct_of(i, type);
    if (!type.starts_with("ashlar::Frozen<")) return renamed(type.substr(8));
    std::size_t const keys = type.find(", \"", 15);
    std::size_t const end = keys == std::string_view::npos ? type.size() - 1 : keys;
    return message({"Frozen<", type_of(i, type.substr(15, end - 15)), type.substr(end)});
  }

  /// The type's text with the structs of the model under the names they were given here.
  ASHLAR_COLD std::string renamed(std::string_view type) const {
    std::string out;
    for (std::size_t i = 0; i < type.size();) {
      bool const at_start = i == 0 || !is_word(type[i - 1]);
      auto const best = at_start ? given_at(type.substr(i)) : given_.end();
      if (best == given_.end()) {
        out += type[i++];
      } else {
        out += best->second;
        i += best->first.size();
      }
    }
    return out;
  }
  /// The longest of the spelled types that the text begins with, as whole words.
  ASHLAR_COLD std::map<std::string, std::string, std::less<>>::const_iterator given_at(std::string_view text) const {
    // What a text begins with stands before it in the order, behind it only what shares less.
    for (std::string_view front = text; !front.empty();) {
      auto at = given_.upper_bound(front);
      if (at == given_.begin()) break;
      std::string_view const spelled = (--at)->first;
      bool const ends = spelled.size() >= text.size() || !is_word(text[spelled.size()]);
      if (front.starts_with(spelled) && ends) return at;
      std::size_t shared = 0;
      while (shared < spelled.size() && shared < front.size() && spelled[shared] == front[shared]) ++shared;
      front = front.substr(0, shared == spelled.size() ? shared - 1 : shared);
    }
    return given_.end();
  }

  ASHLAR_COLD std::string struct_of(std::size_t i, std::string_view type) {
    std::string const body = body_of(i);
    std::string const word = identifier(type);
    auto const [made, is_new] = made_.try_emplace({word, body});
    if (is_new) {
      std::string name = word;
      while (words_.count(name) != 0) name += '_';
      // Two types of one name in different namespaces get two names.
      for (std::size_t& n = names_of_[word]; !struct_names_.insert(name).second;) {
        n = std::max<std::size_t>(n + 1, 2);
        name = message({word, word.back() == '_' ? "" : "_", n});
      }
      structs_ += message({"\nstruct ", name, body.empty() ? " {" : " {\n", body, "};\n"});
      made->second = name;
    }
    given_.emplace(std::string(type), made->second);
    return made->second;
  }

  ASHLAR_COLD std::string body_of(std::size_t i) {
    std::string out;
    if (modules_[i].version != 1) out += message({"  static constexpr int version = ", modules_[i].version, ";\n"});
    std::set<std::string> used;
    std::map<std::string, std::size_t> numbers;
    auto const member = [&](std::string_view key, std::string type, bool wrap, std::string const& comment) {
      std::string name = identifier(key);
      // A member with the name of a type would change what that means in the struct.
      auto const is_type = [&] { return wrap && (words_.count(name) != 0 || struct_names_.count(name) != 0); };
      while (is_type()) name += '_';
      if (!used.insert(name).second) {
        if (name.back() != '_') name += '_';
        std::string const front = name;
        for (std::size_t& n = numbers[front]; is_type() || !used.insert(name).second;) {
          n = std::max<std::size_t>(n + 1, 2);
          name = message({front, n});
        }
      }
      if (name != key && wrap) type = message({"Named<", literal(key), ", ", type, ">"});
      out += message({"  ", type, " ", name, ";", comment.empty() ? "" : "  // ", comment, "\n"});
    };
    Part const& part = parts_[i];
    std::size_t leaf = 0;
    auto const leaves_until = [&](std::size_t end) {
      for (; leaf < std::min(end, part.leaves.size()); ++leaf) {
        Row const& row = file_.rows()[part.leaves[leaf]];
        member(last_part(row.key), leaf_type(row), row.kind != Kind::scalar, leaf_comment(row));
      }
    };
    for (std::size_t const c : part.children) {
      leaves_until(modules_[c].leaves_before);
      member(last_part(modules_[c].key), type_of(c, modules_[c].type), true, numbers_in(c));
    }
    leaves_until(part.leaves.size());
    return out;
  }

  ASHLAR_COLD std::string leaf_type(Row const& row) const {
    if (row.is_alias()) {
      return message({"Tied<", literal(file_.rows()[static_cast<std::size_t>(row.alias_of)].key), ">"});
    }
    std::string out;
    if (row.kind == Kind::scalar) {
      if (row.shape.rank == 0) return std::string(spelling(row.dtype));
      return message({"std::array<", spelling(row.dtype), ", ", row.shape[0], ">"});
    }
    out = message({row.kind == Kind::parameter ? "Parameter<"
                   : row.kind == Kind::buffer  ? "Buffer<"
                                               : "Constant<",
                   spelling(row.dtype)});
    for (std::size_t d = 0; d < row.shape.rank; ++d) out += message({", ", row.shape[d]});
    return out += ">";
  }
  ASHLAR_COLD std::string leaf_comment(Row const& row) const {
    if (row.kind != Kind::scalar || row.shape.numel() > 8) return {};
    std::string out;
    for (std::size_t k = 0; k < row.shape.numel(); ++k) {
      if (k != 0) out += ", ";
      out += number_text(row, file_.data().data() + row.offset + k * size_of(row.dtype));
    }
    return out;
  }
  /// "p = 0.5": the settings of a layer of the library.
  ASHLAR_COLD std::string numbers_in(std::size_t i) const {
    std::string out;
    if (!is_library(modules_[i].type)) return out;
    for (std::size_t const r : parts_[i].leaves) {
      Row const& row = file_.rows()[r];
      std::string const value = leaf_comment(row);
      if (value.empty()) continue;
      if (!out.empty()) out += ", ";
      out += message({printable(last_part(row.key)), " = ", value});
    }
    return out;
  }

  FlatFile const& file_;
  std::vector<Module> modules_;
  std::vector<Part> parts_;
  std::map<std::string_view, std::size_t> by_key_;
  std::map<std::string, bool> words_;
  std::set<std::string> struct_names_;  // names of structs
  std::map<std::pair<std::string, std::string>, std::string> made_;  // of an identifier and a body: the struct's name
  std::map<std::string, std::size_t> names_of_;  // how many structs an identifier has
  std::map<std::string, std::string, std::less<>> given_;  // types of the file by their names here
  std::string structs_;
};

}  // namespace detail

/// The C++ struct that would load an .ashlar file, with the structs it is made of: a header that compiles, in which
/// they stand in the namespace `described`. Layers of the library appear as themselves with their settings, others by
/// what they store; an operator() is code, which no file holds.
///
/// Errors  as for FlatFile::open.
inline Result<std::string> try_describe(std::string const& path) {
  auto file = FlatFile::try_open(path);
  if (!file) return std::move(file).error();
  return detail::Describer(*file).text();
}
/// See try_describe. Throws what it returns.
inline std::string describe(std::string const& path) { return try_describe(path).value(); }

}  // namespace ashlar
