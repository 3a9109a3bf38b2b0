// Ashlar: the shared parts of a Value, and how they are built.  SPDX-License-Identifier: BSL-1.0
//
// A part may be filled while it stands in no other part; to put it into one closes it. So parts make no cycle, and how
// deep a part is and how many tensors it stands for are known when it is closed.
#pragma once

#include <ashlar/io/name_index.hpp>
#include <ashlar/io/value.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

struct ValueNode {
  std::atomic<std::uint32_t> refs{1};
  std::uint32_t tensors = 0;  ///< paths to tensors from here; saturates
  std::uint16_t height = 0;   ///< containers below on the longest way down
  bool closed = false;
  bool ordered = false;       ///< a collections.OrderedDict
  bool has_internal = false;  ///< a tuple with something inside that is no value: the arguments of a call
};
/// The characters follow the node in its block of memory: a file has a name for each tensor, and each takes one block.
struct TextNode : ValueNode {
  std::size_t size;
  std::size_t hash;  ///< kept, because one key may stand in many dicts

  static TextNode* make(std::string_view text) {
    void* const memory = ::operator new(sizeof(TextNode) + text.size());
    return new (memory) TextNode(text);
  }
  static void destroy(TextNode* node) noexcept {
    node->~TextNode();
    ::operator delete(node);
  }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<char const*>(this + 1), size}; }

 private:
  explicit TextNode(std::string_view t) : size(t.size()), hash(std::hash<std::string_view>{}(t)) {
    if (!t.empty()) std::memcpy(reinterpret_cast<char*>(this + 1), t.data(), t.size());
  }
};
struct ListNode : ValueNode {
  std::vector<Value> elements;
};
struct DictNode : ValueNode {
  struct Body {
    std::vector<ValueItem> items;
    std::vector<std::uint32_t> order;  ///< the items, sorted by key; of a closed dict
    Value metadata;
  };
  std::unique_ptr<Body> body;  ///< none while the dict is empty: an empty one costs one byte in a pickle
};
struct TensorNode : ValueNode {
  template <class... Parts>
  explicit TensorNode(Parts&&... parts) : tensor(std::forward<Parts>(parts)...) {}
  ValueTensor tensor;
  std::size_t storage = 0;  ///< while a file is read: the number of the storage, whose bytes are found later
};

/// What a pickle names and no tree holds: functions and classes, and storages. Kinds only an unpickler sees.
inline constexpr auto global_kind = static_cast<Value::Kind>(64);
inline constexpr auto storage_kind = static_cast<Value::Kind>(65);
inline constexpr auto unset_kind = static_cast<Value::Kind>(66);

/// Why a container does not take a value.
enum class ValueFault : std::uint8_t { none, closed, itself, too_deep, too_many, key, duplicate, internal };

/// No tree is deeper: Python's own pickler gives up near 500. It also bounds what the destructor recurses.
inline constexpr std::uint16_t max_depth = 500;

/// Makes the parts of values, and fills containers that stand nowhere yet.
struct ValueBuilder {
  static Value make(Value::Kind kind, ValueNode* node) {
    Value v;
    v.payload_.node = node;
    v.kind_ = kind;
    return v;
  }
  static Value make_internal(Value::Kind kind, std::int64_t number) { return Value(kind, number); }
  static bool is_internal(Value const& v) { return v.kind() >= global_kind; }
  static bool has_internal(Value const& v) { return is_internal(v) || (v.has_node() && v.payload_.node->has_internal); }
  static std::int64_t number(Value const& internal) { return internal.payload_.integer; }
  /// The same elements as another kind, shared.
  static Value relabel(Value const& list, Value::Kind kind) {
    Value out = list;
    out.kind_ = kind;
    return out;
  }
  /// A tensor made in place, of what a constructor of ValueTensor takes.
  template <class... Parts>
  static Value make_tensor(Parts&&... parts) {
    TensorNode* const n = new TensorNode(std::forward<Parts>(parts)...);
    n->tensors = 1;
    n->closed = true;
    return make(Value::Kind::tensor, n);
  }
  /// The bytes of a tensor that was read before them.
  static void set_storage(Value const& tensor, std::span<std::byte const> bytes, std::shared_ptr<void const> owner) {
    ValueTensor& t = tensor_node(tensor).tensor;
    t.storage_ = bytes;
    t.owner_ = std::move(owner);
  }
  static Value open_list(Value::Kind kind) { return make(kind, new ListNode); }
  static Value open_dict() { return make(Value::Kind::dict, new DictNode); }

