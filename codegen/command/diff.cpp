// ashlar diff: what differs between two files of any formats.  SPDX-License-Identifier: BSL-1.0
#include "blocks.hpp"
#include "json.hpp"
#include "source.hpp"
#include "subcommands.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <ashlar/core/error.hpp>
#include <ashlar/io/leaves.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::command {
namespace {

/// How the elements of two tensors of one shape differ.
struct Distance {
  double max_abs = 0;  ///< infinite where one is not finite, or NaN, and the other is something else
  double max_rel = 0;  ///< of B's element
  std::uint64_t differing = 0;  ///< elements beyond the tolerance
  std::uint64_t first = 0;  ///< the first of them, counted row by row
};

struct Difference {
  std::string key;
  Value const* a;
  Value const* b;
  bool shape = false;
  bool dtype = false;
  bool value = false;  ///< of parts that are no tensors
  std::optional<Distance> distance{};

  [[nodiscard]] bool is_different(DiffOptions const& options) const {
    return shape || value || (dtype && !options.ignore_dtype) || (distance && distance->differing != 0);
  }
};

template <class Wide>
double absolute(Wide a, Wide b) {
  if constexpr (std::floating_point<Wide>) {
    return std::abs(a - b);
  } else {  // the difference of two integers may not fit their type
    return static_cast<double>(a < b ? static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a)
                                     : static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
}

class Comparer {
 public:
  explicit Comparer(DiffOptions const& options) : options_(options) {}

  /// Of tensors of one shape.
  Distance operator()(ValueTensor const& a, ValueTensor const& b) const {
    Distance out;
    if (same_bytes(a, b)) return out;
    auto const compare = [&]<class Wide>(Wide) {
      std::uint64_t at = 0;
      for_each_pair<Wide>(a, b, [&](std::span<Wide const> x, std::span<Wide const> y) {
        for (std::size_t i = 0; i < x.size(); ++i, ++at) element(x[i], y[i], at, out);
      });
    };
    if (a.dtype() == b.dtype()) with_wide(a.dtype(), compare);
    else compare(double{});
    return out;
  }

 private:
  static bool same_bytes(ValueTensor const& a, ValueTensor const& b) {
    return a.dtype() == b.dtype() && a.is_contiguous() && b.is_contiguous() &&
           (a.numel() == 0 || std::memcmp(a.bytes().data(), b.bytes().data(), a.size_bytes()) == 0);
  }

  template <class Wide>
  void element(Wide a, Wide b, std::uint64_t at, Distance& out) const {
    if (a == b) return;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    double abs = absolute(a, b);
    double rel = b == 0 ? infinity : abs / std::abs(static_cast<double>(b));
    if constexpr (std::floating_point<Wide>) {
      if (std::isnan(a) && std::isnan(b)) return;
      if (!std::isfinite(a) || !std::isfinite(b)) abs = rel = infinity;
    }
    out.max_abs = std::max(out.max_abs, abs);
    out.max_rel = std::max(out.max_rel, rel);
    // As numpy.allclose has it; an infinite difference is beyond any tolerance.
    if (std::isfinite(abs) && abs <= options_.atol + options_.rtol * std::abs(static_cast<double>(b))) return;
    if (out.differing++ == 0) out.first = at;
  }

  DiffOptions const& options_;
};

/// Of a set, which may hold tensors that stand for more than could ever be compared.
bool is_repeated(ValueTensor const& t) { return t.size_bytes() > t.storage().size(); }
bool is_same_view(ValueTensor const& a, ValueTensor const& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.strides() == b.strides() &&
         a.storage_offset() == b.storage_offset() &&
         std::equal(a.storage().begin(), a.storage().end(), b.storage().begin(), b.storage().end());
}

/// Equal text, None and so on, and containers of such.
bool same_value(Value const& a, Value const& b) {
  using enum Value::Kind;
  static DiffOptions const exact;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case none: return true;
    case boolean: return a.as_bool() == b.as_bool();
    case integer:
    case big_integer: return a.as_decimal() == b.as_decimal();
    case floating: return a.as_double() == b.as_double() || (std::isnan(a.as_double()) && std::isnan(b.as_double()));
    case dtype: return a.as_dtype() == b.as_dtype();
    case string:
    case device: return a.as_string() == b.as_string();
    case bytes: return a.as_bytes() == b.as_bytes();
    case tensor:
      if (is_repeated(a.tensor()) || is_repeated(b.tensor())) return is_same_view(a.tensor(), b.tensor());
      return a.tensor().describe() == b.tensor().describe() && Comparer(exact)(a.tensor(), b.tensor()).differing == 0;
    case dict: return a.size() == 0 && b.size() == 0;  // others are compared by their parts
    case complex:
    case list:
    case tuple:
    case set: break;
  }
  auto const x = a.elements();
  auto const y = b.elements();
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), same_value);
}

