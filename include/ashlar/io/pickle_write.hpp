// Ashlar: the pickle inside a .pt file, written.  SPDX-License-Identifier: BSL-1.0
//
// Protocol 2, and no opcode or global that torch.load(weights_only=True) would not take for the same value.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/io/message.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// What a tensor's pickle says of it. Strides count elements.
struct PickledTensor {
  DType dtype;
  std::span<std::size_t const> shape;
  std::span<std::size_t const> strides;
  std::size_t offset = 0;  ///< in elements of the storage
  std::span<std::byte const> storage;
  bool requires_grad = false;
};

/// The name of a dtype in Python, and of its storage class if it has one: newer dtypes only have untyped storages.
struct TorchDType {
  std::string_view name;
  std::string_view storage;
};
constexpr TorchDType torch_dtype(DType dtype) {
  switch (dtype) {
    case DType::f64: return {"float64", "DoubleStorage"};
    case DType::f32: return {"float32", "FloatStorage"};
    case DType::f16: return {"float16", "HalfStorage"};
    case DType::bf16: return {"bfloat16", "BFloat16Storage"};
    case DType::i64: return {"int64", "LongStorage"};
    case DType::i32: return {"int32", "IntStorage"};
    case DType::i16: return {"int16", "ShortStorage"};
    case DType::i8: return {"int8", "CharStorage"};
    case DType::u8: return {"uint8", "ByteStorage"};
    case DType::boolean: return {"bool", "BoolStorage"};
    case DType::c64: return {"complex64", "ComplexFloatStorage"};
    case DType::c128: return {"complex128", "ComplexDoubleStorage"};
    case DType::u64: return {"uint64", {}};
    case DType::u32: return {"uint32", {}};
    case DType::u16: return {"uint16", {}};
    case DType::f8_e4m3fn: return {"float8_e4m3fn", {}};
    case DType::f8_e5m2: return {"float8_e5m2", {}};
  }
  return {};
}

/// Emits opcodes; each value leaves one object on the reader's stack.
class PickleWriter {
 public:
  PickleWriter() { out_ = "\x80\x02"; }

  void none() { out_ += 'N'; }
  void boolean(bool b) { out_ += b ? '\x88' : '\x89'; }
  void integer(std::int64_t i) {
    if (i >= 0 && i <= 0xff) {
      out_ += 'K';
      put<1>(static_cast<std::uint64_t>(i));
    } else if (i >= 0 && i <= 0xffff) {
      out_ += 'M';
      put<2>(static_cast<std::uint64_t>(i));
    } else if (i >= INT32_MIN && i <= INT32_MAX) {
      out_ += 'J';
      put<4>(static_cast<std::uint64_t>(i));
    } else {
      std::size_t bytes = 8;  // the shortest two's complement, as Python has it
      while (bytes > 1 && i >> (8 * bytes - 9) == (i < 0 ? -1 : 0)) --bytes;
      out_ += '\x8a';
      put<1>(bytes);
      for (std::size_t k = 0; k < bytes; ++k)
        out_ += static_cast<char>(static_cast<std::uint64_t>(i) >> (8 * k) & 0xff);
    }
  }
  /// An integer of any size; false if it takes more than 255 bytes.
  bool decimal(std::string_view digits) {
    bool const negative = digits.front() == '-';
    if (negative) digits.remove_prefix(1);
    if (digits.size() > 612) return false;  // 255 bytes hold 613 digits, not all of them
    std::vector<std::uint8_t> bytes{0};  // little endian, with a sign
    for (char const c : digits) {
      auto carry = static_cast<unsigned>(c - '0');
      for (std::uint8_t& b : bytes) {
        carry += 10u * b;
        b = static_cast<std::uint8_t>(carry & 0xff);
        carry >>= 8;
      }
      if (carry != 0) bytes.push_back(static_cast<std::uint8_t>(carry));
    }
    if (negative) {
      unsigned carry = 1;
      for (std::uint8_t& b : bytes) {
        carry += static_cast<std::uint8_t>(~b);
        b = static_cast<std::uint8_t>(carry & 0xff);
        carry >>= 8;
      }
      if (bytes.back() < 0x80) bytes.push_back(0xff);
    } else if (bytes.back() >= 0x80) {
      bytes.push_back(0);
    }
    if (bytes.size() > 255) return false;
    out_ += '\x8a';
    put<1>(bytes.size());
    out_.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    return true;
  }
  void floating(double d) {
    auto const bits = std::bit_cast<std::uint64_t>(d);
    out_ += 'G';
    for (int shift = 56; shift >= 0; shift -= 8) out_ += static_cast<char>(bits >> shift & 0xff);
  }
  /// UTF-8, below 4 GiB.
  void string(std::string_view text) {
    out_ += 'X';
    put<4>(text.size());
    out_ += text;
  }
  /// Python 2 has no bytes, so this is a call that makes them of a string.
  void bytes(std::string_view raw) {
    std::string latin1;
    for (char const c : raw) {
      auto const u = static_cast<unsigned char>(c);
      if (u < 0x80) {
        latin1 += c;
      } else {
        latin1 += static_cast<char>(0xc0 | u >> 6);
        latin1 += static_cast<char>(0x80 | (u & 0x3f));
      }
    }
    global("_codecs", "encode");
    string(latin1);
    string("latin1");
    tuple(2);
    reduce();
  }
  void dtype(DType dtype) { global("torch", torch_dtype(dtype).name); }
  void global(std::string_view module, std::string_view name) { once(message({"c", module, "\n", name, "\n"})); }

