// Ashlar: the code behind save and load of tensors, which knows them by their rows.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/io/calls.hpp>
#include <ashlar/io/key_index.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/tensors.hpp>
#include <ashlar/reflect/fingerprint.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

ASHLAR_IO_FUNCTION void TensorRows::add(std::string key, DType dtype, Extents const& shape, void const* at) {
  Row row;
  row.kind = Kind::buffer;
  row.dtype = dtype;
  row.shape = shape;
  row.offset = bytes;
  row.bytes = shape.numel() * size_of(dtype);
  bytes += (row.bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
  rows.push_back(row);
  places.push_back(at);
  keys.push_back(std::move(key));
}
ASHLAR_IO_FUNCTION Layout TensorRows::layout() {
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].key = keys[i];
  return {rows, bytes, fingerprint(rows, bytes), "tensors"};
}

/// What has been asked for so far, and what was wrong with it.
struct TensorReader::State {
  KeyIndex index;
  std::vector<bool> used;
  std::vector<std::string> problems;
};
ASHLAR_IO_FUNCTION TensorReader::TensorReader(CheckedFile const& file)
    : file_(file), state_(new State{KeyIndex(file.rows), std::vector<bool>(file.rows.size()), {}}) {}
ASHLAR_IO_FUNCTION TensorReader::~TensorReader() { delete state_; }

ASHLAR_IO_FUNCTION std::vector<std::string> TensorReader::problems() {
  for (std::size_t i = 0; i < state_->used.size(); ++i) {
    if (!state_->used[i])
      state_->problems.push_back(message({printable(file_.rows[i].key), ": in the file, and not asked for"}));
  }
  return std::move(state_->problems);
}
ASHLAR_IO_FUNCTION bool TensorReader::has_part(std::string const& key) const { return state_->index.has_part(key); }
ASHLAR_IO_FUNCTION Row const* TensorReader::look_up(std::string_view key, DType dtype, Extents const& shape) {
  std::ptrdiff_t const found = state_->index.find(key);
  if (found < 0) {
    state_->problems.push_back(message({key, ": not in the file"}));
    return nullptr;
  }
  auto const i = static_cast<std::size_t>(found);
  Row const& row = file_.rows[i];
  state_->used[i] = true;
  bool fits = row.shape.rank == shape.rank && row.dtype == dtype;
  for (std::size_t d = 0; fits && d < shape.rank; ++d) fits = shape[d] == dyn || shape[d] == row.shape[d];
  if (fits) return &row;
  state_->problems.push_back(message({key, ": ", name_of(row.dtype), " ", to_string(row.shape), " in the file, but ",
                                      name_of(dtype), " ", to_string(shape), " was asked for"}));
  return nullptr;
}

}  // namespace ashlar::detail