  static bool is_list(Value const& v) { return v.kind() >= Value::Kind::complex && v.kind() <= Value::Kind::set; }
  static ValueNode* node(Value const& v) { return v.has_node() ? v.payload_.node : nullptr; }
  static TextNode& text(Value const& v) { return *static_cast<TextNode*>(v.payload_.node); }
  static ListNode& list(Value const& v) { return *static_cast<ListNode*>(v.payload_.node); }
  static DictNode& dict(Value const& v) { return *static_cast<DictNode*>(v.payload_.node); }
  static TensorNode& tensor_node(Value const& v) { return *static_cast<TensorNode*>(v.payload_.node); }
  static ValueTensor& tensor(Value const& v) { return static_cast<TensorNode*>(v.payload_.node)->tensor; }

  /// Room for `count` more elements, so that a long list is not moved as it grows.
  static void reserve(Value const& to, std::size_t count) {
    auto& elements = list(to).elements;
    if (elements.capacity() - elements.size() < count) {
      elements.reserve(std::max(elements.size() + count, elements.size() + elements.size() / 2));
    }
  }
  static void reserve_items(Value const& dict, std::size_t count) {
    if (count != 0) body(dict).items.reserve(count);
  }
  static ValueFault append(Value const& to, Value element) {
    if (has_internal(element)) {
      if (to.kind() != Value::Kind::tuple) return ValueFault::internal;
      node(to)->has_internal = true;
    }
    if (auto const fault = adopt(*node(to), element); fault != ValueFault::none) return fault;
    list(to).elements.push_back(std::move(element));
    return ValueFault::none;
  }
  static ValueFault set(Value const& to, Value key, Value value) {
    if (has_internal(key) || has_internal(value)) return ValueFault::internal;
    if (!is_key(key)) return ValueFault::key;
    if (auto const fault = adopt(*node(to), key); fault != ValueFault::none) return fault;
    if (auto const fault = adopt(*node(to), value); fault != ValueFault::none) return fault;
    auto& items = body(to).items;
    if (items.size() == std::numeric_limits<std::uint32_t>::max()) return ValueFault::too_many;
    items.push_back({std::move(key), std::move(value)});
    return ValueFault::none;
  }
  static ValueFault set_metadata(Value const& to, Value metadata) {
    if (has_internal(metadata)) return ValueFault::internal;
    std::uint32_t const tensors = node(to)->tensors;  // metadata is not part of the tree
    if (auto const fault = adopt(*node(to), metadata); fault != ValueFault::none) return fault;
    node(to)->tensors = tensors;
    body(to).metadata = std::move(metadata);
    return ValueFault::none;
  }
  /// No more is added: a dict is sorted, for look-up.
  static ValueFault close(Value const& v) {
    ValueNode* const n = node(v);
    if (n == nullptr || n->closed) return ValueFault::none;
    if (v.is_dict()) {
      if (auto const& b = dict(v).body; b != nullptr && !sort(*b)) return ValueFault::duplicate;
    }
    n->closed = true;
    return ValueFault::none;
  }

  static bool is_plain(Value const& v) { return v.kind() < Value::Kind::complex; }
  static bool is_key(Value const& v) {
    if (v.kind() == Value::Kind::tuple) {
      auto const& parts = list(v).elements;
      return parts.size() <= 16 && std::all_of(parts.begin(), parts.end(), is_plain);
    }
    return is_plain(v);
  }
  /// An order of keys in which those that are equal in Python, as 1, 1.0 and true are, stand at one place.
  static int compare(Value const& a, Value const& b) {
    if (is_number(a) && is_number(b)) return compare_numbers(a, b);
    if (a.kind() != b.kind()) return a.kind() < b.kind() ? -1 : 1;
    if (!a.has_node()) return a.is_none() ? 0 : order(a.payload_.integer, b.payload_.integer);
    if (a.payload_.node == b.payload_.node) return 0;
    if (a.kind() != Value::Kind::tuple) {
      TextNode const& x = text(a);
      TextNode const& y = text(b);
      return x.hash != y.hash ? order(x.hash, y.hash) : x.text().compare(y.text());
    }
    auto const& x = list(a).elements;
    auto const& y = list(b).elements;
    if (x.size() != y.size()) return order(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (int const c = compare(x[i], y[i]); c != 0) return c;  // parts of keys are no tuples
    }
    return 0;
  }
  static Value const* find(DictNode const& d, Value const& key) {
    if (d.body == nullptr) return nullptr;
    auto const& items = d.body->items;
    auto const& sorted = d.body->order;
    auto const at = std::lower_bound(sorted.begin(), sorted.end(), key,
                                     [&](std::uint32_t i, Value const& k) { return compare(items[i].key, k) < 0; });
    return at != sorted.end() && compare(items[*at].key, key) == 0 ? &items[*at].value : nullptr;
  }

