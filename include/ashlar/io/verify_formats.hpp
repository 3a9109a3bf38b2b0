// Ashlar: what is wrong with a file, by format.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/content.hpp>
#include <ashlar/io/load.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/read_any.hpp>
#include <ashlar/io/verify_any.hpp>
#include <ashlar/io/zip.hpp>
#include <ashlar/io/zip_content.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The records of an archive whose content is damaged. A file that is no sound archive has none: its reader says why.
ASHLAR_COLD inline std::vector<std::string> record_problems(std::span<std::byte const> bytes, std::string_view where,
                                                            Progress progress) {
  std::vector<std::string> problems;
  auto const records = ZipReader(bytes, where).read();
  if (!records) return problems;
  ZipUnpacker unpacker(bytes, where, true);
  for (ZipRecord const& record : *records) {
    if (auto const content = unpacker.content(record); !content) problems.push_back(content.error().headline());
    progress(record.begin + record.packed);
  }
  return problems;
}

ASHLAR_IO_FUNCTION Report verify_any_file(std::string const& path, Progress progress) {
  Report report;
  report.where = path;
  auto const failed = [&](Error const& e) {
    report.code = e.code();
    report.headline = e.headline();
    report.problems = e.problems();
    return report;
  };
  auto file = InputFile::open(path);
  if (!file) return failed(file.error());
  auto mapping = Mapping::map(*file, true);
  if (!mapping) return failed(mapping.error());
  auto const bytes = mapping->bytes();
  report.bytes = bytes.size();
  Content const content = content_of(bytes);
  if (content == Content::ashlar) return verify_image(bytes, path, nullptr, progress);

  std::vector<std::string> problems;
  if (content == Content::torch && bytes[0] == std::byte{'P'}) problems = record_problems(bytes, path, progress);
  auto const root = value_of(bytes, nullptr, path, nullptr, {.check_content = false});
  if (root) {
    report.tensors = root->tensor_count();
  } else if (std::find(problems.begin(), problems.end(), root.error().headline()) == problems.end()) {
    if (problems.empty()) return failed(root.error());
    problems.push_back(root.error().headline());
  }
  if (problems.size() == 1) return failed(Error(Errc::format, problems[0]));
  if (!problems.empty()) return failed(damage_error(path, std::move(problems)));
  return report;
}

}  // namespace ashlar::detail
