// Ashlar: pickles as data: an unpickler that can build plain values and nothing else.  SPDX-License-Identifier: BSL-1.0
//
// A pickle is a program for a stack machine; in Python it may call anything. This machine has the opcodes that plain
// weights need, of protocols 2 to 5, and hands names and calls to a subclass that knows a few and refuses the others.
// It does not recurse; time and memory are linear in the pickle, because no opcode costs more than the bytes it has
// read.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/decimal.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/pickle_bytes.hpp>
#include <ashlar/io/pickle_opcodes.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/value.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// The stack machine. Run it once for each pickle.
class Unpickler : protected PickleBytes {
 public:
  /// `bytes` begins with the pickle. Messages begin with `where` and count bytes from `base` on; the memory for values
  /// may pass `budget`, where it is given, by the size of one value only.
  Unpickler(std::span<std::byte const> bytes, std::string_view where, std::size_t base,
            std::size_t budget = std::numeric_limits<std::size_t>::max())
      : PickleBytes(bytes, where, base), budget_(budget) {}
  virtual ~Unpickler() = default;
  Unpickler(Unpickler const&) = delete;
  Unpickler& operator=(Unpickler const&) = delete;

  /// Carries the pickle out, to its STOP. Error: format.
  Result<Value> run() {
    if (!begins_with(0x80)) {
      return refuse({"truncated, or not a pickle: it does not begin with the opcode PROTO"});
    }
    while (step()) {
      // A value may stand in 2^32 - 1 places, and each takes an opcode.
      if (at() > std::numeric_limits<std::uint32_t>::max())
        return refuse({"a pickle of more than 4 GiB is unsupported"});
    }
    if (has_failed()) return take_error();
    return std::move(result_);
  }
  /// How many bytes of the pickle were carried out.
  [[nodiscard]] std::size_t used() const { return at(); }

 protected:
  /// What `module.name` stands for, an internal value; false after `fail`.
  virtual bool global(std::string_view module, std::string_view name, Value& out) = 0;
  /// The result of a call. `arguments` is a tuple.
  virtual bool call(Value const& function, Value const& arguments, Value& out) = 0;
  /// The internal value that a persistent id stands for.
  virtual bool persistent(Value const& id, Value& out) = 0;

  bool check(ValueFault fault) { return fault == ValueFault::none || fail({fault_name(fault)}); }

 private:
  ASHLAR_COLD Error refuse(std::initializer_list<Part> parts) {
    (void)fail(parts);
    return take_error();
  }
  /// Counts what a value takes, to keep a pickle that was inflated from little from taking much.
  bool spend(std::size_t bytes) {
    if (bytes > budget_) return fail({"the pickle expands to more than the limit for a file of this size"});
    budget_ -= bytes;
    return true;
  }
  bool push(Value v) {
    stack_.push_back(std::move(v));
    return spend(sizeof(Value));
  }
  [[nodiscard]] std::size_t above_mark() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  bool need(std::size_t count) {
    return above_mark() >= count ||
           fail({"stack underflow: it takes ", count, " values, but there are ", above_mark()});
  }
  Value pop() {
    Value v = std::move(stack_.back());
    stack_.pop_back();
    return v;
  }
  bool push_mark() {
    if (marks_.size() > max_depth) return fail({"nested too deep: more than 500 open marks"});
    marks_.push_back(stack_.size());
    return true;
  }
  /// The position of the last mark, which is taken away.
  bool pop_mark(std::size_t& begin) {
    if (marks_.empty()) return fail({"there is no mark on the stack"});
    begin = marks_.back();
    marks_.pop_back();
    return true;
  }

