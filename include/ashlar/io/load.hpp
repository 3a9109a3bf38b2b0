// Ashlar: filling objects from .ashlar files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

inline Match match_image(Layout const& layout, Image const& image) {
  auto const same = [](void const* context, std::size_t a, std::size_t b) {
    auto const& i = *static_cast<Image const*>(context);
    auto const x = i.bytes_of(i.manifest.rows[a]);
    auto const y = i.bytes_of(i.manifest.rows[b]);
    return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0);
  };
  return match(layout, image.manifest.rows, same, &image);
}

/// Members of `layout` whose content in the file C++ could not take; `source` as in Match.
ASHLAR_COLD inline std::vector<std::string> content_problems(Layout const& layout, Image const& image,
                                                             Match const& matched) {
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < layout.rows.size(); ++i) {
    Row const& row = layout.rows[i];
    if (row.valid == nullptr || matched.source[i] < 0) continue;
    Row const& from = image.manifest.rows[static_cast<std::size_t>(matched.source[i])];
    if (from.bytes == row.bytes && !row.valid(image.bytes_of(from).data())) problems.push_back(content_problem(row));
  }
  return problems;
}

/// "mlp.ashlar: Error(s) in loading state_dict for MLP:" and a line for each problem.
ASHLAR_COLD inline Error mismatch_error(Layout const& layout, std::string_view where,
                                        std::vector<std::string> problems) {
  return Error(Errc::mismatch, message({where, ": Error(s) in loading state_dict for ", layout.type, ":"}),
               std::move(problems));
}
ASHLAR_COLD inline Error damage_error(std::string_view where, std::vector<std::string> problems) {
  return Error(Errc::format, message({where, ": the data is damaged"}), std::move(problems));
}
ASHLAR_COLD inline Error content_error(Layout const& layout, std::string_view where,
                                       std::vector<std::string> problems) {
  return Error(Errc::value, message({where, ": holds values that ", layout.type, " cannot"}), std::move(problems));
}

ASHLAR_IO_FUNCTION Result<void> load_image(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                           std::string_view where) {
  auto read = read_image(bytes, where);
  if (!read) return std::move(read).error();
  Image const& image = *read;
  if (auto problems = data_problems(image); !problems.empty()) {
    return damage_error(where, std::move(problems));
  }
  Match const matched = match_image(layout, image);
  if (!matched.problems.empty()) return mismatch_error(layout, where, matched.problems);
  if (auto problems = content_problems(layout, image, matched); !problems.empty()) {
    return content_error(layout, where, std::move(problems));
  }
  auto* const to = static_cast<std::byte*>(object);
  if (image.prologue.fingerprint == layout.fingerprint && image.data().size() == layout.bytes) {
    std::memcpy(to, image.data().data(), layout.bytes);
    return {};
  }
  for (std::size_t i = 0; i < layout.rows.size(); ++i) {
    if (matched.source[i] < 0) continue;  // a tied key: its elements are those of another row
    auto const from = image.bytes_of(image.manifest.rows[static_cast<std::size_t>(matched.source[i])]);
    if (!from.empty()) std::memcpy(to + layout.rows[i].offset, from.data(), from.size());
  }
  return {};
}

ASHLAR_IO_FUNCTION Result<void> load_object(std::string const& path, Layout const& layout, void* object) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, true);
  if (!mapping) return std::move(mapping).error();
  return load_image(layout, object, mapping->bytes(), path);
}

ASHLAR_IO_FUNCTION Report verify_image(std::span<std::byte const> bytes, std::string_view where, Layout const* layout) {
  Report report;
  report.where = where;
  report.bytes = bytes.size();
  auto const take = [&](Error const& e) {
    if (report.ok()) {
      report.code = e.code();
      report.headline = e.headline();
    } else {
      report.problems.push_back(e.headline());
    }
    for (std::string const& p : e.problems()) report.problems.push_back(p);
  };
  auto read = read_image(bytes, where);
  if (!read) {
    take(read.error());
    return report;
  }
  Image const& image = *read;
  report.model = image.manifest.model;
  report.library_version = image.manifest.library_version;
  report.tensors = image.manifest.structure.by_offset.size();
  auto damaged = data_problems(image);
  if (!damaged.empty()) take(damage_error(where, std::move(damaged)));
  if (layout == nullptr) return report;
  Match matched = match_image(*layout, image);
  auto content = content_problems(*layout, image, matched);
  if (!matched.problems.empty()) take(mismatch_error(*layout, where, std::move(matched.problems)));
  if (!content.empty()) take(content_error(*layout, where, std::move(content)));
  return report;
}

ASHLAR_IO_FUNCTION Report verify_file(std::string const& path, Layout const* layout) {
  Report report;
  report.where = path;
  auto const failed = [&](Error const& e) {
    report.code = e.code();
    report.headline = e.headline();
    return report;
  };
  auto file = InputFile::open(path);
  if (!file) return failed(file.error());
  auto mapping = Mapping::map(*file, true);
  if (!mapping) return failed(mapping.error());
  return verify_image(mapping->bytes(), path, layout);
}

}  // namespace ashlar::detail