  static void destroy(Value::Kind kind, ValueNode* node) noexcept {
    switch (kind) {
      case Value::Kind::complex:
      case Value::Kind::list:
      case Value::Kind::tuple:
      case Value::Kind::set: return delete static_cast<ListNode*>(node);
      case Value::Kind::dict: return delete static_cast<DictNode*>(node);
      case Value::Kind::tensor: return delete static_cast<TensorNode*>(node);
      default: return TextNode::destroy(static_cast<TextNode*>(node));
    }
  }

 private:
  template <class T>
  static int order(T a, T b) {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  static bool is_number(Value const& v) {
    return v.kind() >= Value::Kind::boolean && v.kind() <= Value::Kind::floating;
  }
  /// The whole numbers first, then other floats by their bits, so that NaN has a place too.
  static int compare_numbers(Value const& a, Value const& b) {
    std::int64_t x = 0;
    std::int64_t y = 0;
    bool const x_is_whole = whole(a, x);
    bool const y_is_whole = whole(b, y);
    return x_is_whole != y_is_whole ? (x_is_whole ? -1 : 1) : order(x, y);
  }
  /// The number, or if it is not whole, its bits.
  static bool whole(Value const& v, std::int64_t& out) {
    if (v.kind() != Value::Kind::floating) {
      out = v.payload_.integer;
      return true;
    }
    double const d = v.payload_.floating;
    bool const in_range = d >= -9223372036854775808.0 && d < 9223372036854775808.0;
    out = in_range ? static_cast<std::int64_t>(d) : 0;
    if (in_range && static_cast<double>(out) == d) return true;
    out = std::bit_cast<std::int64_t>(d);
    return false;
  }
  static DictNode::Body& body(Value const& v) {
    auto& b = dict(v).body;
    if (b == nullptr) b = std::make_unique<DictNode::Body>();
    return *b;
  }
  static ValueFault adopt(ValueNode& parent, Value const& child) {
    if (parent.closed) return ValueFault::closed;
    ValueNode* const n = node(child);
    if (n == nullptr) return ValueFault::none;
    if (n == &parent) return ValueFault::itself;
    if (auto const fault = close(child); fault != ValueFault::none) return fault;
    if (n->height + 1 > max_depth) return ValueFault::too_deep;
    parent.height = std::max<std::uint16_t>(parent.height, static_cast<std::uint16_t>(n->height + 1));
    parent.tensors += std::min(n->tensors, std::numeric_limits<std::uint32_t>::max() - parent.tensors);
    return ValueFault::none;
  }
  static bool sort(DictNode::Body& b) {
    auto const& items = b.items;
    // Hashes beside the positions: a sort that goes from key to key waits for memory. 4096 keys: 0.31 ms and 0.13 ms.
    std::vector<std::pair<std::size_t, std::uint32_t>> order(items.size());
    bool const plain =
        std::all_of(items.begin(), items.end(), [](ValueItem const& i) { return i.key.kind() == Value::Kind::string; });
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = {plain ? text(items[i].key).hash : 0, static_cast<std::uint32_t>(i)};
    }
    sort_by_hash(
        order, [](auto const& x) { return x.first; },
        [&](auto const& x, auto const& y) {
          return x.first != y.first ? x.first < y.first : compare(items[x.second].key, items[y.second].key) < 0;
        });
    b.order.resize(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      bool const same_hash = i != 0 && order[i - 1].first == order[i].first;
      if (same_hash && compare(items[order[i - 1].second].key, items[order[i].second].key) == 0) return false;
      b.order[i] = order[i].second;
    }
    return true;
  }
};

}  // namespace detail
}  // namespace ashlar

#include <ashlar/io/value_access.hpp>
