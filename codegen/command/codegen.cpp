// ashlar codegen: the C++ type that loads a file.  SPDX-License-Identifier: BSL-1.0
#include "subcommands.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include "generate/generate.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/atomic_write.hpp>

#include <fmt/core.h>

#include <filesystem>
#include <span>
#include <string>
#include <system_error>

namespace ashlar::command {

int codegen(CodegenOptions const& options) {
  ashlar::codegen::GenerateOptions rules;
  rules.name = options.name;
  rules.space = options.space;
  rules.at = options.at;
  rules.strip_prefix = options.strip_prefix;
  if (!options.dtype.empty()) rules.dtype = options.dtype == "f64" ? DType::f64 : DType::f32;
  rules.layers = options.layers;
  rules.recognise = !options.plain;
  rules.chain = options.chain;
  // Who reads the header has the file, but not where we have it.
  rules.file = std::filesystem::path(options.file).filename().string();
  std::string const text = ashlar::codegen::generate(options.file, rules);
  if (options.out.empty()) {
    write_out(text);
    return status_good;
  }
  std::error_code none;
  if (std::filesystem::equivalent(options.file, options.out, none)) {
    throw Error(Errc::value, fmt::format("{}: is the input", shown(options.out)));
  }
  auto file = detail::AtomicFile::create(options.out).value();
  file.write(std::as_bytes(std::span(text)), 0).value();
  file.commit().value();
  return status_good;
}

}  // namespace ashlar::command
