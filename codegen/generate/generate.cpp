// Ashlar: from a file to a header, whatever the format.  SPDX-License-Identifier: BSL-1.0
#include "generate/tree.hpp"

#include <ashlar/io/cpp_text.hpp>
#include <ashlar/io/describe.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/state_dict.hpp>

#include <memory>
#include <utility>

namespace ashlar::codegen {
namespace {

using ashlar::detail::error;
using ashlar::detail::identifier;
using ashlar::detail::literal;
using ashlar::detail::message;
using ashlar::detail::printable;

/// An identifier. Words of capitals may be macros, but who writes "MLP" knows that it is none.
bool is_name(std::string const& text) {
  std::string const made = identifier(text);
  return made == text || made == text + "_";
}

Result<void> check(GenerateOptions const& options) {
  if (!is_name(options.name) || options.name == "ashlar" || options.name == "std") {
    return error(Errc::value, {"GenerateOptions::name: \"", printable(options.name), "\" is no name for a struct"});
  }
  for (std::size_t begin = 0; begin < options.space.size();) {
    std::size_t const end = std::min(options.space.find("::", begin), options.space.size());
    std::string const part = options.space.substr(begin, end - begin);
    if (part.empty() || !is_name(part) || end + 2 == options.space.size()) {
      return error(Errc::value,
                   {"GenerateOptions::space: \"", printable(options.space), "\" is no name of a namespace"});
    }
    begin = end + 2;
  }
  if (options.dtype && *options.dtype != DType::f32 && *options.dtype != DType::f64) {
    return error(Errc::value, {"GenerateOptions::dtype: f32 or f64, not ", name_of(*options.dtype)});
  }
  return {};
}

Result<std::string> header_for(ashlar::detail::Source source, std::string_view where, GenerateOptions const& options,
                               std::string const& at) {
  auto tree = make_tree(std::move(source), where, options, at);
  if (!tree) return std::move(tree).error();
  if (auto chosen = choose_layers(*tree, where, options); !chosen) return std::move(chosen).error();
  return write_header(*tree, options, where);
}

/// A dict of tensors, or what of it lies at options.at: as load finds it.
Result<std::string> header_for(Value const& root, std::string_view where, GenerateOptions const& options) {
  Value const* there = ashlar::detail::value_at(root, options.at);
  bool const is_front =
      (there == nullptr || ashlar::detail::own_tensors(*there) == 0) && ashlar::detail::own_tensors(root) != 0;
  if (is_front) there = &root;
  if (there == nullptr || ashlar::detail::own_tensors(*there) == 0) {
    return ashlar::detail::no_state_dict(root, there, where, options.at);
  }
  ashlar::detail::StateDictSource const state(*there);
  auto tree = make_tree(state.source(), where, options, is_front ? options.at : std::string());
  if (!tree) return std::move(tree).error();
  if (auto chosen = choose_layers(*tree, where, options); !chosen) return std::move(chosen).error();
  tree->load.at = options.at;
  return write_header(*tree, options, where);
}

/// A file of ours that lists its modules says what they are.
Result<std::string> described(FlatFile const& file, std::string_view where, GenerateOptions const& options) {
  ashlar::detail::Describer describer(file);
  std::string const space = parts_space(options.name);
  std::string const root = describer.write_structs(options.name);
  std::string out =
      comment(message({literal(printable(where)), ": ", describer.heading(),
                       ". Written by ashlar codegen from the list of modules in the file: layers and their "
                       "settings are as they were saved; an operator() is code, which no file holds."}));
  std::string const outer = options.space.empty() ? std::string() : options.space + "::";
  out += message({"//\n//   auto net = ashlar::load<", outer, options.name, ">(", literal(where),
                  ");\n#pragma once\n\n", "#include <ashlar/ashlar.hpp>\n\n#include <array>\n#include <cstdint>\n\n"});
  if (!options.space.empty()) out += message({"namespace ", options.space, " {\n"});
  out += message({"namespace ", space, " {\n\nusing namespace ashlar;\n", describer.structs()});
  bool const is_struct = root.find('<') == std::string::npos;
  if (!is_struct) out += message({"\nusing Whole = ", root, ";\n"});
  out += message({"\n}  // namespace ", space, "\n\nusing ", options.name, " = ", space,
                  "::", is_struct ? std::string_view(root) : "Whole", ";\n"});
  if (!options.space.empty()) out += message({"\n}  // namespace ", options.space, "\n"});
  return out;
}

}  // namespace

Result<std::string> try_generate(std::string const& path, GenerateOptions const& options) {
  if (auto ok = check(options); !ok) return std::move(ok).error();
  std::string const where = options.file.empty() ? path : options.file;
  auto value = try_read(path);
  if (!value) return std::move(value).error();
  auto file = FlatFile::try_open(path);
  if (!file) return header_for(*value, where, options);
  bool const plain = options.at.empty() && options.strip_prefix.empty() && !options.dtype && options.recognise &&
                     options.layers.empty();
  if (plain && !file->modules().empty()) return described(*file, where, options);

  // A file of ours tells parameters from buffers, even if it lists no modules.
  std::vector<ValueTensor> tensors;
  for (Row const& row : file->rows()) {
    Row const& stored = row.is_alias() ? file->rows()[static_cast<std::size_t>(row.alias_of)] : row;
    tensors.emplace_back(stored.dtype, stored.shape, file->data().subspan(stored.offset, stored.bytes));
  }
  auto const tensor = [](void const* context, std::size_t row) {
    return (*static_cast<std::vector<ValueTensor> const*>(context))[row];
  };
  return header_for(ashlar::detail::Source{file->rows(), {}, {}, false, &tensors, tensor}, where, options, options.at);
}
std::string generate(std::string const& path, GenerateOptions const& options) {
  return try_generate(path, options).value();
}

Result<std::string> try_generate(Value const& root, GenerateOptions const& options) {
  if (auto ok = check(options); !ok) return std::move(ok).error();
  return header_for(root, options.file.empty() ? "memory" : options.file, options);
}
std::string generate(Value const& root, GenerateOptions const& options) { return try_generate(root, options).value(); }

}  // namespace ashlar::codegen
