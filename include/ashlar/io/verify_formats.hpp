// Ashlar: what is wrong with a file, by format.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/content.hpp>
#include <ashlar/io/load.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/read_any.hpp>
#include <ashlar/io/safetensors_header.hpp>
#include <ashlar/io/value.hpp>
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

/// The tensors that hold bools which are none. Views may share their bytes: each byte is looked at once.
ASHLAR_COLD inline std::vector<std::string> bool_problems(Value const& root) {
  std::vector<NamedTensor> views;
  try {
    views = root.tensors();
  } catch (Error const& e) {  // a small tree can stand for more than can be listed
    return {e.headline()};
  }
  std::vector<std::string> problems;
  std::size_t left = std::size_t{1} << 30;  // of strided views, which may show each byte any number of times
  std::erase_if(views, [&](NamedTensor const& t) {
    if (t.tensor.dtype() != DType::boolean || t.tensor.numel() == 0) return true;
    if (t.tensor.is_contiguous()) return false;
    if (t.tensor.numel() > left) return true;
    left -= t.tensor.numel();
    if (first_not_bool(t.tensor) != t.tensor.numel()) {
      problems.push_back(message({printable(t.path), " holds a value that is no bool"}));
    }
    return true;
  });
  std::sort(views.begin(), views.end(), [](NamedTensor const& a, NamedTensor const& b) {
    return a.tensor.bytes().data() < b.tensor.bytes().data();
  });
  std::byte const* done = nullptr;
  for (NamedTensor const& t : views) {
    auto const bytes = t.tensor.bytes();
    std::byte const* const begin = std::max(bytes.data(), done);
    done = std::max(done, bytes.data() + bytes.size());
    if (begin >= done) continue;
    std::span<std::byte const> const fresh(begin, done);
    if (not_bool(fresh) != fresh.size())
      problems.push_back(message({printable(t.path), " holds a value that is no bool"}));
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
    if (auto more = bool_problems(*root); !more.empty()) {
      problems.insert(problems.end(), more.begin(), more.end());
      return failed(damage_error(path, std::move(problems)));
    }
  } else if (std::find(problems.begin(), problems.end(), root.error().headline()) == problems.end()) {
    if (problems.empty()) return failed(root.error());
    problems.push_back(root.error().headline());
  }
  if (problems.size() == 1) return failed(Error(Errc::format, problems[0]));
  if (!problems.empty()) return failed(damage_error(path, std::move(problems)));
  return report;
}

}  // namespace ashlar::detail