struct Comparison {
  std::vector<Entry const*> only_a;
  std::vector<Entry const*> only_b;
  std::vector<Difference> differences;  ///< also of entries that are equal within the tolerance, but not quite
  std::uint64_t equal = 0;
  std::uint64_t different = 0;

  [[nodiscard]] bool same() const { return only_a.empty() && only_b.empty() && different == 0; }
};

Difference compare(Source const& a, Entry const& x, Source const& b, Entry const& y, DiffOptions const& options) {
  Difference d{x.key, &x.value, &y.value};
  auto const tensor_x = as_tensor(x.value);
  auto const tensor_y = as_tensor(y.value);
  if (!tensor_x || !tensor_y) {
    d.value = !same_value(x.value, y.value);
    return d;
  }
  d.dtype = tensor_x->dtype() != tensor_y->dtype();
  d.shape = !(tensor_x->shape() == tensor_y->shape());
  if (x.is_tensor()) require_reasonable(a.path, x);
  if (y.is_tensor()) require_reasonable(b.path, y);
  bool const comparable = is_complex(tensor_x->dtype()) == is_complex(tensor_y->dtype());
  if (!d.shape && comparable) d.distance = Comparer(options)(*tensor_x, *tensor_y);
  return d;
}

Comparison compare_sources(Source const& a, Source const& b, DiffOptions const& options) {
  Comparison out;
  KeyFilter const filter(options.only);
  std::map<std::string_view, Entry const*> in_b;
  for (Entry const& e : b.entries) {
    if (filter.takes(e.key)) in_b.emplace(e.key, &e);
  }
  ProgressLine progress("comparing", a.bytes);
  std::uint64_t done = 0;
  for (Entry const& e : a.entries) {
    if (!filter.takes(e.key)) continue;
    auto const other = in_b.find(e.key);
    if (other == in_b.end()) {
      out.only_a.push_back(&e);
      continue;
    }
    Difference d = compare(a, e, b, *other->second, options);
    in_b.erase(other);
    if (d.is_different(options)) ++out.different;
    else ++out.equal;
    if (d.is_different(options) || d.dtype || (d.distance && d.distance->max_abs != 0))
      out.differences.push_back(std::move(d));
    progress.show(done += e.is_tensor() ? e.value.tensor().size_bytes() : 0);
  }
  for (Entry const& e : b.entries) {
    auto const left = in_b.find(e.key);
    if (left != in_b.end() && left->second == &e) out.only_b.push_back(&e);
  }
  return out;
}

std::string form_of(Value const& v) {
  if (v.is_tensor()) return v.tensor().describe();
  std::string text = v.describe();
  return shown(text.starts_with("the ") ? text.substr(4) : text);
}
/// "[0, 17]" of a position that is counted row by row. Complex numbers count twice.
std::string place_of(std::uint64_t at, ValueTensor const& t) {
  if (is_complex(t.dtype())) at /= 2;
  std::string out;
  for (std::size_t d = t.shape().rank; d-- != 0;) {
    out = fmt::format("{}{}{}", at % t.shape()[d], out.empty() ? "" : ", ", out);
    at /= t.shape()[d];
  }
  return fmt::format("[{}]", out);
}