  bool step() {
    std::uint8_t code = 0;
    if (!take_opcode(code)) return false;
    if (protocol_of(code) > protocol_ && !opcode_name(code).empty()) {
      return fail({"this opcode is of protocol ", protocol_of(code), ", but the pickle says ", protocol_});
    }
    switch (static_cast<Opcode>(code)) {
      case Opcode::proto: return proto();
      case Opcode::stop: return stop();
      case Opcode::mark: return push_mark();
      case Opcode::none: return push(Value());
      case Opcode::newtrue: return push(Value(true));
      case Opcode::newfalse: return push(Value(false));
      case Opcode::binint: return integer<std::int32_t>();
      case Opcode::binint1: return integer<std::uint8_t>();
      case Opcode::binint2: return integer<std::uint16_t>();
      case Opcode::long1: return long1();
      case Opcode::binfloat: return binfloat();
      case Opcode::binunicode: return text<std::uint32_t>();
      case Opcode::short_binstring:
      case Opcode::short_binunicode: return text<std::uint8_t>();
      case Opcode::binunicode8: return text<std::uint64_t>();
      case Opcode::short_binbytes: return text<std::uint8_t>(Value::Kind::bytes);
      case Opcode::binbytes: return text<std::uint32_t>(Value::Kind::bytes);
      case Opcode::binbytes8:
      case Opcode::bytearray8: return text<std::uint64_t>(Value::Kind::bytes);
      case Opcode::empty_list: return spend(sizeof(ListNode)) && push(ValueBuilder::open_list(Value::Kind::list));
      case Opcode::empty_dict: return spend(sizeof(DictNode)) && push(ValueBuilder::open_dict());
      case Opcode::empty_set: return spend(sizeof(ListNode)) && push(ValueBuilder::open_list(Value::Kind::set));
      case Opcode::empty_tuple: return push(empty_tuple_);
      case Opcode::tuple1: return need(1) && make_tuple(stack_.size() - 1);
      case Opcode::tuple2: return need(2) && make_tuple(stack_.size() - 2);
      case Opcode::tuple3: return need(3) && make_tuple(stack_.size() - 3);
      case Opcode::tuple: {
        std::size_t begin = 0;
        return pop_mark(begin) && make_tuple(begin);
      }
      case Opcode::append: return need(2) && append(stack_.size() - 1, Value::Kind::list);
      case Opcode::appends: {
        std::size_t begin = 0;
        return pop_mark(begin) && need_below(begin) && append(begin, Value::Kind::list);
      }
      case Opcode::additems: {
        std::size_t begin = 0;
        return pop_mark(begin) && need_below(begin) && append(begin, Value::Kind::set);
      }
      case Opcode::setitem: return need(3) && set_items(stack_.size() - 2);
      case Opcode::setitems: {
        std::size_t begin = 0;
        return pop_mark(begin) && need_below(begin) && set_items(begin);
      }
      case Opcode::binget: return get<std::uint8_t>();
      case Opcode::long_binget: return get<std::uint32_t>();
      case Opcode::binput: return put<std::uint8_t>();
      case Opcode::long_binput: return put<std::uint32_t>();
      case Opcode::memoize: return need(1) && put_at(memoized_);
      case Opcode::global: {
        std::string_view module;
        std::string_view name;
        Value out;
        return take_line(module) && take_line(name) && global(module, name, out) && push(std::move(out));
      }
      case Opcode::stack_global: return stack_global();
      case Opcode::binpersid: {
        if (!need(1)) return false;
        Value const id = pop();
        Value out;
        return persistent(id, out) && push(std::move(out));
      }
      case Opcode::reduce:
      case Opcode::newobj: return call_function();
      case Opcode::build: return build();
      case Opcode::frame: return frame();
    }
    return fail({"this opcode is not allowed in plain weights"});
  }

  bool proto() {
    if (!take(protocol_)) return false;
    if (opcode_at() != 0) return fail({"an unexpected second protocol"});
    return (protocol_ >= 2 && protocol_ <= 5) ||
           fail({"pickle protocol ", protocol_, " is unsupported: 2, which PyTorch writes, to 5 are known"});
  }
  bool stack_global() {
    if (!need(2)) return false;
    Value const name_of_global = pop();
    Value const module = pop();
    for (Value const& v : {module, name_of_global}) {
      if (v.kind() != Value::Kind::string) return fail({"a name on the stack is expected, but there is ", name(v)});
    }
    Value out;
    return global(module.as_string(), name_of_global.as_string(), out) && push(std::move(out));
  }
  bool stop() {
    if (!marks_.empty()) return fail({"an open mark is left on the stack at the end"});
    if (stack_.size() != 1) {
      return fail({"the stack is expected to hold one value at the end, but there are ", stack_.size()});
    }
    if (ValueBuilder::has_internal(stack_[0]))
      return fail({"the result is a function, class or storage: not a format for weights"});
    if (!check(ValueBuilder::close(stack_[0]))) return false;
    // A path to a tensor takes some bytes, unless parts are shared again and again. One tensor may stand in a long
    // list.
    if (stack_[0].tensor_count() > at() / 4 + 1024) {
      return fail({"shared parts expand to too many tensors for a pickle of this size"});
    }
    result_ = pop();
    return false;
  }

