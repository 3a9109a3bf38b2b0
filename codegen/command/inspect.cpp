// ashlar inspect: the tree of a file, with shapes, dtypes and sizes.  SPDX-License-Identifier: BSL-1.0
#include "blocks.hpp"
#include "json.hpp"
#include "source.hpp"
#include "statistics.hpp"
#include "subcommands.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <ashlar/io/flat.hpp>
#include <ashlar/reflect/fingerprint.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::command {
namespace {

struct Listed {
  Entry const* entry = nullptr;
  std::optional<Statistics> statistics{};
};

/// What is shown, and sums over it. What is tied counts once.
struct Listing {
  std::vector<Listed> entries;
  std::uint64_t tensors = 0;
  std::uint64_t elements = 0;
  std::uint64_t parameters = 0;  ///< elements of parameters
  std::uint64_t bytes = 0;
  std::uint64_t values = 0;  ///< numbers, text and other parts that are no tensors
};

Listing list(Source const& source, InspectOptions const& options) {
  Listing out;
  KeyFilter const filter(options.only);
  ProgressLine progress(source.path, options.stats ? source.bytes : 0);
  for (std::size_t i = 0; i < source.entries.size(); ++i) {
    Entry const& entry = source.entries[i];
    if (!filter.takes(entry.key)) continue;
    Listed& listed = out.entries.emplace_back();
    listed.entry = &entry;
    if (!entry.is_tensor() || entry.kind == Kind::scalar) {
      ++out.values;
    } else if (entry.tied_to < 0 || !filter.takes(source.entries[static_cast<std::size_t>(entry.tied_to)].key)) {
      ValueTensor const& t = entry.value.tensor();
      ++out.tensors;
      out.elements += t.numel();
      out.parameters += entry.kind == Kind::parameter ? t.numel() : 0;
      out.bytes += t.size_bytes();
      if (options.stats && entry.reasonable) {
        listed.statistics = statistics_of(t, options.histogram);
        progress.show(out.bytes);
      }
    }
  }
  return out;
}

// ---- for people
// ------------------------------------------------------------------------------------------------------

/// Sixteen bars; what lies between nothing and all of the highest bin.
std::string bars(Statistics const& s, bool utf8) {
  static constexpr std::string_view blocks[] = {" ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                                "\u2585", "\u2586", "\u2587", "\u2588"};
  static constexpr std::string_view signs[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
  std::uint64_t const most = std::max<std::uint64_t>(1, *std::max_element(s.histogram.begin(), s.histogram.end()));
  std::string out = "|";
  for (std::uint64_t const n : s.histogram) {
    // Anything at all is seen: rounded up.
    double const level = std::ceil(static_cast<double>(n) * 8 / static_cast<double>(most));
    out += (utf8 ? blocks : signs)[static_cast<std::size_t>(level)];
  }
  return out += "|";
}

std::string text_of(Value const& v) {
  using enum Value::Kind;
  switch (v.kind()) {
    case none: return "None";
    case boolean: return v.as_bool() ? "True" : "False";
    case floating: return fmt::format("{}", v.as_double());
    case integer:
    case big_integer: return v.as_decimal();
    case string: return fmt::format("'{}'", shown(v.as_string()));
    case list:
    case tuple: {
      std::string out = v.kind() == list ? "[" : "(";
      std::size_t const n = std::min<std::size_t>(v.size(), 4);
      for (std::size_t i = 0; i < n; ++i) out += fmt::format("{}{}", i == 0 ? "" : ", ", text_of(v.elements()[i]));
      if (n < v.size()) out += ", ...";
      return out += v.kind() == list ? "]" : ")";
    }
    case dict: return "{}";  // others are not shown as a whole
    default: return shown(v.describe());
  }
}
std::string_view type_of(Value const& v) {
  using enum Value::Kind;
  switch (v.kind()) {
    case none: return "None";
    case boolean: return "bool";
    case integer:
    case big_integer: return "int";
    case floating: return "float";
    case dtype: return "dtype";
    case string: return "str";
    case bytes: return "bytes";
    case device: return "device";
    case complex: return "complex";
    case list: return "list";
    case tuple: return "tuple";
    case set: return "set";
    case dict: return "dict";
    case tensor: return "tensor";
  }
  return "?";
}
/// The numbers of a scalar of a file.
std::string scalar_text(ValueTensor const& t) {
  std::string out;
  std::size_t n = 0;
  with_wide(t.dtype(), [&]<class Wide>(Wide) {
    for_each_block<Wide>(t, [&](std::span<Wide const> block) {
      for (Wide const x : block) {
        if (n < 4) out += fmt::format("{}{}", n == 0 ? "" : ", ", x);
        ++n;
      }
    });
  });
  if (n > 4) out += ", ...";
  if (t.dtype() == DType::boolean && t.numel() == 1) return out == "0" ? "False" : "True";
  return t.shape().rank == 0 ? out : fmt::format("({})", out);
}

/// A node of the tree of keys: a part between dots.
struct Node {
  std::string name;
  std::vector<std::size_t> children{};
  Listed const* listed = nullptr;
  std::string type{};  ///< of a module, as an .ashlar file has it
};

class Tree {
 public:
  Tree(Source const& source, Listing const& listing) {
    nodes_.push_back({});
    std::map<std::string, std::size_t, std::less<>> at{{"", 0}};
    for (Listed const& listed : listing.entries) {
      std::string_view const key = listed.entry->key;
      std::size_t parent = 0;
      std::size_t begin = 0;
      for (std::size_t part = 1;; ++part) {
        std::size_t const dot = key.find('.', begin);
        // A key of nothing but dots would make a tree as deep as it is long.
        if (dot == std::string_view::npos || part == max_parts) break;
        auto const [it, is_new] = at.try_emplace(std::string(key.substr(0, dot + 1)), nodes_.size());
        if (is_new) add(parent, key.substr(begin, dot - begin));
        parent = it->second;
        begin = dot + 1;
      }
      add(parent, key.empty() ? std::string_view("(tensor)") : key.substr(begin));
      nodes_.back().listed = &listed;
    }
    if (source.flat == nullptr) return;
    for (detail::Module const& m : source.flat->modules()) {
      auto const it = m.key.empty() ? at.end() : at.find(std::string(m.key) + ".");
      if (it != at.end()) nodes_[it->second].type = m.type.starts_with("ashlar::") ? m.type.substr(8) : m.type;
    }
  }

  [[nodiscard]] Table table(Terminal const& terminal, InspectOptions const& options) const {
    std::vector<bool> right{false, false, false, true, false};
    std::vector<Cell> head{{"key"}, {"dtype"}, {"shape"}, {"size"}, {"kind"}};
    if (options.stats) {
      for (char const* name : {"min", "max", "mean", "std", "zeros", "nan", "inf"}) {
        right.push_back(true);
        head.push_back({name});
      }
    }
    if (options.histogram) {
      right.push_back(false);
      head.push_back({"histogram"});
    }
    right.push_back(false);
    head.push_back({});  // ties and views
    for (Cell& cell : head) cell.style = Style::bold;
    Table out(right);
    out.row(std::move(head));
    std::string indent;
    rows(0, indent, terminal, options, out);
    return out;
  }

 private:
  static constexpr std::size_t max_parts = 64;

  void add(std::size_t parent, std::string_view name) {
    nodes_[parent].children.push_back(nodes_.size());
    nodes_.push_back({std::string(name)});
  }

  void rows(std::size_t at, std::string& indent, Terminal const& terminal, InspectOptions const& options,
            Table& out) const {
    auto const& children = nodes_[at].children;
    std::size_t const length = indent.size();
    for (std::size_t i = 0; i < children.size(); ++i) {
      bool const last = i + 1 == children.size();
      Node const& node = nodes_[children[i]];
      std::string name = indent;
      if (at != 0) name += !terminal.utf8 ? "  " : last ? "\u2514\u2500 " : "\u251c\u2500 ";
      name += shown(node.name);
      if (node.listed != nullptr) {
        out.row(cells(std::move(name), *node.listed, terminal, options));
      } else {
        out.row({{name, Style::cyan}, {}, {node.type, Style::dim}});
      }
      if (at != 0) indent += !terminal.utf8 ? "  " : last ? "   " : "\u2502  ";
      rows(children[i], indent, terminal, options, out);
      indent.resize(length);
    }
  }

  static std::vector<Cell> cells(std::string name, Listed const& listed, Terminal const& terminal,
                                 InspectOptions const& options) {
    Entry const& e = *listed.entry;
    std::vector<Cell> out{{std::move(name)}};
    std::size_t const all = 5 + (options.stats ? 7u : 0u) + (options.histogram ? 1u : 0u);
    if (!e.is_tensor()) {
      out.push_back({std::string(type_of(e.value))});
      out.push_back({shortened(text_of(e.value), 48, terminal.utf8), Style::green});
      return out;
    }
    ValueTensor const& t = e.value.tensor();
    out.push_back({std::string(ashlar::name_of(t.dtype()))});
    if (e.kind == Kind::scalar) {
      out.push_back({scalar_text(t), Style::green});
      out.resize(4);
      out.push_back({"scalar", Style::dim});
      return out;
    }
    out.push_back({to_string(t.shape())});
    out.push_back({bytes_text(t.size_bytes())});
    out.push_back({std::string(ashlar::name_of(e.kind)), Style::dim});
    if (auto const& s = listed.statistics) {
      bool const some = s->finite != 0;
      auto const bad = [](std::uint64_t n) { return Cell{count_text(n), n == 0 ? Style::plain : Style::red}; };
      out.push_back({some ? number_of(s->min) : "-"});
      out.push_back({some ? number_of(s->max) : "-"});
      out.push_back({some ? number_text(s->mean) : "-"});
      out.push_back({some ? number_text(s->std) : "-"});
      out.push_back({count_text(s->zeros)});
      out.push_back(bad(s->nans));
      out.push_back(bad(s->infs));
      if (options.histogram) out.push_back({some ? bars(*s, terminal.utf8) : ""});
    }
    out.resize(all);
    std::string note = listed.entry->tied_to >= 0 ? "tied" : t.is_contiguous() ? "" : "strided";
    out.push_back({std::move(note), Style::dim});
    return out;
  }
  static std::string number_of(Value const& v) {
    return v.kind() == Value::Kind::floating ? number_text(v.as_double()) : v.as_decimal();
  }

  std::vector<Node> nodes_;
};

std::string for_people(Source const& source, Listing const& listing, InspectOptions const& options) {
  Terminal const& terminal = out_terminal();
  std::string out = terminal.paint(shown(source.path), Style::bold);
  if (source.flat != nullptr) {
    out += fmt::format(": {}, .ashlar by ashlar {}, {}\n", shown(source.flat->model()),
                       shown(source.flat->library_version()), bytes_text(source.bytes));
  } else {
    out += fmt::format(": {}, {}\n", name_of(source.format), bytes_text(source.bytes));
  }
  for (auto const& [key, text] : source.metadata) out += fmt::format("  {}: {}\n", shown(key), shown(text));
  out += '\n';
  if (!listing.entries.empty()) {
    out += Tree(source, listing).table(terminal, options).text(terminal);
    out += '\n';
  }
  out += fmt::format("{}, {}, {}", counted(listing.tensors, "tensor"), counted(listing.parameters, "parameter"),
                     bytes_text(listing.bytes));
  if (listing.values != 0) out += fmt::format("; {}", counted(listing.values, "other value"));
  if (listing.entries.size() < source.entries.size())
    out += fmt::format(" (of {} keys)", count_text(source.entries.size()));
  return out += '\n';
}

// ---- for tools
// -------------------------------------------------------------------------------------------------------

void statistics_json(Json& json, Statistics const& s, InspectOptions const& options) {
  json.member("stats").object();
  json.member("min").value(s.min).member("max").value(s.max);
  s.finite == 0 ? json.member("mean").null() : json.member("mean").number(s.mean);
  s.finite == 0 ? json.member("std").null() : json.member("std").number(s.std);
  json.member("zeros").number(s.zeros).member("nan").number(s.nans).member("inf").number(s.infs);
  if (options.histogram) {
    json.member("histogram").array();
    for (std::uint64_t const n : s.histogram) json.number(n);
    json.end();
  }
  json.end();
}

std::string for_tools(Source const& source, Listing const& listing, InspectOptions const& options) {
  Json json;
  json.object().member("path").text(source.path).member("format").text(id_of(source.format));
  json.member("file_bytes").number(source.bytes);
  if (source.flat != nullptr) {
    FlatFile const& flat = *source.flat;
    json.member("model").text(flat.model()).member("library_version").text(flat.library_version());
    std::string hex;
    for (std::byte const b : flat.fingerprint()) hex += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    json.member("fingerprint").text(hex);
    json.member("modules").array();
    for (detail::Module const& m : flat.modules()) {
      json.object().member("key").text(m.key).member("type").text(m.type).member("version").number(m.version).end();
    }
    json.end();
  }
  json.member("metadata").object();
  for (auto const& [key, text] : source.metadata) json.member(key).text(text);
  json.end().member("tensors").array();
  for (Listed const& listed : listing.entries) {
    Entry const& e = *listed.entry;
    if (!e.is_tensor()) continue;
    ValueTensor const& t = e.value.tensor();
    json.object().member("key").text(e.key).member("dtype").text(ashlar::name_of(t.dtype()));
    json.member("shape").shape(t.shape()).member("bytes").number(t.size_bytes());
    json.member("kind").text(ashlar::name_of(e.kind));
    if (e.tied_to >= 0) json.member("tied_to").text(source.entries[static_cast<std::size_t>(e.tied_to)].key);
    if (!t.is_contiguous()) json.member("contiguous").boolean(false);
    if (listed.statistics) statistics_json(json, *listed.statistics, options);
    json.end();
  }
  json.end().member("values").array();
  for (Listed const& listed : listing.entries) {
    if (listed.entry->is_tensor()) continue;
    json.object().member("key").text(listed.entry->key).member("type").text(type_of(listed.entry->value));
    json.member("value").value(listed.entry->value).end();
  }
  json.end().member("totals").object();
  json.member("tensors").number(listing.tensors).member("parameters").number(listing.parameters);
  json.member("elements").number(listing.elements).member("bytes").number(listing.bytes);
  json.member("values").number(listing.values).end();
  return json.end().str();
}

}  // namespace

int inspect(InspectOptions const& options) {
  Source const source = open_source(options.file, options.check);
  InspectOptions all = options;
  all.stats = options.stats || options.histogram;
  Listing const listing = list(source, all);
  write_out(all.json ? for_tools(source, listing, all) : for_people(source, listing, all));
  return status_good;
}

}  // namespace ashlar::command
