// Ashlar: the text of a generated header.  SPDX-License-Identifier: BSL-1.0
#include "generate/parts.hpp"

#include <ashlar/io/cpp_text.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace ashlar::codegen {
namespace {

using ashlar::detail::identifier;
using ashlar::detail::literal;
using ashlar::detail::message;

std::string plural(std::size_t n, std::string_view what) { return message({n, " ", what, n == 1 ? "" : "s"}); }

/// Text of the file in a comment: ASCII, and quoted, so that no line ends with a backslash.
std::string quoted(std::string_view text) { return literal(ashlar::detail::printable(text)); }

class Writer {
 public:
  Writer(Tree const& tree, GenerateOptions const& options, std::string_view file)
      : tree_(tree), options_(options), file_(file), parts_(tree, options), space_(parts_space(options.name)) {}

  std::string text() {
    std::string body;
    for (ModulePart const& part : parts_.all()) {
      if (part.nodes[0] != 0) body += part_text(part, part.name, {});
    }
    std::string const root = root_text();
    if (parts_.unknown() != 0) body = unknown_text() + body;
    if (has_options()) body += options_text();

    std::string out = heading();
    out += "#pragma once\n\n";
    out += includes(body + root);
    if (!options_.space.empty()) out += message({"\nnamespace ", options_.space, " {\n"});
    if (!body.empty()) out += "\n";
    if (!body.empty()) out += message({"namespace ", space_, " {\n", body, "\n}  // namespace ", space_, "\n"});
    out += root;
    if (!options_.space.empty()) out += message({"\n}  // namespace ", options_.space, "\n"});
    return out;
  }

 private:
  [[nodiscard]] bool has_options() const {
    LoadOptions const& o = tree_.load;
    return o.partial || !o.at.empty() || !o.strip_prefix.empty() || !o.rename.empty() || narrows();
  }

  /// load has to round.
  [[nodiscard]] bool narrows() const {
    return std::any_of(tree_.leaves.begin(), tree_.leaves.end(),
                       [](Leaf const& leaf) { return leaf.stored == DType::f64 && leaf.dtype == DType::f32; });
  }

  // ---- structs and lists -------------------------------------------------------------------------------------------

