// Ashlar: the members of Value.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/error.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/io/value_node.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

constexpr std::string_view kind_name(Value::Kind kind) {
  using enum Value::Kind;
  switch (kind) {
    case none: return "none";
    case boolean: return "a bool";
    case integer: return "an integer";
    case floating: return "a float";
    case dtype: return "a dtype";
    case big_integer: return "an integer of more than 64 bits";
    case string: return "a string";
    case bytes: return "bytes";
    case device: return "a device";
    case complex: return "a complex number";
    case list: return "a list";
    case tuple: return "a tuple";
    case set: return "a set";
    case dict: return "a dict";
    case tensor: return "a tensor";
  }
  return "?";
}

constexpr std::string_view fault_name(ValueFault fault) {
  switch (fault) {
    case ValueFault::none: break;
    case ValueFault::closed: return "a container is changed after it was put into another one, as only a cycle is";
    case ValueFault::itself: return "a container refers to itself: a cycle";
    case ValueFault::too_deep: return "nested too deep: more than 500 containers in one another";
    case ValueFault::too_many: return "a dict with too many items";
    case ValueFault::key: return "not a key: text, a number, none, or a tuple of at most 16 of them is expected";
    case ValueFault::duplicate: return "a dict has a duplicate key";
    case ValueFault::internal: return "a function, class or storage is not allowed as a value";
  }
  return "";
}

/// What stands for a key in a path.
ASHLAR_COLD inline void append_key(std::string& path, Value const& key) {
  switch (key.kind()) {
    case Value::Kind::none: path += "None"; break;
    case Value::Kind::boolean: path += key.as_bool() ? "True" : "False"; break;
    case Value::Kind::dtype: path += name_of(key.as_dtype()); break;
    case Value::Kind::integer:
    case Value::Kind::big_integer: path += key.as_decimal(); break;
    case Value::Kind::floating: {
      char digits[32];
      int const n = std::snprintf(digits, sizeof digits, "%.17g", key.as_double());
      path.append(digits, static_cast<std::size_t>(n));
      break;
    }
    case Value::Kind::tuple: {
      char const* separator = "(";
      for (Value const& part : key.elements()) {
        path += std::exchange(separator, ", ");
        append_key(path, part);
      }
      path += ')';
      break;
    }
    default: path += ValueBuilder::text(key).text();
  }
}

inline void require(ValueFault fault) {
  if (fault != ValueFault::none) throw error(Errc::value, {fault_name(fault)});
}

/// "cpu", "cuda:1"
constexpr bool is_device(std::string_view text) {
  std::size_t const colon = text.find(':');
  std::string_view const name = text.substr(0, colon);
  std::string_view const number = colon == std::string_view::npos ? "0" : text.substr(colon + 1);
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos &&
         !number.empty() && number.size() <= 4 && number.find_first_not_of("0123456789") == std::string_view::npos;
}
constexpr bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Flattens a tree without recursion.
class TensorWalk {
 public:
  std::vector<NamedTensor> walk(Value const& root) {
    out_.reserve(root.tensor_count());
    enter(root);
    while (!stack_.empty()) {
      Level& top = stack_.back();
      if (top.again && ++looked_at_again_ > (std::size_t{1} << 24)) {
        throw error(Errc::value, {"shared parts that stand for more than can be looked at"});
      }
      if (top.next == top.parent->size()) {
        stack_.pop_back();
        continue;
      }
      std::size_t const at = top.next++;
      Value const& parent = *top.parent;
      Value const& child = parent.is_dict() ? parent.items()[at].value : parent.elements()[at];
      if (child.tensor_count() == 0) continue;
      path_.resize(top.path);
      if (stack_.size() > 1) path_ += '.';
      if (parent.is_dict()) {
        append_key(path_, parent.items()[at].key);
      } else {
        path_ += std::to_string(at);
      }
      enter(child);
    }
    return std::move(out_);
  }

 private:
  struct Level {
    Value const* parent;
    std::size_t next;
    std::size_t path;  ///< length of the path to here
    bool again;  ///< a long container that was walked before: all of it once more, for a tensor or two perhaps
  };

  void enter(Value const& v) {
    text_ += path_.size();
    if (text_ > (std::size_t{256} << 20)) throw error(Errc::value, {"the paths of the tensors exceed 256 MiB"});
    if (v.is_tensor()) {
      out_.push_back({path_, v.tensor()});
    } else {
      bool const again = v.size() > 64 && !walked_.insert(ValueBuilder::node(v)).second;
      stack_.push_back({&v, 0, path_.size(), again});
    }
  }

  std::vector<Level> stack_;
  std::set<ValueNode const*> walked_;
  std::size_t looked_at_again_ = 0;
  std::string path_;
  std::size_t text_ = 0;
  std::vector<NamedTensor> out_;
};

}  // namespace detail

