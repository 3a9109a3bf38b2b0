// Ashlar: filling objects from .ashlar files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/expected.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/renamed_rows.hpp>
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

/// Versions other than 1 of the layers of a file, sorted by key.
ASHLAR_COLD inline std::vector<LayerVersion> versions_of(Manifest const& manifest) {
  std::vector<std::uint32_t> order;
  for (std::size_t i = 0; i < manifest.modules.size(); ++i) {
    if (manifest.modules[i].version != 1) order.push_back(static_cast<std::uint32_t>(i));
  }
  auto const& modules = manifest.modules;
  sort_indices(order.data(), order.size(), [&](auto a, auto b) { return modules[a].key < modules[b].key; });
  std::vector<LayerVersion> out;
  for (std::uint32_t const i : order) out.push_back({std::string(modules[i].key), modules[i].version});
  return out;
}

/// What an object and a verified file make of each other.
struct LoadPlan {
  RenamedRows file;
  Expected expected;
  Match match;

  ASHLAR_COLD LoadPlan(Layout const& layout, Image const& image, LoadOptions const& options)
      : file(image.manifest.rows, versions_of(image.manifest), options), expected(layout, file.versions()) {
    auto const same = [](void const* context, std::size_t a, std::size_t b) {
      auto const& i = *static_cast<Image const*>(context);
      auto const x = i.bytes_of(i.manifest.rows[a]);
      auto const y = i.bytes_of(i.manifest.rows[b]);
      return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0);
    };
    match = detail::match(expected.layout(), file.rows(), same, &image,
                          {.partial = options.partial, .ignored = expected.unreadable()});
    auto const& more = expected.problems();
    match.problems.insert(match.problems.end(), more.begin(), more.end());
    match.problems.insert(match.problems.end(), file.problems().begin(), file.problems().end());
    for (Expected::Step const& step : expected.steps()) check_step(step);
  }

  [[nodiscard]] bool is_missing(std::size_t row) const {
    return match.source[row] < 0 && !expected.layout().rows[row].is_alias();
  }
  /// True if the file has nothing of the layer that a step brings up to date: a partial load leaves it as it is.
  [[nodiscard]] bool is_absent(Expected::Step const& step) const {
    for (std::size_t i = step.first_row; i < step.end_row; ++i) {
      if (match.source[i] >= 0) return false;
    }
    return step.first_row != step.end_row;
  }

 private:
  /// An earlier version is read whole or not at all.
  ASHLAR_COLD void check_step(Expected::Step const& step) {
    if (step.text.empty() || is_absent(step)) return;
    for (std::size_t i = step.first_row; i < step.end_row; ++i) {
      if (!is_missing(i)) continue;
      match.problems.push_back(
          message({step.text, ": cannot be brought up to date without ", expected.layout().rows[i].key}));
    }
  }
};

/// Members of the object whose content in the file C++ could not take.
ASHLAR_COLD inline std::vector<std::string> content_problems(LoadPlan const& plan, Image const& image) {
  std::vector<std::string> problems;
  auto const rows = plan.expected.layout().rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& row = rows[i];
    if (row.valid == nullptr || plan.match.source[i] < 0) continue;
    Row const& from = image.manifest.rows[static_cast<std::size_t>(plan.match.source[i])];
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

ASHLAR_COLD inline LoadReport report_of(LoadPlan const& plan) {
  LoadReport report;
  auto const rows = plan.expected.layout().rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].is_alias()) continue;
    (plan.match.source[i] < 0 ? report.kept : report.loaded).emplace_back(rows[i].key);
  }
  for (std::size_t const i : plan.match.unexpected) report.unused.emplace_back(plan.file.rows()[i].key);
  for (Expected::Step const& step : plan.expected.steps()) {
    if (!step.text.empty() && !plan.is_absent(step)) report.migrated.push_back(step.text);
  }
  return report;
}

ASHLAR_IO_FUNCTION Result<LoadReport> load_image(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                                 std::string_view where, LoadOptions const& options) {
  auto read = read_image(bytes, where);
  if (!read) return std::move(read).error();
  Image const& image = *read;
  if (auto problems = data_problems(image); !problems.empty()) {
    return damage_error(where, std::move(problems));
  }
  LoadPlan const plan(layout, image, options);
  if (!plan.match.problems.empty()) return mismatch_error(layout, where, plan.match.problems);
  if (auto problems = content_problems(plan, image); !problems.empty()) {
    return content_error(layout, where, std::move(problems));
  }
  if (image.prologue.fingerprint == layout.fingerprint && image.data().size() == layout.bytes && !plan.file.renames()) {
    std::memcpy(object, image.data().data(), layout.bytes);
    return report_of(plan);
  }
  Scratch memory;
  std::byte* const scratch = plan.expected.migrates() ? memory.allocate(plan.expected.scratch_bytes()) : nullptr;
  for (std::size_t i = 0; i < plan.match.source.size(); ++i) {
    if (plan.match.source[i] < 0) continue;  // a tied key: its elements are those of another row
    auto const from = image.bytes_of(image.manifest.rows[static_cast<std::size_t>(plan.match.source[i])]);
    if (!from.empty()) std::memcpy(plan.expected.place(i, object, scratch), from.data(), from.size());
  }
  for (Expected::Step const& step : plan.expected.steps()) {
    if (!plan.is_absent(step)) plan.expected.run(step, object, scratch);
  }
  return report_of(plan);
}

ASHLAR_IO_FUNCTION Result<LoadReport> load_object(std::string const& path, Layout const& layout, void* object,
                                                  LoadOptions const& options) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, true);
  if (!mapping) return std::move(mapping).error();
  return load_image(layout, object, mapping->bytes(), path, options);
}

ASHLAR_IO_FUNCTION Result<CheckedFile> open_checked(std::string const& path) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  auto mapping = Mapping::map(*file, true);
  if (!mapping) return std::move(mapping).error();
  auto image = read_image(mapping->bytes(), path);
  if (!image) return std::move(image).error();
  if (auto problems = data_problems(*image); !problems.empty()) return damage_error(path, std::move(problems));
  std::span<std::byte const> const data = image->data();
  return CheckedFile{std::move(*mapping), std::move(image->manifest.rows), data};
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
  LoadPlan const plan(*layout, image, {});
  auto content = content_problems(plan, image);
  if (!plan.match.problems.empty()) take(mismatch_error(*layout, where, plan.match.problems));
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
