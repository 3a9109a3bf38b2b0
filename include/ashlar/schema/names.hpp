// Ashlar: identifiers for the members of a model, good in every language.  SPDX-License-Identifier: BSL-1.0
//
// A key may hold any text; a FlatBuffers schema wants identifiers, and so do the languages flatc generates code for.
#pragma once

#include <ashlar/core/text.hpp>
#include <ashlar/schema/block.hpp>
#include <ashlar/schema/tree.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ashlar::detail {

/// Words that mean something in FlatBuffers schemas, C++, Python, TypeScript or Rust, or that flatc's generated classes
/// use themselves; sorted, so that a test can see it is without duplicates. They get a trailing underscore.
// clang-format off: one word a line otherwise
inline constexpr std::string_view reserved_words[] = {
    "abstract", "alignas", "alignof", "and", "any", "arguments", "as", "asm", "assert", "async", "attribute", "auto",
    "await", "bb", "become", "bitand", "bitor", "bool", "boolean", "box", "break", "byte", "case", "catch", "char",
    "class", "compl", "concept", "const", "consteval", "constexpr", "constinit", "constructor", "continue", "crate",
    "debugger", "declare", "decltype", "def", "default", "del", "delete", "do", "double", "dyn", "elif", "else",
    "end", "enum", "eval", "except", "explicit", "export", "extends", "extern", "false", "file_extension",
    "file_identifier", "final", "finally", "float", "float32", "float64", "fn", "follow", "for", "force_align",
    "friend", "from", "function", "gen", "get", "global", "goto", "id", "if", "impl", "implements", "import", "in",
    "include", "inf", "infinity", "init", "inline", "instanceof", "int", "int16", "int32", "int64", "int8",
    "interface", "is", "key", "lambda", "let", "long", "loop", "macro", "match", "mod", "module", "move", "mut",
    "mutable", "namespace", "nan", "native_include", "never", "new", "noexcept", "none", "nonlocal", "not", "null",
    "number", "object", "of", "operator", "or", "override", "pack", "package", "pass", "priv", "private", "prop",
    "protected", "prototype", "pub", "public", "raise", "ref", "register", "require", "required", "requires",
    "return", "root_type", "rpc_service", "self", "set", "short", "signed", "sizeof", "start", "static",
    "static_assert", "static_cast", "string", "struct", "super", "switch", "symbol", "table", "template", "this",
    "thread_local", "throw", "trait", "true", "try", "type", "typedef", "typeid", "typename", "typeof", "ubyte",
    "uint", "uint16", "uint32", "uint64", "uint8", "ulong", "undefined", "union", "unknown", "unpack", "unsafe",
    "unsigned", "unsized", "use", "ushort", "using", "value", "var", "verify", "virtual", "void", "volatile",
    "wchar_t", "where", "while", "with", "xor", "yield"};
// clang-format on

/// Where the words with each first letter begin: a name is compared with a few words only.
inline constexpr auto reserved_begin = [] {
  std::array<std::uint8_t, 27> begin{};
  for (std::string_view const word : reserved_words) {
    for (auto letter = static_cast<std::size_t>(word[0] - 'a') + 1; letter < begin.size(); ++letter) ++begin[letter];
  }
  return begin;
}();

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alphanumeric(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }

/// An identifier in Identifiers::chars. `plain` is a hash of it in lower case and without underscores, because
/// generators rewrite names as camelCase, CamelCase, snake_case and UPPER_CASE.
struct Identifier {
  std::uint32_t begin = 0;
  std::uint32_t length = 0;
  std::uint64_t plain = 0;
};

/// Field and table names for the nodes of a tree: deterministic, unique in their scope under all spellings.
struct Identifiers {
  Block<char> chars{4096};
  Block<Identifier> field{0};  ///< of each node, but the root
  Block<Identifier> table{0};  ///< of each inner node; of a list, the table of its elements

  [[nodiscard]] constexpr std::string_view text(Identifier id) const { return {chars.data() + id.begin, id.length}; }

  constexpr void put(std::string_view s) {
    for (char const c : s) chars.push(c);
  }
  constexpr void copy(Identifier id) {
    for (std::uint32_t i = 0; i < id.length; ++i) chars.push(chars[id.begin + i]);
  }
  /// What was put since `begin`, as an identifier.
  constexpr Identifier since(std::size_t begin) const {
    Identifier id{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(chars.size() - begin), 0};
    id.plain = 0xcbf29ce484222325u;
    for (char const c : text(id)) {
      if (c != '_') id.plain = (id.plain ^ static_cast<unsigned char>(lower(c))) * 0x100000001b3u;
    }
    return id;
  }
};

