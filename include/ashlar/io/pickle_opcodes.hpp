// Ashlar: the instructions of pickles, by name.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ashlar::detail {

/// The opcodes that Unpickler carries out: those of protocol 2 that PyTorch's own files use, and what Python writes in
/// their place in later protocols.
enum class Opcode : std::uint8_t {
  mark = '(',
  stop = '.',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  none = 'N',
  binpersid = 'Q',
  reduce = 'R',
  short_binstring = 'U',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  global = 'c',
  empty_dict = '}',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  empty_list = ']',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  binfloat = 'G',
  proto = 0x80,
  newobj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  // from protocol 3
  binbytes = 'B',
  short_binbytes = 'C',
  // from protocol 4
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  binbytes8 = 0x8e,
  empty_set = 0x8f,
  additems = 0x90,
  stack_global = 0x93,
  memoize = 0x94,
  frame = 0x95,
  // from protocol 5
  bytearray8 = 0x96,
};

/// The first protocol that has an opcode; pickles of earlier ones that hold it were made by no pickler.
constexpr std::uint8_t protocol_of(std::uint8_t code) {
  if (code == static_cast<std::uint8_t>(Opcode::bytearray8)) return 5;
  if (code >= 0x8c && code <= 0x95) return 4;
  return code == 'B' || code == 'C' ? 3 : 2;
}

/// The name of every opcode up to protocol 5; empty for other bytes. Source: Python's pickletools.
constexpr std::string_view opcode_name(std::uint8_t code) {
  constexpr auto names = [] {
    std::array<std::string_view, 256> n{};
    n['('] = "MARK", n['.'] = "STOP", n['0'] = "POP", n['1'] = "POP_MARK", n['2'] = "DUP", n['F'] = "FLOAT";
    n['I'] = "INT", n['J'] = "BININT", n['K'] = "BININT1", n['L'] = "LONG", n['M'] = "BININT2", n['N'] = "NONE";
    n['P'] = "PERSID", n['Q'] = "BINPERSID", n['R'] = "REDUCE", n['S'] = "STRING", n['T'] = "BINSTRING";
    n['U'] = "SHORT_BINSTRING", n['V'] = "UNICODE", n['X'] = "BINUNICODE", n['a'] = "APPEND", n['b'] = "BUILD";
    n['c'] = "GLOBAL", n['d'] = "DICT", n['}'] = "EMPTY_DICT", n['e'] = "APPENDS", n['g'] = "GET";
    n['h'] = "BINGET", n['i'] = "INST", n['j'] = "LONG_BINGET", n['l'] = "LIST", n[']'] = "EMPTY_LIST";
    n['o'] = "OBJ", n['p'] = "PUT", n['q'] = "BINPUT", n['r'] = "LONG_BINPUT", n['s'] = "SETITEM", n['t'] = "TUPLE";
    n[')'] = "EMPTY_TUPLE", n['u'] = "SETITEMS", n['G'] = "BINFLOAT", n['B'] = "BINBYTES", n['C'] = "SHORT_BINBYTES";
    n[0x80] = "PROTO", n[0x81] = "NEWOBJ", n[0x82] = "EXT1", n[0x83] = "EXT2", n[0x84] = "EXT4", n[0x85] = "TUPLE1";
    n[0x86] = "TUPLE2", n[0x87] = "TUPLE3", n[0x88] = "NEWTRUE", n[0x89] = "NEWFALSE", n[0x8a] = "LONG1";
    n[0x8b] = "LONG4", n[0x8c] = "SHORT_BINUNICODE", n[0x8d] = "BINUNICODE8", n[0x8e] = "BINBYTES8";
    n[0x8f] = "EMPTY_SET", n[0x90] = "ADDITEMS", n[0x91] = "FROZENSET", n[0x92] = "NEWOBJ_EX";
    n[0x93] = "STACK_GLOBAL", n[0x94] = "MEMOIZE", n[0x95] = "FRAME", n[0x96] = "BYTEARRAY8";
    n[0x97] = "NEXT_BUFFER", n[0x98] = "READONLY_BUFFER";
    return n;
  }();
  return names[code];
}

}  // namespace ashlar::detail