inline Value::Value(ValueTensor tensor) : Value(detail::ValueBuilder::make_tensor(std::move(tensor))) {}
inline Value::Value(Kind kind, std::string_view text) : kind_(kind) { payload_.node = detail::TextNode::make(text); }
inline Value Value::text(Kind kind, std::string_view content) {
  bool const good = kind == Kind::string || kind == Kind::bytes ||
                    (kind == Kind::device && detail::is_device(content)) ||
                    (kind == Kind::big_integer && detail::is_decimal(content));
  if (good) return Value(kind, content);
  throw detail::error(Errc::value, {"'", detail::printable(content), "' is no text of ", detail::kind_name(kind)});
}
inline Value::Value(Kind kind, std::vector<Value> elements) : Value(detail::ValueBuilder::open_list(kind)) {
  detail::ValueBuilder::reserve(*this, elements.size());
  for (Value& e : elements) detail::require(detail::ValueBuilder::append(*this, std::move(e)));
  detail::require(detail::ValueBuilder::close(*this));
}
inline Value Value::dict(std::vector<ValueItem> items, Value metadata) {
  Value out = detail::ValueBuilder::open_dict();
  detail::ValueBuilder::reserve_items(out, items.size());
  for (ValueItem& i : items) detail::require(detail::ValueBuilder::set(out, std::move(i.key), std::move(i.value)));
  if (!metadata.is_none()) detail::require(detail::ValueBuilder::set_metadata(out, std::move(metadata)));
  detail::require(detail::ValueBuilder::close(out));
  return out;
}

inline void Value::share() const noexcept {
  if (has_node()) payload_.node->refs.fetch_add(1, std::memory_order_relaxed);
}
inline void Value::release() noexcept {
  if (!has_node()) return;
  // The last owner is alone with the node, so a look is enough, which costs less than a locked subtraction.
  auto& refs = payload_.node->refs;
  if (refs.load(std::memory_order_acquire) == 1 || refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    detail::ValueBuilder::destroy(kind_, payload_.node);
  }
}

inline double Value::as_double() const {
  if (kind_ == Kind::integer && payload_.integer >= -(std::int64_t{1} << 53) &&
      payload_.integer <= std::int64_t{1} << 53) {
    return static_cast<double>(payload_.integer);
  }
  expect(Kind::floating);
  return payload_.floating;
}
inline std::string_view Value::as_string() const {
  if (kind_ != Kind::device) expect(Kind::string);
  return detail::ValueBuilder::text(*this).text();
}
inline std::string_view Value::as_bytes() const {
  expect(Kind::bytes);
  return detail::ValueBuilder::text(*this).text();
}
inline std::string Value::as_decimal() const {
  if (kind_ == Kind::big_integer) return std::string(detail::ValueBuilder::text(*this).text());
  return std::to_string(as_int());
}
inline ValueTensor const& Value::tensor() const {
  expect(Kind::tensor);
  return detail::ValueBuilder::tensor(*this);
}

inline std::size_t Value::size() const { return is_dict() ? items().size() : elements().size(); }
inline std::span<Value const> Value::elements() const {
  if (!detail::ValueBuilder::is_list(*this)) raise(Kind::list);
  return detail::ValueBuilder::list(*this).elements;
}
inline std::span<ValueItem const> Value::items() const {
  expect(Kind::dict);
  auto const& body = detail::ValueBuilder::dict(*this).body;
  return body == nullptr ? std::span<ValueItem const>{} : std::span<ValueItem const>(body->items);
}
inline Value const* Value::find(Value const& key) const {
  expect(Kind::dict);
  return detail::ValueBuilder::find(detail::ValueBuilder::dict(*this), key);
}
inline Value const& Value::operator[](std::string_view key) const {
  Value const* const value = find(key);
  if (value == nullptr) raise_missing(Value(key));
  return *value;
}
inline Value const& Value::operator[](std::size_t index) const {
  if (is_dict()) {
    Value const* const value = find(index);
    if (value == nullptr) raise_missing(Value(static_cast<std::int64_t>(index)));
    return *value;
  }
  if (index >= size()) raise_missing(Value(static_cast<std::int64_t>(index)));
  return elements()[index];
}
inline Value const& Value::metadata() const {
  static Value const nothing;
  expect(Kind::dict);
  auto const& body = detail::ValueBuilder::dict(*this).body;
  return body == nullptr ? nothing : body->metadata;
}

inline std::uint32_t Value::tensor_count() const { return has_node() ? payload_.node->tensors : 0; }
ASHLAR_COLD inline std::vector<NamedTensor> Value::tensors() const {
  if (tensor_count() == 0) return {};
  if (tensor_count() > 1u << 22) {
    throw detail::error(Errc::value, {"shared parts that expand to more than 4194304 tensors"});
  }
  return detail::TensorWalk().walk(*this);
}

ASHLAR_COLD inline std::string Value::describe() const {
  using detail::message;
  std::string text;
  switch (kind_) {
    case Kind::none: return "none";
    case Kind::dict: return message({"a dict of ", size(), " items"});
    case Kind::list:
    case Kind::tuple:
    case Kind::set: return message({detail::kind_name(kind_), " of ", size(), " elements"});
    case Kind::complex:
    case Kind::bytes: return std::string(detail::kind_name(kind_));
    case Kind::tensor: return message({"the tensor ", tensor().describe()});
    default: detail::append_key(text, *this);
  }
  std::string_view const name = detail::kind_name(kind_);
  std::string_view const quote = kind_ == Kind::string || kind_ == Kind::device ? "'" : "";
  return message({"the", name.substr(name.find(' ')), " ", quote, detail::printable(text), quote});
}
ASHLAR_COLD inline void Value::raise(Kind expected) const {
  throw detail::error(Errc::mismatch, {detail::kind_name(expected), " was expected, but there is ", describe()});
}
ASHLAR_COLD inline void Value::raise_missing(Value const& key) const {
  std::string text;
  detail::append_key(text, key);
  std::string_view const quote = key.kind() == Kind::string ? "'" : "";
  throw detail::error(Errc::mismatch,
                      {describe(), " has no ", is_dict() ? "key " : "element ", quote, detail::printable(text), quote});
}

}  // namespace ashlar
