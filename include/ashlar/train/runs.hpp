// Ashlar: trainable runs, the stretches of a network that an optimizer passes over.  SPDX-License-Identifier: BSL-1.0
//
// Gradients and moments are objects of the network's own type, so one list of offsets serves them all. Parameters that
// lie side by side form one run: a network of plain layers is a single block, and a step is a single pass.
#pragma once

#include <ashlar/core/parallel.hpp>
#include <ashlar/core/refuse.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

namespace ashlar {

/// Elements of one type, one behind the other, at the same place in every object of a network's type.
struct Run {
  DType dtype = DType::f32;
  std::size_t offset = 0;  ///< bytes from the start of the object
  std::size_t count = 0;   ///< elements
  std::size_t packed = 0;  ///< the same offset in an object that holds the runs and nothing else (train/moments.hpp)
};

namespace detail {

/// Padding inside a run: bytes from the start of the object.
struct Gap {
  std::size_t offset = 0;
  std::size_t bytes = 0;
  std::size_t packed = 0;  // as in Run
};

/// A gap this wide holds no more than padding and the byte of an empty layer between two layers.
inline constexpr std::size_t widest_gap = 2 * tensor_alignment;

template <class Net>
struct TrainMistake {
  static constexpr Sentence value = [] {
    Sentence s;
    for (Row const& row : manifest<Net>()) {
      if (!row.is_trained() || row.dtype == DType::f32 || row.dtype == DType::f64) continue;
      s.add("ashlar: an optimizer updates parameters of float or double but ").add(type_name<Net>()).add(".");
      s.add(row.key).add(" is ").add(name_of(row.dtype));
      break;
    }
    return s;
  }();
};

/// Everything a Net stores, in the order of memory; ties, which store nothing, left out. The rest has no bytes.
template <class Net>
constexpr auto stored_rows() {
  constexpr auto const& rows = manifest<Net>();
  std::array<Row, rows.size()> out{};
  std::size_t n = 0;
  for (Row const& row : rows) {
    if (row.is_alias() || row.bytes == 0) continue;
    std::size_t at = n++;
    for (; at > 0 && out[at - 1].offset > row.offset; --at) out[at] = out[at - 1];
    out[at] = row;
  }
  for (; n < out.size(); ++n) out[n].bytes = 0;
  return out;
}
template <class Net>
inline constexpr auto rows_in_memory = stored_rows<Net>();

/// True if row i continues the run that row i - 1 is in.
template <std::size_t N>
constexpr bool continues(std::array<Row, N> const& rows, std::size_t i) {
  Row const& a = rows[i - 1];
  Row const& b = rows[i];
  return a.is_trained() && b.is_trained() && a.dtype == b.dtype && b.offset - (a.offset + a.bytes) < widest_gap;
}

struct RunCount {
  std::size_t tensors = 0;
  std::size_t runs = 0;
  std::size_t gaps = 0;
};
template <std::size_t N>
constexpr RunCount count_runs(std::array<Row, N> const& rows) {
  RunCount count;
  for (std::size_t i = 0; i < N; ++i) {
    if (rows[i].bytes == 0 || !rows[i].is_trained()) continue;
    ++count.tensors;
    if (i == 0 || !continues(rows, i)) ++count.runs;
    else if (rows[i].offset != rows[i - 1].offset + rows[i - 1].bytes) ++count.gaps;
  }
  return count;
}
template <class Net>
inline constexpr RunCount run_count = count_runs(rows_in_memory<Net>);

template <class Net>
constexpr auto make_runs() {
  std::array<Run, run_count<Net>.runs> out{};
  constexpr auto const& rows = rows_in_memory<Net>;
  std::size_t n = 0;
  std::size_t packed = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].bytes == 0 || !rows[i].is_trained()) continue;
    if (i == 0 || !continues(rows, i)) out[n++] = {rows[i].dtype, rows[i].offset, 0, packed};
    std::size_t const bytes = rows[i].offset + rows[i].bytes - out[n - 1].offset;
    out[n - 1].count = bytes / size_of(rows[i].dtype);
    packed = (out[n - 1].packed + bytes + tensor_alignment - 1) / tensor_alignment * tensor_alignment;
  }
  return out;
}
template <class Net>
inline constexpr auto runs = make_runs<Net>();

