// Ashlar: what is in a file, when no type says what it should be.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/error.hpp>
#include <ashlar/io/value_tensor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {
struct ValueNode;
struct ValueBuilder;
}  // namespace detail

struct ValueItem;
struct NamedTensor;

/// A tree of what a file holds: a state_dict, a training checkpoint, or a single tensor.
///
/// 16 bytes. Containers and text are shared between copies and never change, so one list may stand in two places, as
/// in Python. At most 500 containers stand in one another.
/// Accessors throw an Error (mismatch) that says what is there instead.
class Value {
 public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,      ///< fits 64 bits
    floating,
    dtype,        ///< torch.float16
    big_integer,  ///< does not fit 64 bits
    string,
    bytes,
    device,       ///< torch.device("cuda:0")
    complex,      ///< elements() are the real and the imaginary part
    list,
    tuple,        ///< also torch.Size
    set,
    dict,         ///< also collections.OrderedDict
    tensor,
  };

  Value() noexcept : payload_{}, kind_(Kind::none) {}
  explicit Value(bool b) : Value(Kind::boolean, std::int64_t{b}) {}
  explicit Value(std::signed_integral auto i) : Value(Kind::integer, std::int64_t{i}) {}
  explicit Value(double d) : kind_(Kind::floating) { payload_.floating = d; }
  explicit Value(DType dtype) : Value(Kind::dtype, static_cast<std::int64_t>(dtype)) {}
  explicit Value(std::string_view text) : Value(Kind::string, text) {}
  explicit Value(char const* text) : Value(Kind::string, text) {}
  explicit Value(std::string const& text) : Value(Kind::string, text) {}
  explicit Value(ValueTensor tensor);
  /// Text, bytes, a device ("cuda:0"), or the decimal digits of a big integer. Error: value, if it is none.
  static Value text(Kind kind, std::string_view content);
  /// Error: value, if it were more than 500 containers deep; so of all of these.
  static Value list(std::vector<Value> elements) { return Value(Kind::list, std::move(elements)); }
  static Value tuple(std::vector<Value> elements) { return Value(Kind::tuple, std::move(elements)); }
  /// Keys are text, numbers, none, dtypes or tuples of at most 16 of them. Error: value, for another key or one that
  /// stands twice.
  static Value dict(std::vector<ValueItem> items, Value metadata = {});

  Value(Value const& other) noexcept : payload_(other.payload_), kind_(other.kind_) { share(); }
  Value(Value&& other) noexcept : payload_(other.payload_), kind_(std::exchange(other.kind_, Kind::none)) {}
  Value& operator=(Value other) noexcept {
    std::swap(payload_, other.payload_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  ~Value() { release(); }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_none() const { return kind_ == Kind::none; }
  [[nodiscard]] bool is_dict() const { return kind_ == Kind::dict; }
  [[nodiscard]] bool is_tensor() const { return kind_ == Kind::tensor; }

  [[nodiscard]] bool as_bool() const { return expect(Kind::boolean), payload_.integer != 0; }
  [[nodiscard]] std::int64_t as_int() const { return expect(Kind::integer), payload_.integer; }
  /// Also of an integer that a double holds exactly.
  [[nodiscard]] double as_double() const;
  [[nodiscard]] DType as_dtype() const { return expect(Kind::dtype), static_cast<DType>(payload_.integer); }
  /// Of text, and of a device: "cuda:0". UTF-8 as the file has it; may hold any character, NUL too.
  [[nodiscard]] std::string_view as_string() const;
  [[nodiscard]] std::string_view as_bytes() const;
  /// The digits of an integer of any size.
  [[nodiscard]] std::string as_decimal() const;
  [[nodiscard]] ValueTensor const& tensor() const;

  /// Elements of a list, tuple or set, or items of a dict.
  [[nodiscard]] std::size_t size() const;
  /// Of a list, tuple, set or complex number.
  [[nodiscard]] std::span<Value const> elements() const;
  /// Of a dict, in the order of the file.
  [[nodiscard]] std::span<ValueItem const> items() const;
  /// The value of a key of a dict, null if it is absent. Cost: logarithmic in the size of the dict.
  [[nodiscard]] Value const* find(Value const& key) const;
  [[nodiscard]] Value const* find(std::string_view key) const { return find(Value(key)); }
  [[nodiscard]] Value const* find(std::integral auto key) const { return find(Value(static_cast<std::int64_t>(key))); }
  /// The value of a key. Error: mismatch, if it is absent.
  Value const& operator[](std::string_view key) const;
  /// An element of a list or tuple, or the value of an integer key. Error: mismatch, if there is none.
  Value const& operator[](std::size_t index) const;
  /// What an OrderedDict carries as `_metadata`: path of a module -> {version: 1}. None if there is nothing.
  [[nodiscard]] Value const& metadata() const;

  /// Every tensor with its path: dict keys and list positions with '.' between. So a flat state_dict gives its keys,
  /// and a file of one tensor the empty path. Keys may hold dots themselves, so two paths may be equal. Error: value,
  /// for more than 2^22 tensors, 256 MiB of paths, or 2^24 parts of shared ones, which a small tree can stand for.
  [[nodiscard]] std::vector<NamedTensor> tensors() const;
  /// How many that are, before the limits; 2^32 - 1 stands for any larger number.
  [[nodiscard]] std::uint32_t tensor_count() const;

  /// "a dict of 4 items", "the tensor f32 (256, 20)", "the string 'adam'": for messages.
  [[nodiscard]] std::string describe() const;

 private:
  friend struct detail::ValueBuilder;
  Value(Kind kind, std::int64_t integer) : kind_(kind) { payload_.integer = integer; }
  Value(Kind kind, std::string_view text);
  Value(Kind kind, std::vector<Value> elements);
  [[nodiscard]] bool has_node() const { return kind_ >= Kind::big_integer && kind_ <= Kind::tensor; }
  void share() const noexcept;
  void release() noexcept;
  void expect(Kind kind) const {
    if (kind_ != kind) raise(kind);
  }
  [[noreturn]] void raise(Kind expected) const;
  [[noreturn]] void raise_missing(Value const& key) const;

  union {
    std::int64_t integer;
    double floating;
    detail::ValueNode* node;
  } payload_;
  Kind kind_;
};

/// A key of a dict and what it stands for.
struct ValueItem {
  Value key;
  Value value;
};

/// A tensor somewhere in a tree.
struct NamedTensor {
  std::string path;
  ValueTensor tensor;
};

}  // namespace ashlar

#include <ashlar/io/value_node.hpp>