std::string for_people(Source const& a, Source const& b, Comparison const& c, DiffOptions const& options) {
  Terminal const& terminal = out_terminal();
  std::string out;
  auto const only = [&](Source const& s, std::vector<Entry const*> const& entries, char sign, Style style) {
    if (entries.empty()) return;
    out += terminal.paint(fmt::format("only in {}:", shown(s.path)), Style::bold) + '\n';
    Table table({false, false});
    for (Entry const* e : entries) table.row({{fmt::format("{} {}", sign, shown(e->key)), style}, {form_of(e->value)}});
    out += table.text(terminal) + '\n';
  };
  only(a, c.only_a, '-', Style::red);
  only(b, c.only_b, '+', Style::green);
  Table forms({false, false, false});
  Table numbers({false, true, true, true, false});
  bool has_forms = false;
  bool has_numbers = false;
  forms.row({{"key", Style::bold}, {"A", Style::bold}, {"B", Style::bold}});
  numbers.row({{"key", Style::bold},
               {"max abs", Style::bold},
               {"max rel", Style::bold},
               {"differing", Style::bold},
               {"first at", Style::bold}});
  for (Difference const& d : c.differences) {
    Style const style = d.is_different(options) ? Style::red : Style::plain;
    if (d.shape || d.dtype || d.value) {
      has_forms = true;
      forms.row({{shown(d.key), style}, {form_of(*d.a)}, {form_of(*d.b)}});
    }
    if (!d.distance || d.distance->max_abs == 0) continue;
    has_numbers = true;
    ValueTensor const t = *as_tensor(*d.a);
    std::uint64_t const of = t.numel();
    numbers.row({{shown(d.key), style},
                 {number_text(d.distance->max_abs)},
                 {number_text(d.distance->max_rel)},
                 {fmt::format("{} of {}", count_text(d.distance->differing), count_text(of))},
                 {d.distance->differing == 0 ? "" : place_of(d.distance->first, t)}});
  }
  if (has_forms) out += forms.text(terminal) + '\n';
  if (has_numbers) out += numbers.text(terminal) + '\n';
  out += fmt::format("{} equal, {} different", count_text(c.equal), count_text(c.different));
  if (!c.only_a.empty() || !c.only_b.empty()) {
    out += fmt::format(", {} only in A, {} only in B", count_text(c.only_a.size()), count_text(c.only_b.size()));
  }
  return out + '\n';
}

std::string for_tools(Source const& a, Source const& b, Comparison const& c, DiffOptions const& options) {
  Json json;
  json.object().member("a").text(a.path).member("b").text(b.path).member("equal").boolean(c.same());
  json.member("atol").number(options.atol).member("rtol").number(options.rtol);
  auto const only = [&](char const* name, std::vector<Entry const*> const& entries) {
    json.member(name).array();
    for (Entry const* e : entries) json.text(e->key);
    json.end();
  };
  only("only_in_a", c.only_a);
  only("only_in_b", c.only_b);
  json.member("differences").array();
  for (Difference const& d : c.differences) {
    json.object().member("key").text(d.key).member("different").boolean(d.is_different(options));
    json.member("a").text(form_of(*d.a)).member("b").text(form_of(*d.b));
    json.member("shape_differs").boolean(d.shape).member("dtype_differs").boolean(d.dtype);
    if (d.distance) {
      json.member("max_abs").number(d.distance->max_abs).member("max_rel").number(d.distance->max_rel);
      json.member("differing").number(d.distance->differing).member("elements").number(as_tensor(*d.a)->numel());
      if (d.distance->differing != 0) json.member("first").number(d.distance->first);
    }
    json.end();
  }
  json.end().member("totals").object().member("equal").number(c.equal).member("different").number(c.different);
  return json.end().end().str();
}

}  // namespace

int diff(DiffOptions const& options) {
  Source const a = open_source(options.a, true);
  Source const b = open_source(options.b, true);
  Comparison const c = compare_sources(a, b, options);
  if (options.json) write_out(for_tools(a, b, c, options));
  else if (!options.quiet) write_out(for_people(a, b, c, options));
  return c.same() ? status_good : status_different;
}

}  // namespace ashlar::command