  template <class T>
  bool integer() {
    T number = 0;
    return take(number) && push(Value(static_cast<std::int64_t>(number)));
  }
  bool long1() {
    std::uint8_t length = 0;
    std::span<std::byte const> raw;
    if (!take(length) || !take(length, raw)) return false;
    if (length > 8) {  // leading bytes that repeat the sign count for nothing
      std::byte const sign = (raw.back() & std::byte{0x80}) != std::byte{0} ? std::byte{0xff} : std::byte{0};
      std::size_t significant = length;
      while (significant > 8 && raw[significant - 1] == sign &&
             ((raw[significant - 2] ^ sign) & std::byte{0x80}) == std::byte{0}) {
        --significant;
      }
      raw = raw.first(significant);
    }
    if (raw.size() > 8) {
      std::string const digits = decimal_of(raw);
      return spend(sizeof(TextNode) + digits.size()) && push(Value::text(Value::Kind::big_integer, digits));
    }
    std::uint64_t number = !raw.empty() && (raw.back() & std::byte{0x80}) != std::byte{0} ? ~std::uint64_t{0} : 0;
    if (!raw.empty()) std::memcpy(&number, raw.data(), raw.size());
    return push(Value(static_cast<std::int64_t>(number)));
  }
  bool binfloat() {
    std::uint64_t bits = 0;
    if (!take(bits)) return false;
    bits = __builtin_bswap64(bits);
    return push(Value(std::bit_cast<double>(bits)));
  }
  template <class Length>
  bool text(Value::Kind kind = Value::Kind::string) {
    Length length = 0;
    std::span<std::byte const> raw;
    if (!take(length) || !take(length, raw)) return false;
    std::string_view const t(reinterpret_cast<char const*>(raw.data()), raw.size());
    if (kind == Value::Kind::string && !is_utf8(t)) return fail({"a string that is not UTF-8: invalid"});
    return spend(sizeof(TextNode) + t.size()) && push(Value::text(kind, t));
  }

  bool make_tuple(std::size_t begin) {
    std::size_t const count = stack_.size() - begin;
    if (!spend(sizeof(ListNode) + count * sizeof(Value))) return false;
    Value out = ValueBuilder::open_list(Value::Kind::tuple);
    if (!move_to(out, begin)) return false;
    if (!check(ValueBuilder::close(out))) return false;
    return push(std::move(out));
  }
  bool move_to(Value const& list, std::size_t begin) {
    ValueBuilder::reserve(list, stack_.size() - begin);
    for (std::size_t i = begin; i < stack_.size(); ++i) {
      if (!check(ValueBuilder::append(list, std::move(stack_[i])))) return false;
    }
    drop(begin);
    return true;
  }
  void drop(std::size_t begin) {
    while (stack_.size() > begin) stack_.pop_back();
  }
  bool need_below(std::size_t begin) {
    std::size_t const floor = marks_.empty() ? 0 : marks_.back();
    return begin > floor || fail({"stack underflow: no container below the mark"});
  }
  bool append(std::size_t begin, Value::Kind kind) {
    Value const list = stack_[begin - 1];
    bool const is_set = kind == Value::Kind::set;
    if (list.kind() != kind) {
      return fail({"a ", is_set ? "set" : "list", " was expected on the stack, but there is ", name(list)});
    }
    for (std::size_t i = begin; is_set && i < stack_.size(); ++i) {
      if (!is_hashable(stack_[i])) return fail_unhashable(stack_[i]);
    }
    return spend((stack_.size() - begin) * sizeof(Value)) && move_to(list, begin);
  }
  bool set_items(std::size_t begin) {
    Value const dict = stack_[begin - 1];
    if (!dict.is_dict()) return fail({"a dict was expected on the stack, but there is ", name(dict)});
    if ((stack_.size() - begin) % 2 != 0) return fail({"a key without a value: an odd number of values on the stack"});
    if (!spend((stack_.size() - begin) * sizeof(ValueItem))) return false;
    for (std::size_t i = begin; i < stack_.size(); i += 2) {
      if (!check(ValueBuilder::set(dict, std::move(stack_[i]), std::move(stack_[i + 1])))) return false;
    }
    drop(begin);
    return true;
  }

