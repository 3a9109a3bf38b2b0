// Ashlar: a tree of values as a list of what is in it.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/value.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ashlar {

/// A part of a tree that is no container of others, and its path: dict keys and list positions with '.' between.
struct ValueLeaf {
  std::string path;
  Value value;
};

namespace detail {

/// The numbers a tensor can stand for: bools, integers or floats.
ASHLAR_COLD inline bool is_number(Value const& v) {
  return v.kind() == Value::Kind::boolean || v.kind() == Value::Kind::integer || v.kind() == Value::Kind::floating;
}
/// A list or tuple of numbers of one kind, as the betas of Adam are.
ASHLAR_COLD inline bool is_number_list(Value const& v) {
  if (v.kind() != Value::Kind::list && v.kind() != Value::Kind::tuple) return false;
  auto const elements = v.elements();
  return !elements.empty() && is_number(elements[0]) &&
         std::all_of(elements.begin(), elements.end(), [&](auto& e) { return e.kind() == elements[0].kind(); });
}

class LeafWalk {
 public:
  std::vector<ValueLeaf> walk(Value const& root) {
    measure(root);
    if (!root.is_dict() || root.size() != 0) visit(root);
    return std::move(out_);
  }

 private:
  static bool is_sequence(Value const& v) { return v.kind() == Value::Kind::list || v.kind() == Value::Kind::tuple; }

  /// What the tree takes as it lies in memory, shared parts once: what the list may take is in proportion to that.
  void measure(Value const& v) {
    bool const is_dict = v.is_dict();
    if ((!is_dict && !is_sequence(v)) || v.size() == 0) return;
    void const* const place = is_dict ? static_cast<void const*>(v.items().data()) : v.elements().data();
    if (!seen_.insert(place).second) return;
    for (std::size_t i = 0; i < v.size(); ++i) {
      allowed_ += 64;
      if (is_dict && v.items()[i].key.kind() == Value::Kind::string) allowed_ += v.items()[i].key.as_string().size();
      measure(is_dict ? v.items()[i].value : v.elements()[i]);
    }
  }

  // Not deeper than trees are: 500.
  void visit(Value const& v) {
    cost_ += path_.size() + 64;
    if (cost_ / 16 > allowed_) {
      throw error(Errc::value, {"the tree stands for more parts than can be listed: its containers hold each other "
                                "many times, or its keys are too long"});
    }
    bool const is_list = is_sequence(v);
    if ((!v.is_dict() && !is_list) || v.size() == 0 || is_number_list(v)) {
      out_.push_back({path_, v});
      return;
    }
    std::size_t const length = path_.size();
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (length != 0) path_ += '.';
      if (v.is_dict()) append_key(path_, v.items()[i].key);
      else path_ += std::to_string(i);
      visit(v.is_dict() ? v.items()[i].value : v.elements()[i]);
      path_.resize(length);
    }
  }

  std::string path_;
  std::vector<ValueLeaf> out_;
  std::size_t cost_ = 0;
  std::size_t allowed_ = std::size_t{64} << 10;
  std::unordered_set<void const*> seen_;
};

template <class T>
ValueTensor tensor_of_numbers(std::span<Value const> numbers, Extents const& shape) {
  std::shared_ptr<T[]> const storage(new T[numbers.size()]);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Value const& v = numbers[i];
    if constexpr (std::is_same_v<T, double>) storage[i] = v.as_double();
    else if constexpr (std::is_same_v<T, bool>) storage[i] = v.as_bool();
    else storage[i] = v.as_int();
  }
  return {dtype_of<T>, shape, std::as_bytes(std::span<T const>(storage.get(), numbers.size())), storage};
}

}  // namespace detail

/// The parts of a tree in the order of the file: tensors, numbers, text, None; lists of numbers of one kind and empty
/// containers as a whole; nothing of a dict that is empty itself. Error: value, for a small tree of shared parts that
/// stands for millions.
inline std::vector<ValueLeaf> leaves(Value const& root) { return detail::LeafWalk().walk(root); }

/// A tensor as it is; a bool, integer or float as a tensor of rank 0 (bool, i64, f64), a list of such as one of rank 1.
/// Nothing for any other value.
inline std::optional<ValueTensor> as_tensor(Value const& value) {
  if (value.is_tensor()) return value.tensor();
  bool const is_list = detail::is_number_list(value);
  if (!is_list && !detail::is_number(value)) return std::nullopt;
  auto const numbers = is_list ? value.elements() : std::span<Value const>(&value, 1);
  Extents shape{is_list ? std::size_t{1} : std::size_t{0}, {}};
  if (is_list) shape[0] = numbers.size();
  switch (numbers[0].kind()) {
    case Value::Kind::boolean: return detail::tensor_of_numbers<bool>(numbers, shape);
    case Value::Kind::floating: return detail::tensor_of_numbers<double>(numbers, shape);
    default: return detail::tensor_of_numbers<std::int64_t>(numbers, shape);
  }
}

}  // namespace ashlar
