// Ashlar: scalar members as Python's numbers, both ways.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/convert.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/reflect/row.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::detail {

inline Value whole_value(std::uint64_t number) {
  if (number >> 63 != 0) return Value::text(Value::Kind::big_integer, std::to_string(number));
  return Value(static_cast<std::int64_t>(number));
}

/// Writes one number as `dtype`. False if it is none, or does not fit: a float is rounded to a narrower one, but is no
/// integer. A tensor of one element counts as its number, as the steps of an optimizer are; of floats also as integer.
ASHLAR_COLD inline bool write_number(Value const& v, DType dtype, std::byte* out) {
  bool const whole = number_form(dtype).of == NumberForm::Class::integer;
  switch (v.kind()) {
    case Value::Kind::boolean:
      if (dtype != DType::boolean) return false;
      *out = std::byte{v.as_bool()};
      return true;
    case Value::Kind::integer: {
      std::int64_t const i = v.as_int();
      if (dtype == DType::u64 && i >= 0) return std::memcpy(out, &i, sizeof i), true;
      return narrow(dtype, &i, 1, out);
    }
    case Value::Kind::floating: {
      double const d = v.as_double();
      return !whole && narrow(dtype, &d, 1, out);
    }
    case Value::Kind::big_integer: {  // of those, what u64 has
      std::uint64_t u = 0;
      for (char const c : v.as_decimal()) {
        if (c < '0' || c > '9' || __builtin_mul_overflow(u, 10u, &u) ||
            __builtin_add_overflow(u, static_cast<unsigned>(c - '0'), &u)) {
          return false;
        }
      }
      return narrow(dtype, &u, 1, out);
    }
    case Value::Kind::tensor: break;
    default: return false;
  }
  ValueTensor const& t = v.tensor();
  if (t.numel() != 1) return false;
  if (whole && number_form(t.dtype()).of == NumberForm::Class::floating) {
    double d = 0;
    convert(t, DType::f64, reinterpret_cast<std::byte*>(&d));
    if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || d != std::floor(d)) return false;
    auto const i = static_cast<std::int64_t>(d);
    return narrow(dtype, &i, 1, out);
  }
  return is_convertible(t.dtype(), dtype, Conversion::any) && t.dtype() != DType::boolean && convert(t, dtype, out);
}

/// Writes a number, or the numbers of a list, as the elements of a scalar row. Else says what there is instead:
/// "the string 'x', not a u64".
ASHLAR_COLD inline std::string write_scalar(Value const& v, Row const& row, std::byte* out) {
  std::size_t const count = row.shape.numel();
  bool const is_list = v.kind() == Value::Kind::list || v.kind() == Value::Kind::tuple;
  bool good = row.shape.rank == 0 ? write_number(v, row.dtype, out) : is_list && v.size() == count;
  for (std::size_t i = 0; good && row.shape.rank != 0 && i < count; ++i) {
    good = write_number(v.elements()[i], row.dtype, out + i * size_of(row.dtype));
  }
  if (good) return {};
  if (row.shape.rank == 0) return message({v.describe(), ", no number for ", name_of(row.dtype)});
  return message({v.describe(), ", not ", count, " numbers for ", name_of(row.dtype)});
}

/// A number that a scalar row of any dtype can have; `otherwise`, if it is none.
template <class T>
T number_or(Value const& v, T otherwise) {
  T out = otherwise;
  return write_number(v, dtype_of<T>, reinterpret_cast<std::byte*>(&out)) ? out : otherwise;
}

ASHLAR_COLD inline bool same_scalar(Value const& a, Value const& b, Row const& row) {
  std::vector<std::byte> x(row.bytes);
  std::vector<std::byte> y(row.bytes);
  return write_scalar(a, row, x.data()).empty() && write_scalar(b, row, y.data()).empty() && x == y;
}

/// A scalar member, or a tuple of those of an array.
ASHLAR_COLD inline Value read_scalar(Row const& row, void const* object) {
  auto const* const at = static_cast<std::byte const*>(object) + row.offset;
  std::vector<Value> values;
  for (std::size_t i = 0; i < row.shape.numel(); ++i) {
    std::byte const* const from = at + i * size_of(row.dtype);
    if (row.dtype == DType::boolean) {
      values.emplace_back(*from != std::byte{0});
    } else if (number_form(row.dtype).of == NumberForm::Class::floating) {
      double d = 0;
      widen(row.dtype, from, 1, &d);
      values.emplace_back(d);
    } else if (row.dtype == DType::u64) {
      std::uint64_t n = 0;
      widen(row.dtype, from, 1, &n);
      values.push_back(whole_value(n));
    } else {
      std::int64_t n = 0;
      widen(row.dtype, from, 1, &n);
      values.emplace_back(n);
    }
  }
  return row.shape.rank == 0 ? values[0] : Value::tuple(std::move(values));
}

}  // namespace ashlar::detail