  template <class Index>
  bool get() {
    Index index = 0;
    if (!take(index)) return false;
    if (index >= memo_.size() || memo_[index].kind() == unset_kind) {
      return fail({"the memo has nothing at index ", index, ": it is not set"});
    }
    return push(memo_[index]);
  }
  template <class Index>
  bool put() {
    Index index = 0;
    return take(index) && need(1) && put_at(index);
  }
  bool put_at(std::size_t index) {
    if (index >= memo_.size()) {
      // Picklers count from 0, so an index is less than the bytes so far: those behind may be gigabytes of weights.
      if (index >= at()) return fail({"the memo index ", index, " is too large for a pickle of this size"});
      if (!spend((index + 1 - memo_.size()) * sizeof(Value))) return false;
      memo_.resize(index + 1, ValueBuilder::make_internal(unset_kind, 0));
    }
    if (memo_[index].kind() == unset_kind) ++memoized_;
    memo_[index] = stack_.back();
    return true;
  }

  bool call_function() {
    if (!need(2)) return false;
    Value const arguments = pop();
    Value const function = pop();
    if (function.kind() != global_kind) return fail({"a call of ", name(function), ", where a global is expected"});
    if (arguments.kind() != Value::Kind::tuple) {
      return fail({"a call with ", name(arguments), " for arguments, where a tuple is expected"});
    }
    Value out;
    if (!call(function, arguments, out)) return false;
    return spend(out.is_tensor() ? sizeof(TensorNode) : sizeof(ListNode)) && push(std::move(out));
  }

  /// Attributes of an OrderedDict, of which state_dicts have one.
  bool build() {
    if (!need(2)) return false;
    Value const state = pop();
    Value const& target = stack_.back();
    if (!target.is_dict() || !ValueBuilder::node(target)->ordered) {
      return fail({"BUILD of ", name(target), " is not allowed: an OrderedDict is expected"});
    }
    if (!state.is_dict()) return fail({"BUILD with ", name(state), ": a dict of attributes is expected"});
    if (!check(ValueBuilder::close(state))) return false;
    Value const* const metadata = state.find("_metadata");
    return metadata == nullptr || check(ValueBuilder::set_metadata(target, *metadata));
  }

 protected:
  /// What a set may hold: in Python containers cannot be in one. Without them, what a set stands for is as long as it.
  static bool is_hashable(Value const& v) {
    return v.is_tensor() || v.kind() == Value::Kind::complex || ValueBuilder::is_key(v);
  }
  ASHLAR_COLD bool fail_unhashable(Value const& v) { return fail({"a set that holds ", name(v), ", as none can"}); }
  /// "a list of 3 elements", "a global": for messages.
  ASHLAR_COLD static std::string name(Value const& v) {
    if (v.kind() == global_kind) return "a function or class";
    if (v.kind() == storage_kind) return "a storage";
    return v.describe();
  }

 private:
  std::size_t budget_;
  std::uint8_t protocol_ = 2;
  std::deque<Value> stack_;  // a deque: it does not take three times its size while it grows
  std::vector<std::size_t> marks_;  // the size of the stack at each
  std::vector<Value> memo_;
  std::size_t memoized_ = 0;  // places of the memo that are set, which is the next one for MEMOIZE
  Value empty_tuple_ = Value::tuple({});
  Value result_;
};

}  // namespace ashlar::detail
