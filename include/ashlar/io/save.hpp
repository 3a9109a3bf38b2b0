// Ashlar: writing .ashlar files.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/atomic_write.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/hash.hpp>
#include <ashlar/io/manifest_write.hpp>
#include <ashlar/io/prologue.hpp>
#include <ashlar/io/rules.hpp>
#include <ashlar/io/value_tensor.hpp>
#include <ashlar/reflect/row.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {

namespace detail {

/// The part of a file before the data: prologue, manifest, zeros.
struct Head {
  std::vector<std::byte> bytes;
  std::size_t manifest_length = 0;
};

ASHLAR_COLD inline Result<Head> make_head(Layout const& layout, Structure const& structure, SaveOptions const& options,
                                          std::string_view where) {
  auto metadata = sorted_metadata(options.metadata, where);
  if (!metadata) return std::move(metadata).error();
  auto manifest = build_manifest(layout, structure, *metadata, where);
  if (!manifest) return std::move(manifest).error();
  Head head;
  head.manifest_length = manifest->size();
  head.bytes.resize(data_offset_for(manifest->size()));
  std::memcpy(head.bytes.data() + prologue_size, manifest->data(), manifest->size());
  return head;
}

/// Puts in what is known only once all data has been seen. `checksums`: one for each stored row, in order.
ASHLAR_COLD inline void finish_head(Head& head, Layout const& layout, std::span<std::uint64_t const> checksums) {
  std::span<std::byte> const manifest(head.bytes.data() + prologue_size, head.manifest_length);
  set_checksums(manifest, checksums);
  Prologue p;
  p.manifest_length = static_cast<std::uint32_t>(head.manifest_length);
  p.data_offset = static_cast<std::uint32_t>(head.bytes.size());
  p.data_length = layout.bytes;
  p.fingerprint = layout.fingerprint;
  p.manifest_checksum = checksum(manifest);
  PrologueBytes const first = encode(p);
  std::memcpy(head.bytes.data(), first.data(), first.size());
}

/// Hands out the data segment in order, in batches of pieces, and takes the checksums on the way.
///
/// Bytes are hashed, then given to `sink(Pieces, offset)` while they are in the cache, so memory is read once. Padding
/// comes from a page of zeros where memory holds something else; elsewhere neighbours become one piece.
template <class Sink>
Result<void> stream_data(Layout const& layout, std::span<std::uint32_t const> by_offset, Places const& places,
                         std::span<std::uint64_t> checksum_of_row, Sink&& sink) {
  // write(2) of 1 GB in batches, on ext4 and a Zen CPU with 512 KiB of L2: see bench/io.cpp.
  constexpr std::size_t batch_bytes = std::size_t{256} << 10;
  static constexpr std::array<std::byte, 4096> zeros{};

  PieceBatch pieces;
  std::vector<std::byte> gathered;
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::uint64_t at = 0;
  auto const flush = [&]() -> Result<void> {
    if (bytes == 0) return {};
    auto result = sink(Pieces(pieces.data(), count), at);
    at += bytes;
    count = bytes = 0;
    return result;
  };
  auto const append = [&](std::byte const* from, std::size_t n) -> Result<void> {
    if (count != 0 && static_cast<std::byte*>(pieces[count - 1].iov_base) + pieces[count - 1].iov_len == from) {
      pieces[count - 1].iov_len += n;
    } else {
      pieces[count++] = {const_cast<std::byte*>(from), n};
    }
    bytes += n;
    if (bytes >= batch_bytes || count == pieces.size()) return flush();
    return {};
  };
  std::size_t end = 0;
  auto const pad = [&](std::size_t to) -> Result<void> {
    while (end < to) {
      std::size_t const n = std::min(to - end, zeros.size());
      auto const* const there = places.padding(end);
      bool const zero = there != nullptr && is_zero({there, n});
      if (auto result = append(zero ? there : zeros.data(), n); !result) return result;
      end += n;
    }
    return {};
  };

  for (std::uint32_t const i : by_offset) {
    Row const& row = layout.rows[i];
    if (auto result = pad(row.offset); !result) return result;
    end = row.offset + row.bytes;
    auto const* const elements = places.row(row, i);
    if (elements == nullptr && row.bytes != 0) {
      Checksum sum;
      for (std::size_t done = 0; done < row.bytes; done += gathered.size()) {
        if (auto result = flush(); !result) return result;  // before the memory is used again
        gathered.resize(std::min(row.bytes - done, batch_bytes));
        places.views[i]->copy_part(done / size_of(row.dtype), gathered);
        sum.add(gathered.data(), gathered.size());
        if (auto result = append(gathered.data(), gathered.size()); !result) return result;
      }
      checksum_of_row[i] = sum.value();
      if (auto result = flush(); !result) return result;
      continue;
    }
    if (row.bytes <= batch_bytes) {
      checksum_of_row[i] = checksum({elements, row.bytes});
      if (row.bytes == 0) continue;
      if (auto result = append(elements, row.bytes); !result) return result;
      continue;
    }
    Checksum sum;
    for (std::size_t done = 0; done < row.bytes;) {
      std::size_t const n = std::min(row.bytes - done, batch_bytes - bytes);
      sum.add(elements + done, n);
      if (auto result = append(elements + done, n); !result) return result;
      done += n;
    }
    checksum_of_row[i] = sum.value();
  }
  if (auto result = pad(layout.bytes); !result) return result;
  return flush();
}

/// A layout that has been found fit to be saved, and the front of its file.
struct SavePlan {
  Structure structure;
  Head head;
  std::vector<std::uint64_t> checksum_of_row;

