// Ashlar: filling objects from files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/content.hpp>
#include <ashlar/io/convert.hpp>
#include <ashlar/io/expected.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/renamed_rows.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/io/source.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
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
  std::vector<LayerVersion> out;
  for (Module const& m : manifest.modules) {
    if (m.version != 1) out.push_back({std::string(m.key), m.version});
  }
  sort_versions(out);
  return out;
}

/// A verified file as a source. The image outlives it.
ASHLAR_COLD inline Source source_of(Image const& image) {
  auto const tensor = [](void const* context, std::size_t row) {
    auto const& i = *static_cast<Image const*>(context);
    Row const& r = i.manifest.rows[row];
    return ValueTensor(r.dtype, r.shape, i.bytes_of(r));
  };
  Source out;
  out.rows = image.manifest.rows;
  out.versions = versions_of(image.manifest);
  out.is_state_dict = image.manifest.modules.empty();  // who knew no structure knew no kinds (io/save_tree.hpp)
  out.context = &image;
  out.tensor = tensor;
  return out;
}

/// What an object and a source make of each other.
struct LoadPlan {
  RenamedRows file;
  Expected expected;
  Match match;

  ASHLAR_COLD LoadPlan(Layout const& layout, Source source, LoadOptions const& options, Conversion conversion)
      : LoadPlan(layout, source.is_state_dict, std::move(source), options, conversion) {}

  [[nodiscard]] bool is_missing(std::size_t row) const {
    return match.source[row] == Match::none && !expected.layout().rows[row].is_alias();
  }
  /// True if the file has nothing of the layer that a step brings up to date: a partial load leaves it as it is.
  [[nodiscard]] bool is_absent(Expected::Step const& step) const {
    for (std::size_t i = step.first_row; i < step.end_row; ++i) {
      if (match.source[i] != Match::none) return false;
    }
    return step.first_row != step.end_row;
  }

 private:
  ASHLAR_COLD LoadPlan(Layout const& layout, bool is_state_dict, Source source, LoadOptions const& options,
                       Conversion conversion)
      : file(std::move(source), options), expected(layout, file.versions(), is_state_dict) {
    auto const same = [](void const* context, std::size_t a, std::size_t b) {
      auto const& rows = *static_cast<RenamedRows const*>(context);
      return same_elements(rows.tensor(a), rows.tensor(b));
    };
    std::vector<std::string> ignored;
    append(ignored, expected.unreadable());
    append(ignored, file.source().explained);
    MatchRules rules{.partial = options.partial,
                     .ignored = ignored,
                     .has_kinds = !is_state_dict,
                     .required = file.source().required,
                     .conversion = conversion};
    if (is_state_dict) rules.may_be_missing = &is_older_than_row;
    match = detail::match(expected.layout(), file.rows(), same, &file, rules);
    append(match.problems, expected.problems());
    append(match.problems, file.problems());
    for (Expected::Step const& step : expected.steps()) check_step(step);
  }
  /// BatchNorm has num_batches_tracked since its version 2 in PyTorch, whose load_state_dict lets it be, too.
  ASHLAR_COLD static bool is_older_than_row(void const* context, Row const& row) {
    if (last_part(row.key) != "num_batches_tracked") return false;
    std::string_view const module = row.key.substr(0, row.key.size() - std::min(row.key.size(), std::size_t{20}));
    for (LayerVersion const& v : static_cast<RenamedRows const*>(context)->versions()) {
      if (v.key == module) return v.version < 2;
    }
    return true;
  }

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

/// Members of the object whose content in the file C++ could not take, or their dtype.
ASHLAR_COLD inline std::vector<std::string> content_problems(LoadPlan const& plan) {
  std::vector<std::string> problems;
  auto const rows = plan.expected.layout().rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row const& row = rows[i];
    std::size_t const at = plan.match.source[i];
    if (at == Match::none) continue;
    Row const& from = plan.file.rows()[at];
    if (!(from.shape == row.shape)) continue;
    if (from.dtype == row.dtype && row.valid != nullptr) {
      ValueTensor const tensor = plan.file.tensor(at);
      std::vector<std::byte> copy(tensor.is_contiguous() ? 0 : row.bytes);
      if (!tensor.is_contiguous()) tensor.copy_to(copy);
      if (!row.valid(copy.empty() ? tensor.bytes().data() : copy.data())) problems.push_back(content_problem(row));
    } else if (from.dtype != row.dtype && number_form(row.dtype).of == NumberForm::Class::integer &&
               is_convertible(from.dtype, row.dtype, Conversion::any) &&
               !convert(plan.file.tensor(at), row.dtype, nullptr)) {
      problems.push_back(message({row.key, " holds a value that does not fit ", name_of(row.dtype), ", as ",
                                  name_of(from.dtype), " in the file"}));
    }
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
    (plan.match.source[i] == Match::none ? report.kept : report.loaded).emplace_back(rows[i].key);
  }
  for (std::size_t const i : plan.match.unexpected) report.unused.emplace_back(plan.file.rows()[i].key);
  append(report.unused, plan.file.source().unused);
  for (Expected::Step const& step : plan.expected.steps()) {
    if (!step.text.empty() && !plan.is_absent(step)) report.migrated.push_back(step.text);
  }
  return report;
}