  std::string part_text(ModulePart const& part, std::string_view name, std::string_view front) const {
    std::string out = "\n" + places(part);
    if (!part.note.empty()) out += comment(message({"Not told from the file alone: ", part.note, "."}), "/");
    out += part.is_list ? list_text(part, name, front) : struct_text(part, name, front);
    return out;
  }
  [[nodiscard]] std::string places(ModulePart const& part) const {
    std::string const& path = tree_.nodes[part.nodes[0]].path;
    if (path.empty()) return {};
    if (part.nodes.size() == 1) return comment(quoted(path), "/");
    return comment(message({quoted(path), " and ", plural(part.nodes.size() - 1, "other")}), "/");
  }
  std::string struct_text(ModulePart const& part, std::string_view name, std::string_view front) const {
    std::string out = message({"struct ", name, " {\n"});
    std::set<std::string> used{std::string(name), "ashlar", "std", "Input", space_, "load_options"};
    for (Member const& m : part.members) {
      std::string const base = identifier(m.key);
      std::string member = base;
      for (std::size_t n = 2; !used.insert(member).second; ++n) {
        member = message({base, base.back() == '_' ? "" : "_", n});
      }
      std::string type = parts_.text(m.type, front);
      if (member != m.key && !m.is_scalar) type = message({"ashlar::Named<", literal(m.key), ", ", type, ">"});
      out += message({"  ", type, " ", member, ";", m.note.empty() ? "" : "  // ", m.note, "\n"});
    }
    if (!options_.chain) {
      out += "\n" + refusal(message({"a file does not say what ", name, " computes: write its operator()"}));
    }
    return out += "};\n";
  }
  /// An operator() with which nothing compiles that calls it.
  static std::string refusal(std::string const& sentence) {
    return message(
        {"  template <class Input>\n  void operator()(Input const&) const {\n    static_assert(sizeof(Input) == 0, "
         "\"ashlar: ",
         sentence, "\");\n  }\n"});
  }
  std::string list_text(ModulePart const& part, std::string_view name, std::string_view front) const {
    std::string out = message({"using ", name, " = ashlar::Sequential<\n"});
    for (std::size_t i = 0; i < part.members.size(); ++i) {
      Member const& m = part.members[i];
      std::string_view const end = i + 1 < part.members.size() ? ",  // " : ">;  // ";
      out += message({"    ", parts_.text(m.type, front), end, i, m.note.empty() ? "" : ": ", m.note, "\n"});
    }
    return out;
  }
  std::string root_text() const {
    std::string const front = space_ + "::";
    std::string const& root = parts_.root();
    ModulePart const* part = nullptr;
    for (ModulePart const& p : parts_.all()) {
      if (p.nodes[0] == 0) part = &p;
    }
    std::string const what = comment(message({"What ", quoted(file_), " holds."}), "/");
    if (part == nullptr) return message({"\n", what, "using ", options_.name, " = ", parts_.text(root, front), ";\n"});
    std::string text = part_text(*part, options_.name, front);
    return "\n" + what + text.substr(1);
  }
  static std::string unknown_text() {
    return message({"\n",
                    comment("A layer without tensors, of which a file tells nothing but the place: an activation, "
                            "pooling, dropout. Write which, as ashlar::ReLU; it stores nothing either.",
                            "/"),
                    "struct ", Parts::unknown_name, " {\n",
                    refusal("a file names no layers without tensors: write them for Unknown"), "};\n"});
  }
  std::string options_text() const {
    LoadOptions const& o = tree_.load;
    std::string out =
        "\n/// What load has to be told of this file.\ninline ashlar::LoadOptions load_options() {\n"
        "  ashlar::LoadOptions options;\n";
    if (o.partial) out += "  options.partial = true;\n";
    if (!o.at.empty()) out += message({"  options.at = ", string_of(o.at), ";\n"});
    for (std::string const& prefix : o.strip_prefix) {
      out += message({"  options.strip_prefix.push_back(", string_of(prefix), ");\n"});
    }
    for (auto const& [from, to] : o.rename) {
      out += message({"  options.rename.emplace_back(", string_of(from), ", ", string_of(to), ");\n"});
    }
    if (narrows()) out += "  options.convert = true;\n";
    return out + "  return options;\n}\n";
  }
  /// A std::string of these bytes, which may hold zeros.
  static std::string string_of(std::string const& text) {
    if (text.find('\0') == std::string::npos) return literal(text);
    return message({"std::string(", literal(text), ", ", text.size(), ")"});
  }

  // ---- the heading -------------------------------------------------------------------------------------------------

