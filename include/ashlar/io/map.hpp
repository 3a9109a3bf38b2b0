// Ashlar: finding an object in a file, to be used where it lies.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/image.hpp>
#include <ashlar/io/load.hpp>
#include <ashlar/io/mapping.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/io/report.hpp>
#include <ashlar/reflect/row.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {

namespace detail {

/// Does a file with this prologue hold an object of this layout, byte for byte? The explanation, if it does not, costs
/// a look at the manifest.
inline bool fits(Prologue const& prologue, Layout const& layout) {
  return prologue.fingerprint == layout.fingerprint && prologue.data_length == layout.bytes;
}

/// What is different, line by line. `bytes` are the whole file.
ASHLAR_COLD inline Error explain_misfit(Layout const& layout, std::span<std::byte const> bytes,
                                        std::string_view where) {
  auto image = read_image(bytes, where);
  if (!image) return std::move(image).error();
  LoadPlan const plan(layout, source_of(*image), {}, Conversion::none);
  if (!plan.match.problems.empty()) return mismatch_error(layout, where, plan.match.problems);
  if (plan.expected.migrates()) {
    std::vector<std::string> lines;
    for (Expected::Step const& step : plan.expected.steps()) {
      if (!step.text.empty()) lines.push_back(step.text);
    }
    return Error(Errc::mismatch,
                 message({where, ": holds earlier versions of layers of ", layout.type,
                          ", so it can be loaded and not mapped; load it and save it again to map it"}),
                 std::move(lines));
  }
  return Error(
      Errc::mismatch,
      message({where, ": holds all of ", layout.type,
               ", but laid out otherwise, so it can be loaded and not mapped; load it and save it again to map it"}),
      layout_differences(layout, image->data().size(), image->manifest.rows));
}

/// Bools and enums of an object that lies at `object`.
ASHLAR_COLD inline Result<void> check_content(Layout const& layout, void const* object, std::string_view where) {
  std::vector<std::string> problems;
  for (Row const& row : layout.rows) {
    if (row.valid != nullptr && !row.valid(static_cast<std::byte const*>(object) + row.offset)) {
      problems.push_back(content_problem(row));
    }
  }
  if (problems.empty()) return {};
  return content_error(layout, where, std::move(problems));
}

ASHLAR_IO_FUNCTION Result<MappedObject> map_object(std::string const& path, Layout const& layout, bool content) {
  auto file = InputFile::open(path);
  if (!file) return std::move(file).error();
  PrologueBytes head{};
  if (file->size() < head.size()) {
    std::vector<std::byte> all(static_cast<std::size_t>(file->size()));
    if (auto read = file->read(0, all); !read) return std::move(read).error();
    return read_prologue(all, path).error();
  }
  if (auto read = file->read(0, head); !read) return std::move(read).error();
  auto const prologue = decode(head, file->size(), path);
  if (!prologue) return prologue.error();
  auto mapping = Mapping::map(*file, false);
  if (!mapping) return std::move(mapping).error();
  if (!fits(*prologue, layout)) return explain_misfit(layout, mapping->bytes(), path);
  void const* const object = mapping->bytes().data() + prologue->data_offset;
  if (content) {
    if (auto result = check_content(layout, object, path); !result) return std::move(result).error();
  }
  return MappedObject{std::move(*mapping), object};
}

ASHLAR_IO_FUNCTION Result<void const*> view_object(std::span<std::byte const> bytes, Layout const& layout,
                                                   std::size_t alignment) {
  std::string_view const where = "memory";
  auto const prologue = read_prologue(bytes, where);
  if (!prologue) return prologue.error();
  if (!fits(*prologue, layout)) return explain_misfit(layout, bytes, where);
  void const* const object = bytes.data() + prologue->data_offset;
  if (reinterpret_cast<std::uintptr_t>(object) % alignment != 0) {
    return error(
        Errc::value,
        {"memory: the bytes of a file can be used in place only where they start at a multiple of ", alignment});
  }
  if (auto result = check_content(layout, object, where); !result) return std::move(result).error();
  return object;
}

}  // namespace detail
}  // namespace ashlar