/// Checks that an object can be filled from a source: all reasons why not in one error.
ASHLAR_COLD inline Result<void> check_plan(LoadPlan const& plan, Layout const& layout, std::string_view where) {
  if (!plan.match.problems.empty()) return mismatch_error(layout, where, plan.match.problems);
  if (auto problems = content_problems(plan); !problems.empty()) {
    return content_error(layout, where, std::move(problems));
  }
  return {};
}
/// Fills an object by a plan without problems.
ASHLAR_COLD inline LoadReport run_plan(LoadPlan const& plan, void* object) {
  // All memory is taken before the object is touched.
  LoadReport report = report_of(plan);
  Scratch memory;
  std::byte* const scratch = plan.expected.migrates() ? memory.allocate(plan.expected.scratch_bytes()) : nullptr;
  auto const rows = plan.expected.layout().rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (plan.match.source[i] == Match::none || rows[i].bytes == 0)
      continue;  // a tied key has its elements from another row
    auto const from = plan.file.tensor(plan.match.source[i]);
    convert(from, rows[i].dtype, plan.expected.place(i, object, scratch));
  }
  for (Expected::Step const& step : plan.expected.steps()) {
    if (!plan.is_absent(step)) plan.expected.run(step, object, scratch);
  }
  return report;
}
inline Conversion conversion_of(LoadOptions const& options) {
  return options.convert ? Conversion::any : Conversion::lossless;
}

ASHLAR_COLD inline Result<LoadReport> load_source(Layout const& layout, void* object, Source source,
                                                  std::string_view where, LoadOptions const& options) {
  LoadPlan const plan(layout, std::move(source), options, conversion_of(options));
  if (auto done = check_plan(plan, layout, where); !done) return std::move(done).error();
  return run_plan(plan, object);
}

/// What a program says that cannot read another format.
ASHLAR_COLD inline Error foreign_error(Content content, std::string_view where) {
  return format_error(where, {content == Content::torch ? "a PyTorch file" : "a .safetensors file",
                              "; include <ashlar/io/read.hpp> (or link ashlar::ashlar) to load it"});
}

ASHLAR_IO_FUNCTION Result<LoadReport> load_image(Layout const& layout, void* object, std::span<std::byte const> bytes,
                                                 std::string_view where, LoadOptions const& options) {
  Content content = content_of(bytes);
  if (content == Content::unknown) content = content_named(where);  // whose reader says what is wrong
  if (content == Content::torch || content == Content::safetensors) {
    if (foreign_loader == nullptr) return foreign_error(content, where);
    return foreign_loader(layout, object, bytes, where, options);
  }
  auto read = read_image(bytes, where);
  if (!read) return std::move(read).error();
  Image const& image = *read;
  if (auto problems = data_problems(image); !problems.empty()) {
    return damage_error(where, std::move(problems));
  }
  LoadPlan const plan(layout, source_of(image), options, conversion_of(options));
  if (auto done = check_plan(plan, layout, where); !done) return std::move(done).error();
  if (image.prologue.fingerprint == layout.fingerprint && image.data().size() == layout.bytes && !plan.file.changes()) {
    LoadReport report = report_of(plan);
    std::memcpy(object, image.data().data(), layout.bytes);
    return report;
  }
  return run_plan(plan, object);
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

ASHLAR_IO_FUNCTION Report verify_image(std::span<std::byte const> bytes, std::string_view where, Layout const* layout,
                                       Progress progress) {
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
  auto damaged = data_problems(image, progress);
  if (!damaged.empty()) take(damage_error(where, std::move(damaged)));
  if (layout == nullptr) return report;
  LoadPlan const plan(*layout, source_of(image), {}, Conversion::lossless);
  auto content = content_problems(plan);
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
  return verify_image(mapping->bytes(), path, layout, {});
}

}  // namespace ashlar::detail