/// `plain` of an identifier with `suffix` (lower case, no underscores) behind it.
constexpr std::uint64_t plain_with(std::uint64_t plain, std::string_view suffix) {
  for (char const c : suffix) plain = (plain ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return plain;
}

/// Puts `name` as an identifier: other characters become '_', a first character that is no letter gets 'm' before it.
constexpr void put_identifier(Identifiers& ids, std::string_view name) {
  std::size_t const begin = ids.chars.size();
  if (name.empty() || is_digit(name[0]) || !is_alphanumeric(name[0])) ids.chars.push('m');
  for (char const c : name) {
    bool const continuation = (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;  // of a UTF-8 character
    if (!continuation) ids.chars.push(is_alphanumeric(c) ? c : '_');
  }
  std::string_view const text{ids.chars.data() + begin, ids.chars.size() - begin};
  auto const letter = static_cast<std::size_t>(lower(text[0]) - 'a');
  for (std::size_t w = reserved_begin[letter]; w < reserved_begin[letter + 1]; ++w) {
    std::string_view const word = reserved_words[w];
    bool same = word.size() == text.size();
    for (std::size_t i = 0; same && i < word.size(); ++i) same = word[i] == lower(text[i]);
    if (same) {
      ids.chars.push('_');
      return;
    }
  }
}

/// Adds _2, _3, ... to the identifier begun at `begin` until `taken(plain)` is false.
template <class Taken>
constexpr Identifier make_unique(Identifiers& ids, std::size_t begin, Taken&& taken) {
  std::size_t const length = ids.chars.size();
  Identifier id = ids.since(begin);
  char digits[20]{};
  for (std::uint64_t n = 2; taken(id.plain); ++n) {
    ids.chars.cut(length);
    ids.put("_");
    ids.put(decimal(n, digits));
    id = ids.since(begin);
  }
  return id;
}

/// True if code generated for a field called so and a field called `other` would clash.
/// A vector `layers` also has layers_length and layers_is_none.
constexpr bool clashes(std::uint64_t plain, bool list, std::uint64_t other, bool other_list) {
  if (plain == other) return true;
  if (list && (plain_with(plain, "length") == other || plain_with(plain, "isnone") == other)) return true;
  return other_list && (plain_with(other, "length") == plain || plain_with(other, "isnone") == plain);
}

/// Names for a model whose type is called `type`: "MLP", or "Sequential" of "Sequential<Linear<2, 2>>".
constexpr Identifiers name_members(Tree const& tree, std::string_view type) {
  Identifiers ids;
  auto const& nodes = tree.nodes;
  ids.field = Block<Identifier>(nodes.size(), Identifier{});
  ids.table = Block<Identifier>(nodes.size(), Identifier{});

  put_identifier(ids, type.substr(0, find_char(type, '<')));
  std::uint64_t const header = plain_with(0xcbf29ce484222325u, "header");
  std::uint64_t const fixed[] = {header, plain_with(0xcbf29ce484222325u, "tensor"),
                                 plain_with(0xcbf29ce484222325u, "keyvalue"), plain_with(0xcbf29ce484222325u, "kind"),
                                 plain_with(0xcbf29ce484222325u, "dtype")};
  ids.table[0] = make_unique(ids, 0, [&](std::uint64_t plain) {
    for (std::uint64_t const f : fixed) {
      if (f == plain) return true;
    }
    return false;
  });

  Block<std::uint64_t> tables(1, ids.table[0].plain);
  bool skip = false;
  for (std::uint32_t at = tree.after(0); at != no_index; at = tree.after(at, 0, skip)) {
    TreeNode const& node = nodes[at];
    TreeNode const& parent = nodes[node.parent];
    skip = false;
    if (parent.list) {
      ids.table[at] = ids.table[node.parent];
      skip = parent.first_child != at;  // all elements are of one table type
      continue;
    }
    std::size_t begin = ids.chars.size();
    put_identifier(ids, node.name);
    ids.field[at] = make_unique(ids, begin, [&](std::uint64_t plain) {
      if (node.parent == 0 && plain == header) return true;
      for (std::uint32_t c = parent.first_child; c != at; c = nodes[c].next) {
        if (clashes(plain, node.list, ids.field[c].plain, nodes[c].list)) return true;
      }
      return false;
    });
    if (node.is_leaf()) continue;
    begin = ids.chars.size();
    Identifier const outer = ids.table[node.parent];
    ids.copy(outer);
    ids.put("_");
    ids.copy(ids.field[at]);
    ids.table[at] = make_unique(ids, begin, [&](std::uint64_t plain) {
      for (std::uint64_t const t : tables) {
        if (t == plain) return true;
      }
      return false;
    });
    tables.push(ids.table[at].plain);
  }
  return ids;
}

}  // namespace ashlar::detail