  std::string heading() const {
    std::size_t elements = 0;
    std::size_t bytes = 0;
    std::size_t stored = 0;
    std::set<std::string_view> dtypes;
    for (Leaf const& leaf : tree_.leaves) {
      dtypes.insert(name_of(leaf.stored));
      if (leaf.tied_to != none) continue;
      ++stored;
      elements += leaf.shape.numel();
      bytes += leaf.shape.numel() * size_of(leaf.stored);
    }
    std::string types;
    for (std::string_view const type : dtypes) types += message({types.empty() ? "" : ", ", type});
    std::size_t const tied = tree_.leaves.size() - stored;
    std::string const ties = tied == 0 ? std::string() : message({" and ", plural(tied, "tied key")});
    std::string const space = options_.space.empty() ? std::string() : options_.space + "::";
    std::string out = comment(message({quoted(file_), ": ", plural(stored, "tensor"), ties, ", ",
                                       plural(elements, "element"), ", ", plural(bytes, "byte"), ", ", types,
                                       ". Written by ashlar codegen from keys and shapes; what it "
                                       "could not know is yours to write."}));
    out += message({"//\n//   #include <ashlar/io/read.hpp>\n//   auto net = ashlar::load<", space, options_.name, ">(",
                    literal(file_), has_options() ? ", " + space + space_ + "::load_options()" : std::string(),
                    ");\n//\n"});
    if (!parts_.layers().empty()) {
      out += "// Layers, told by keys and shapes; settings that are not in the file stand at their defaults:\n";
      for (auto const& [name, count] : parts_.layers()) {
        char const* const settings = settings_of(name);
        out += message(
            {"//   ", count, " ", name, settings == nullptr ? "" : ": ", settings == nullptr ? "" : settings, "\n"});
      }
    }
    if (parts_.loose() != 0) {
      bool const guessed = tree_.is_state_dict;
      out += comment(
          message({plural(parts_.loose(), "key"), parts_.loose() == 1 ? " is" : " are", " in no layer that is known",
                   guessed ? ", as parameters or, by name and dtype, buffers." : "."}));
    }
    if (parts_.unknown() != 0) {
      out += comment(message({plural(parts_.unknown(), "place"), " in lists ", parts_.unknown() == 1 ? "has" : "have",
                              " no tensors; ", space, space_, "::", Parts::unknown_name, " stands there."}));
    }
    out +=
        comment("Layers without tensors have no keys, so there may be more of them, and no file tells what runs when.");
    for (std::string const& note : tree_.notes) out += comment(ascii(note));
    std::vector<std::string> keys;
    for (Leaf const& leaf : tree_.leaves) keys.push_back(leaf.key);
    if (keys == parts_.order()) {
      out += "// The keys have the order of the file.\n";
    } else {
      out += comment(
          "The file has its keys in another order than a state_dict of this struct, in which parameters come "
          "before buffers and those before modules. load does not mind.");
    }
    return out;
  }
  static std::string ascii(std::string_view text) {
    std::string const inner = literal(text);
    std::string out;
    for (std::size_t i = 1; i + 1 < inner.size(); ++i) {
      if (inner[i] == '\\' && (inner[i + 1] == '"' || inner[i + 1] == '?' || inner[i + 1] == '\\')) ++i;
      out += inner[i];
    }
    if (!out.empty() && out.back() == '\\') out += '.';
    return out;
  }

  std::string includes(std::string const& text) const {
    auto const has = [&](std::string_view word) { return text.find(word) != std::string::npos; };
    std::set<std::string> ours{"ashlar/core/parameter.hpp"};
    std::vector<std::string> standard;
    if (options_.chain) ours.insert("ashlar/nn.hpp");
    if (has("float16")) ours.insert("ashlar/core/dtype.hpp");
    if (has("ashlar::Named<") || has("ashlar::Tied<")) ours.insert("ashlar/reflect/structure.hpp");
    if (has("ashlar::Sequential<")) ours.insert("ashlar/nn/chain.hpp");
    if (has("ashlar::LoadOptions")) ours.insert("ashlar/io/file.hpp");
    for (auto const& [name, count] : parts_.layers()) ours.insert(message({"ashlar/", header_of(name)}));
    if (has("std::array<")) standard.push_back("array");
    if (has("std::int") || has("std::uint")) standard.push_back("cstdint");
    if (has("std::string(")) standard.push_back("string");
    std::string out;
    for (std::string const& name : ours) out += message({"#include <", name, ">\n"});
    if (!standard.empty()) out += "\n";
    for (std::string const& name : standard) out += message({"#include <", name, ">\n"});
    return out;
  }

  Tree const& tree_;
  GenerateOptions const& options_;
  std::string_view file_;
  Parts parts_;
  std::string space_;
};

}  // namespace

std::string parts_space(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    bool const upper = name[i] >= 'A' && name[i] <= 'Z';
    bool const after_lower = i != 0 && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    if (upper && after_lower) out += '_';
    out += upper ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
  }
  return out + "_parts";
}

std::string comment(std::string_view text, std::string_view slash) {
  std::string out;
  std::string line = message({"//", slash});
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t const end = std::min(text.find(' ', begin), text.size());
    if (line.size() + 1 + end - begin > 118 && line.size() > 3) {
      out += line + "\n";
      line = message({"//", slash});
    }
    line += message({" ", text.substr(begin, end - begin)});
    begin = end + 1;
  }
  return out + line + "\n";
}

std::string write_header(Tree const& tree, GenerateOptions const& options, std::string_view file) {
  return Writer(tree, options, file).text();
}

}  // namespace ashlar::codegen