  ASHLAR_COLD static Result<SavePlan> make(Layout const& layout, Places const& places, SaveOptions const& options,
                                           std::string_view where) {
    auto structure = check_rows(layout.rows, layout.bytes, Errc::value, where);
    if (!structure) return std::move(structure).error();
    // What could not be read again is not written.
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < layout.rows.size(); ++i) {
      Row const& row = layout.rows[i];
      if (row.valid != nullptr && !row.is_alias() && !row.valid(places.row(row, i))) {
        problems.push_back(content_problem(row));
      }
    }
    if (!problems.empty()) {
      return Error(Errc::value, message({where, ": cannot save ", layout.type}), std::move(problems));
    }
    auto head = make_head(layout, *structure, options, where);
    if (!head) return std::move(head).error();
    return SavePlan{std::move(*structure), std::move(*head), std::vector<std::uint64_t>(layout.rows.size())};
  }

  void finish(Layout const& layout) {
    std::vector<std::uint64_t> stored;
    for (std::size_t i = 0; i < layout.rows.size(); ++i) {
      if (!layout.rows[i].is_alias()) stored.push_back(checksum_of_row[i]);
    }
    finish_head(head, layout, stored);
  }
};

ASHLAR_IO_FUNCTION Result<void> save_places(std::string const& path, Layout const& layout, Places const& places,
                                            SaveOptions const& options) {
  auto plan = SavePlan::make(layout, places, options, path);
  if (!plan) return std::move(plan).error();
  auto file = AtomicFile::create(path);
  if (!file) return std::move(file).error();
  std::uint64_t const front = plan->head.bytes.size();
  // The disk starts after each 16 MiB, so that it works while the next ones are hashed and copied: see bench/io.cpp.
  constexpr std::uint64_t stretch = std::uint64_t{16} << 20;
  std::uint64_t started = 0;
  auto written = stream_data(layout, plan->structure.by_offset, places, plan->checksum_of_row,
                             [&](Pieces pieces, std::uint64_t at) -> Result<void> {
                               if (at - started >= stretch) {
                                 file->start_writing(front + started, at - started);
                                 started = at;
                               }
                               return file->write(pieces, front + at);
                             });
  if (!written) return written;
  plan->finish(layout);
  if (auto result = file->write(plan->head.bytes, 0); !result) return result;
  return file->commit();
}

ASHLAR_IO_FUNCTION Result<void> save_object(std::string const& path, Layout const& layout, void const* object,
                                            SaveOptions const& options) {
  return save_places(path, layout, {.object = object}, options);
}

ASHLAR_IO_FUNCTION Result<void> save_as_named(std::string const& path, Layout const& layout, void const* object,
                                              SaveOptions const& options) {
  Content const content = content_named(path);
  if (content == Content::ashlar) return save_object(path, layout, object, options);
  bool const torch = content == Content::torch;
  if (auto* const saver = torch ? torch_saver : safetensors_saver) return saver(path, layout, object, options);
  return error(Errc::value, {path,
                             torch ? ": to save for PyTorch, include <ashlar/io/torch_write.hpp>"
                                   : ": to save as .safetensors, include <ashlar/io/safetensors.hpp>",
                             " (or link ashlar::ashlar)"});
}

ASHLAR_IO_FUNCTION Result<std::vector<std::byte>> save_to_memory(Layout const& layout, void const* object,
                                                                 SaveOptions const& options) {
  Places const places{.object = object};
  auto plan = SavePlan::make(layout, places, options, "memory");
  if (!plan) return std::move(plan).error();
  std::size_t const front = plan->head.bytes.size();
  std::vector<std::byte> out(front + layout.bytes);
  auto copied = stream_data(layout, plan->structure.by_offset, places, plan->checksum_of_row,
                            [&](Pieces pieces, std::uint64_t at) -> Result<void> {
                              std::byte* to = out.data() + front + at;
                              for (Piece const& p : pieces) {
                                std::memcpy(to, p.iov_base, p.iov_len);
                                to += p.iov_len;
                              }
                              return {};
                            });
  if (!copied) return std::move(copied).error();
  plan->finish(layout);
  std::memcpy(out.data(), plan->head.bytes.data(), front);
  return out;
}

}  // namespace detail
}  // namespace ashlar