  void empty_list() { out_ += ']'; }
  void empty_dict() { out_ += '}'; }
  void ordered_dict() {
    global("collections", "OrderedDict");
    tuple(0);
    reduce();
  }
  void mark() { out_ += '('; }
  void append_all() { out_ += 'e'; }   ///< the values since mark() to the list before it
  void set_items() { out_ += 'u'; }    ///< the keys and values since mark() to the dict before it
  void marked_tuple() { out_ += 't'; }  ///< of the values since mark()
  void tuple(std::size_t n) { out_ += ")\x85\x86\x87"[n]; }  ///< of the last n values, at most 3
  void reduce() { out_ += 'R'; }  ///< calls the global below the tuple
  void build() { out_ += 'b'; }   ///< gives the dict on top to the object below it, as its attributes

  /// Remembers the object on top; recall(id) puts it there again.
  std::uint32_t remember() {
    put_index('q', 'r', memo_);
    return memo_++;
  }
  void recall(std::uint32_t id) { put_index('h', 'j', id); }

  /// Tensors over the same bytes with the same dtype share a storage.
  void tensor(PickledTensor const& t) {
    TorchDType const type = torch_dtype(t.dtype);
    bool const typed = !type.storage.empty();
    global("torch._utils", typed ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3");
    mark();
    mark();
    once_string("storage");
    typed ? global("torch", type.storage) : global("torch.storage", "UntypedStorage");
    string(std::to_string(storage(t)));
    once_string("cpu");
    integer(static_cast<std::int64_t>(typed ? t.storage.size() / size_of(t.dtype) : t.storage.size()));
    marked_tuple();
    out_ += 'Q';  // the reader asks its caller for the storage of this name
    integer(static_cast<std::int64_t>(t.offset));
    extents(t.shape);
    extents(t.strides);
    boolean(t.requires_grad);
    ordered_dict();  // of hooks, always empty
    if (!typed) dtype(t.dtype);
    marked_tuple();
    reduce();
  }

  /// The pickle. Nothing may be written after it.
  std::string const& finish() {
    out_ += '.';
    return out_;
  }
  /// The bytes of the storages "0", "1", ...
  [[nodiscard]] std::span<std::span<std::byte const> const> storages() const { return storages_; }

 private:
  template <std::size_t Bytes>
  void put(std::uint64_t value) {
    for (std::size_t i = 0; i < Bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  void put_index(char small, char large, std::uint32_t id) {
    out_ += id < 256 ? small : large;
    id < 256 ? put<1>(id) : put<4>(id);
  }
  /// Opcodes whose result is used often: written out the first time only.
  void once(std::string const& opcodes) {
    auto const [at, first] = known_.try_emplace(opcodes, memo_);
    if (!first) return recall(at->second);
    out_ += opcodes;
    remember();
  }
  void once_string(std::string_view text) {
    std::string opcodes = "X";
    opcodes += static_cast<char>(text.size());
    opcodes.append(3, '\0');
    opcodes += text;
    once(opcodes);
  }
  void extents(std::span<std::size_t const> values) {
    if (values.size() > 3) mark();
    for (std::size_t const v : values) integer(static_cast<std::int64_t>(v));
    values.size() > 3 ? marked_tuple() : tuple(values.size());
  }
  std::size_t storage(PickledTensor const& t) {
    std::size_t const index = storages_.size();
    if (!t.storage.empty()) {
      auto const [at, first] = storage_of_.try_emplace({t.storage.data(), t.storage.size(), t.dtype}, index);
      if (!first) return at->second;
    }
    storages_.push_back(t.storage);
    return index;
  }

  std::string out_;
  std::uint32_t memo_ = 0;
  std::map<std::string, std::uint32_t> known_;
  std::vector<std::span<std::byte const>> storages_;
  std::map<std::tuple<std::byte const*, std::size_t, DType>, std::size_t> storage_of_;
};

}  // namespace ashlar::detail
