// ashlar verify: whether files are whole.  SPDX-License-Identifier: BSL-1.0
#include "json.hpp"
#include "subcommands.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <ashlar/io/verify_any.hpp>

#include <fmt/core.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace ashlar::command {
namespace {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::io: return "io";
    case Errc::format: return "format";
    case Errc::mismatch: return "mismatch";
    case Errc::shape: return "shape";
    case Errc::value: return "value";
    case Errc::device: return "device";
  }
  return "?";
}

Report check(std::string const& path) {
  std::error_code none;
  auto const size = std::filesystem::file_size(path, none);
  ProgressLine line(path, none ? 0 : size);
  return verify_any(path, {[](void* to, std::uint64_t done) { static_cast<ProgressLine*>(to)->show(done); }, &line});
}

void put_json(Json& json, Report const& r) {
  json.object().member("path").text(r.where).member("ok").boolean(r.ok());
  json.member("bytes").number(r.bytes).member("tensors").number(r.tensors);
  if (!r.ok()) {
    json.member("code").text(name_of(r.code)).member("headline").text(r.headline);
    json.member("problems").array();
    for (std::string const& p : r.problems) json.text(p);
    json.end();
  }
  json.end();
}

}  // namespace

int verify(VerifyOptions const& options) {
  std::string out;
  std::string errors;
  Json json;
  json.array();
  bool all_good = true;
  for (std::string const& path : options.files) {
    Report const r = check(path);
    all_good = all_good && r.ok();
    if (options.json) {
      put_json(json, r);
    } else if (r.ok()) {
      if (options.quiet) continue;
      out += fmt::format("{}: {}: {}, {}\n", shown(path), out_terminal().paint("ok", Style::green),
                         counted(r.tensors, "tensor"), bytes_text(r.bytes));
    } else {
      errors += fmt::format("{} {}\n", error_terminal().paint("ashlar:", Style::red), r.headline);
      for (std::string const& p : r.problems) errors += fmt::format("  {}\n", p);
    }
  }
  if (options.json) out = json.end().str();
  write_out(out);
  write_error(errors);
  return all_good ? status_good : status_trouble;
}

}  // namespace ashlar::command