/// Where a byte of a run lies in an object that holds the runs alone.
template <class Net>
constexpr std::size_t packed_offset(std::size_t offset) {
  std::size_t packed = 0;
  for (Run const& run : runs<Net>) {
    if (run.offset <= offset) packed = run.packed + (offset - run.offset);
  }
  return packed;
}
template <class Net>
constexpr auto make_tensors() {
  std::array<Run, run_count<Net>.tensors> out{};
  std::size_t n = 0;
  for (Row const& row : rows_in_memory<Net>) {
    if (row.bytes != 0 && row.is_trained())
      out[n++] = {row.dtype, row.offset, row.bytes / size_of(row.dtype), packed_offset<Net>(row.offset)};
  }
  return out;
}
template <class Net>
constexpr auto make_gaps() {
  std::array<Gap, run_count<Net>.gaps> out{};
  constexpr auto const& rows = rows_in_memory<Net>;
  std::size_t n = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].bytes == 0 || !rows[i].is_trained() || !continues(rows, i)) continue;
    std::size_t const end = rows[i - 1].offset + rows[i - 1].bytes;
    if (rows[i].offset != end) out[n++] = {end, rows[i].offset - end, packed_offset<Net>(end)};
  }
  return out;
}

template <class Net>
inline constexpr auto tensors = make_tensors<Net>();
template <class Net>
inline constexpr auto gaps = make_gaps<Net>();

template <class Net>
constexpr bool trains(DType dtype) {
  for (Run const& run : runs<Net>) {
    if (run.dtype == dtype) return true;
  }
  return false;
}

/// True for objects that hold the runs and nothing else (train/moments.hpp).
template <class Object>
inline constexpr bool is_packed = false;

/// The elements of a run in an object: of the network's type, or packed.
template <class T, class Object>
auto* elements_at(Object& object, Run const& run) {
  using Byte = std::conditional_t<std::is_const_v<Object>, std::byte const, std::byte>;
  using Elements = std::conditional_t<std::is_const_v<Object>, T const, T>;
  return reinterpret_cast<Elements*>(reinterpret_cast<Byte*>(&object) +
                                     (is_packed<std::remove_const_t<Object>> ? run.packed : run.offset));
}

/// Calls f.operator()<float>(run) or f.operator()<double>(run) for each run of the list, in the order of memory.
template <class Net, class List, class F>
void for_each_in(List const& list, F&& f) {
  refuse<TrainMistake<Net>>();
  for (Run const& run : list) {
    if constexpr (trains<Net>(DType::f32)) {
      if (run.dtype == DType::f32) f.template operator()<float>(run);
    }
    if constexpr (trains<Net>(DType::f64)) {
      if (run.dtype == DType::f64) f.template operator()<double>(run);
    }
  }
}

/// Padding is zero in files, but an update does not keep it so: 0 / 0 with eps = 0, -0 with maximize.
template <class Net, class Object>
void clear_gaps(Object& object) {
  for (Gap const& gap : gaps<Net>) {
    std::memset(reinterpret_cast<std::byte*>(&object) + (is_packed<Object> ? gap.packed : gap.offset), 0, gap.bytes);
  }
}

/// One pass of an update over the trainable runs, which may come in parts; afterwards the padding between parameters is
/// zero in all objects.
template <class Net, class F, class... Objects>
void update_runs(F&& f, Objects&... objects) {
  for_each_in<Net>(runs<Net>, [&]<class T>(Run const& run) {
    in_parts(run.count, least_elements, [&](std::size_t first, std::size_t count) {
      std::size_t const bytes = first * sizeof(T);
      f.template operator()<T>(Run{run.dtype, run.offset + bytes, count, run.packed + bytes});
    });
  });
  (clear_gaps<Net>(objects), ...);
}

}  // namespace detail

/// The parameters of a Net in the order of memory, neighbours of the same dtype merged across padding: a constexpr
/// std::array of Run. A tied parameter counts once; buffers, constants and scalars lie in no run.
template <class Net>
constexpr auto const& trainable_runs() {
  return detail::runs<Net>;
}

/// The same, a Run for each parameter, without padding: for what sums over elements.
template <class Net>
constexpr auto const& trainable_tensors() {
  return detail::tensors<Net>;
}

}  // namespace ashlar
