// Ashlar: the pickles of PyTorch's files: tensors, parameters, and what stands beside them.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/io/message.hpp>
#include <ashlar/io/pickle.hpp>
#include <ashlar/io/printable.hpp>
#include <ashlar/io/torch_globals.hpp>
#include <ashlar/io/torch_storages.hpp>
#include <ashlar/io/value.hpp>
#include <ashlar/io/zip_content.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// Makes tensors whose storages are described, and not there yet: `resolve` gives them their bytes.
class TorchUnpickler final : public Unpickler {
 public:
  /// `legacy`: persistent ids have the six parts they had before PyTorch 1.6.
  TorchUnpickler(std::span<std::byte const> bytes, std::string_view where, std::size_t base, bool legacy,
                 std::size_t budget = std::numeric_limits<std::size_t>::max())
      : Unpickler(bytes, where, base, budget), legacy_(legacy) {}

  [[nodiscard]] TorchStorages const& storages() const { return storages_; }
  /// Points every tensor at the bytes of its storage: `contents` has one for each, of the right length.
  void resolve(std::span<ZipContent const> contents, std::shared_ptr<void const> const& file) {
    for (Value const& v : tensors_) {
      ZipContent const& c = contents[ValueBuilder::tensor_node(v).storage];
      ValueBuilder::set_storage(v, c.bytes, c.owner == nullptr ? file : std::shared_ptr<void const>(c.owner));
    }
    tensors_.clear();
  }

 private:
  bool global(std::string_view module, std::string_view name, Value& out) override {
    TorchName const* const known = find_torch_name(module, name);
    if (known == nullptr) {
      return fail({"the global ", printable(module), ".", printable(name),
                   " is not allowed, and nothing of it was imported or run", torch_advice(module, name)});
    }
    out = known->global == TorchGlobal::dtype ? Value(known->dtype)
                                              : ValueBuilder::make_internal(global_kind, known - torch_names);
    return true;
  }
  static TorchName const& named(Value const& global) { return torch_names[ValueBuilder::number(global)]; }

  // ---- storages

  bool persistent(Value const& id, Value& out) override {
    using enum Value::Kind;
    std::size_t const parts = legacy_ ? 6 : 5;
    if (id.kind() != tuple)
      return fail({"a persistent id that is ", Unpickler::name(id), ", where a tuple is expected"});
    auto const part = id.elements();
    if (part.size() == 0 || part[0].kind() != string || part[0].as_string() != "storage") {
      return fail(
          {"a persistent id of another kind than 'storage': ", part.empty() ? "empty" : Unpickler::name(part[0])});
    }
    if (part.size() != parts) {
      return fail({"a persistent id of ", part.size(), " parts for a storage, where ", parts, " are expected"});
    }
    if (part[1].kind() != global_kind ||
        (named(part[1]).global != TorchGlobal::storage && named(part[1]).global != TorchGlobal::untyped_storage)) {
      return fail({"the persistent id of a storage has ", Unpickler::name(part[1]), " for its class"});
    }
    if (part[2].kind() != string || !is_storage_key(part[2].as_string())) {
      return fail({"the key of a storage is no plain name: ", Unpickler::name(part[2])});
    }
    if (part[3].kind() != string || !is_torch_location(part[3].as_string())) {
      return fail({"the location of storage '", part[2].as_string(), "' is invalid: ", Unpickler::name(part[3])});
    }
    if (part[4].kind() != integer || part[4].as_int() < 0) {
      return fail(
          {"the number of elements of storage '", part[2].as_string(), "' is invalid: ", Unpickler::name(part[4])});
    }
    if (legacy_ && !part[5].is_none()) return fail({"a storage that is a view of another storage is unsupported"});
    return add_storage(part[2].as_string(), named(part[1]), static_cast<std::uint64_t>(part[4].as_int()), out);
  }
  bool add_storage(std::string_view key, TorchName const& type, std::uint64_t elements, Value& out) {
    bool const untyped = type.global == TorchGlobal::untyped_storage;
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(elements, size_of(type.dtype), &bytes) || bytes > (std::uint64_t{1} << 62)) {
      return fail({"storage '", key, "' with ", elements, " elements is too large"});
    }
    std::ptrdiff_t const known = storages_.find(key);
    std::size_t const number = known < 0 ? storages_.size() : static_cast<std::size_t>(known);
    if (known < 0) {
      storages_.add(key, {{}, type.dtype, untyped, elements, bytes});
    } else if (TorchStorage const& s = storages_[number];
               s.dtype != type.dtype || s.untyped != untyped || s.elements != elements) {
      return fail({"storage '", key, "' with ", elements, " elements of ", name_of(type.dtype),
                   " had another size or dtype before: ", s.elements, " of ", name_of(s.dtype), ": a mismatch"});
    }
    out = ValueBuilder::make_internal(storage_kind, static_cast<std::int64_t>(number));
    return true;
  }

  // ---- calls

  bool call(Value const& function, Value const& arguments, Value& out) override {
    TorchName const& f = named(function);
    auto const args = arguments.elements();
    switch (f.global) {
      case TorchGlobal::rebuild_tensor: return count(f, args, 4, 4) && rebuild_tensor(f, args, out);
      case TorchGlobal::rebuild_tensor_v2: return count(f, args, 6, 7) && rebuild_tensor(f, args, out);
      case TorchGlobal::rebuild_tensor_v3: return count(f, args, 7, 8) && rebuild_tensor(f, args, out);
      case TorchGlobal::rebuild_parameter: return count(f, args, 3, 3) && rebuild_parameter(f, args, out);
      case TorchGlobal::rebuild_parameter_with_state: return count(f, args, 4, 4) && rebuild_parameter(f, args, out);
      case TorchGlobal::rebuild_from_type: return count(f, args, 4, 4) && rebuild_from_type(f, args, out);
      case TorchGlobal::ordered_dict: return count(f, args, 0, 1) && ordered_dict(f, args, out);
      case TorchGlobal::counter: return count(f, args, 1, 1) && counter(f, args[0], out);
      case TorchGlobal::size: return count(f, args, 1, 1) && size_of_tensor(f, args[0], out);
      case TorchGlobal::device: return count(f, args, 1, 2) && device(f, args, out);
      case TorchGlobal::encode: return count(f, args, 2, 2) && encode(f, args, out);
      case TorchGlobal::complex: return count(f, args, 2, 2) && complex(f, args, out);
      case TorchGlobal::set: return count(f, args, 1, 1) && set(f, args[0], out);
      case TorchGlobal::bytes: return count(f, args, 0, 0) && no_bytes(out);
      case TorchGlobal::bytearray: return count(f, args, 0, 2) && bytearray(f, args, out);
      default: return fail({"a call of ", f.module, ".", f.name, " is not allowed"});
    }
  }
  bool count(TorchName const& f, std::span<Value const> args, std::size_t least, std::size_t most) {
    if (args.size() >= least && args.size() <= most) return true;
    return fail({"call of ", f.name, " with ", args.size(), " arguments, where ", least, least == most ? "" : " or ",
                 least == most ? std::string() : std::to_string(most), " are expected"});
  }
  ASHLAR_COLD bool fail_argument(TorchName const& f, std::string_view argument, std::string_view expected,
                                 Value const& got) {
    return fail({"call of ", f.name, ": argument ", argument, ": ", expected, " is expected, but there is ",
                 Unpickler::name(got)});
  }

  /// _rebuild_tensor*(storage, storage_offset, size, stride[, requires_grad, backward_hooks[, dtype][, metadata]])
  bool rebuild_tensor(TorchName const& f, std::span<Value const> args, Value& out) {
    if (args[0].kind() != storage_kind) return fail_argument(f, "storage", "a storage", args[0]);
    auto const number = static_cast<std::size_t>(ValueBuilder::number(args[0]));
    TorchStorage const& storage = storages_[number];
    bool requires_grad = false;
    DType dtype = storage.dtype;
    if (args.size() > 4) {
      if (!flag(f, "requires_grad", args[4], requires_grad) || !no_hooks(f, args[5])) return false;
      std::size_t next = 6;
      if (f.global == TorchGlobal::rebuild_tensor_v3) {
        if (args[next].kind() != Value::Kind::dtype) return fail_argument(f, "dtype", "a dtype", args[next]);
        dtype = args[next++].as_dtype();
      }
      if (args.size() > next && !no_metadata(f, args[next])) return false;
    }
    if (storage.untyped && f.global != TorchGlobal::rebuild_tensor_v3) {
      return fail({"call of ", f.name, ": storage '", storage.key, "' has no dtype"});
    }
    if (!storage.untyped && dtype != storage.dtype) {
      return fail({"call of ", f.name, ": dtype ", name_of(dtype), " over storage '", storage.key, "' of ",
                   name_of(storage.dtype)});
    }
    if (storage.bytes % size_of(dtype) != 0) {
      return fail(
          {"storage '", storage.key, "' has ", storage.bytes, " bytes, no multiple of the size of ", name_of(dtype)});
    }
    Extents shape;
    ValueTensor::Strides strides{};
    std::size_t rank = 0;
    if (args[1].kind() != Value::Kind::integer) return fail_argument(f, "storage_offset", "an integer", args[1]);
    if (!numbers(f, "size", args[2], shape.extent, shape.rank) || !numbers(f, "stride", args[3], strides, rank))
      return false;
    if (rank != shape.rank)
      return fail({"call of ", f.name, ": ", rank, " strides for a size of ", shape.rank, " dimensions"});
    if (!inside(f, storage, shape, strides, args[1].as_int(), dtype)) return false;
    ValueTensor tensor(dtype, shape, strides, {}, static_cast<std::size_t>(args[1].as_int()));
    tensor.set_flags(false, requires_grad);
    out = add_tensor(std::move(tensor), number);
    return true;
  }
  Value add_tensor(ValueTensor tensor, std::size_t storage) {
    Value out(std::move(tensor));
    ValueBuilder::tensor_node(out).storage = storage;
    tensors_.push_back(out);
    return out;
  }
  bool flag(TorchName const& f, std::string_view argument, Value const& v, bool& out) {
    if (v.kind() != Value::Kind::boolean) return fail_argument(f, argument, "a bool", v);
    out = v.as_bool();
    return true;
  }
  bool no_hooks(TorchName const& f, Value const& v) {
    return (v.is_dict() && v.size() == 0) || fail_argument(f, "backward_hooks", "an empty OrderedDict", v);
  }
  /// Flags like conj, which say that the values are not those stored.
  bool no_metadata(TorchName const& f, Value const& v) {
    return v.is_none() || (v.is_dict() && v.size() == 0) ||
           fail_argument(f, "metadata", "none or an empty dict, as after resolve_conj() and resolve_neg(),", v);
  }
  bool numbers(TorchName const& f, std::string_view argument, Value const& v, std::array<std::size_t, max_rank>& out,
               std::size_t& rank) {
    if (v.kind() != Value::Kind::tuple) return fail_argument(f, argument, "a tuple of integers", v);
    auto const elements = v.elements();
    if (elements.size() > max_rank) {
      return fail(
          {"call of ", f.name, ": argument ", argument, " has ", elements.size(), " dimensions, but 8 are allowed"});
    }
    rank = elements.size();
    for (std::size_t d = 0; d < rank; ++d) {
      if (elements[d].kind() != Value::Kind::integer || elements[d].as_int() < 0) {
        return fail_argument(f, argument, "a tuple of integers that are not negative", elements[d]);
      }
      out[d] = static_cast<std::size_t>(elements[d].as_int());
    }
    return true;
  }
  /// Every element lies in the storage, in arithmetic that does not wrap.
  bool inside(TorchName const& f, TorchStorage const& storage, Extents const& shape,
              ValueTensor::Strides const& strides, std::int64_t offset, DType dtype) {
    std::uint64_t const limit = storage.bytes / size_of(dtype);
    std::uint64_t elements = 1;
    bool fits = offset >= 0;
    bool empty = false;
    for (std::size_t d = 0; d < shape.rank; ++d) empty = empty || shape[d] == 0;
    for (std::size_t d = 0; d < shape.rank && !empty; ++d) {
      fits = fits && !__builtin_mul_overflow(elements, shape[d], &elements);
    }
    fits = fits && elements <= (std::uint64_t{1} << 62) / size_of(dtype);
    std::uint64_t last = static_cast<std::uint64_t>(offset);
    for (std::size_t d = 0; d < shape.rank && !empty; ++d) {
      std::uint64_t step = 0;
      fits = fits && !__builtin_mul_overflow(shape[d] - 1, strides[d], &step) &&
             !__builtin_add_overflow(last, step, &last);
    }
    if (fits && (empty ? last <= limit : last < limit)) return true;
    return fail(
        {"call of ", f.name, ": a tensor of size ", to_string(shape), ", stride ",
         to_string(Extents{shape.rank, strides}), " and offset ", offset < 0 ? "-" : "",
         offset < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(offset) : static_cast<std::uint64_t>(offset),
         " reaches beyond storage '", storage.key, "' of ", limit, " elements"});
  }

  /// _rebuild_parameter*(data, requires_grad, backward_hooks[, state])
  bool rebuild_parameter(TorchName const& f, std::span<Value const> args, Value& out) {
    bool requires_grad = false;
    if (!args[0].is_tensor()) return fail_argument(f, "data", "a tensor", args[0]);
    if (!flag(f, "requires_grad", args[1], requires_grad) || !no_hooks(f, args[2])) return false;
    auto const& data = ValueBuilder::tensor_node(args[0]);
    ValueTensor tensor = data.tensor;
    tensor.set_flags(true, requires_grad);
    out = add_tensor(std::move(tensor), data.storage);
    return true;
  }
  /// _rebuild_from_type_v2(function, class, arguments, state): what a function makes, with attributes that a program
  /// gave it, which are no part of its value. A class that a program made may mean anything else by it.
  bool rebuild_from_type(TorchName const& f, std::span<Value const> args, Value& out) {
    if (args[0].kind() != global_kind || !rebuilds(named(args[0]))) {
      return fail_argument(f, "function", "one that rebuilds a tensor", args[0]);
    }
    if (args[1].kind() != global_kind || named(args[1]).global != TorchGlobal::tensor_class) {
      return fail_argument(f, "class", "torch.Tensor or Parameter", args[1]);
    }
    if (args[2].kind() != Value::Kind::tuple) return fail_argument(f, "arguments", "a tuple", args[2]);
    return call(args[0], args[2], out);
  }
  static bool rebuilds(TorchName const& f) {
    using enum TorchGlobal;
    return f.global == rebuild_tensor || f.global == rebuild_tensor_v2 || f.global == rebuild_tensor_v3 ||
           f.global == rebuild_parameter;
  }
  /// Empty, or as Python 2 wrote them: of a list of pairs.
  bool ordered_dict(TorchName const& f, std::span<Value const> args, Value& out) {
    out = ValueBuilder::open_dict();
    ValueBuilder::node(out)->ordered = true;
    if (args.empty()) return true;
    if (args[0].kind() != Value::Kind::list) return fail_argument(f, "items", "a list of pairs", args[0]);
    auto const pairs = args[0].elements();
    if (!copies(f, pairs.size())) return false;
    for (Value const& pair : pairs) {
      bool const is_pair = (pair.kind() == Value::Kind::list || pair.kind() == Value::Kind::tuple) && pair.size() == 2;
      if (!is_pair) return fail_argument(f, "items", "a list of pairs", pair);
      if (!check(ValueBuilder::set(out, pair.elements()[0], pair.elements()[1]))) return false;
    }
    return true;
  }
  bool counter(TorchName const& f, Value const& v, Value& out) {
    if (!v.is_dict()) return fail_argument(f, "elements", "a dict", v);
    out = v;
    return true;
  }
  bool size_of_tensor(TorchName const& f, Value const& v, Value& out) {
    std::array<std::size_t, max_rank> extents{};
    std::size_t rank = 0;
    if (!numbers(f, "size", v, extents, rank)) return false;
    out = v;
    return true;
  }
  bool device(TorchName const& f, std::span<Value const> args, Value& out) {
    if (args[0].kind() != Value::Kind::string || !is_torch_device(args[0].as_string())) {
      return fail_argument(f, "type", "the name of a device", args[0]);
    }
    std::string text(args[0].as_string());
    if (args.size() == 2) {
      if (args[1].kind() != Value::Kind::integer || args[1].as_int() < 0 || args[1].as_int() > 127) {
        return fail_argument(f, "index", "a small integer", args[1]);
      }
      text += ':';
      text += args[1].as_decimal();
    }
    out = Value::text(Value::Kind::device, text);
    return true;
  }
  /// _codecs.encode(text, "latin1"): how protocol 2 writes bytes.
  bool encode(TorchName const& f, std::span<Value const> args, Value& out) {
    if (args[0].kind() != Value::Kind::string) return fail_argument(f, "text", "a string", args[0]);
    if (args[1].kind() != Value::Kind::string ||
        (args[1].as_string() != "latin1" && args[1].as_string() != "latin-1")) {
      return fail_argument(f, "encoding", "'latin1'", args[1]);
    }
    std::string_view const text = args[0].as_string();
    if (!copies(f, text.size())) return false;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
      auto const c = static_cast<unsigned char>(text[i]);
      if (c >= 0xc4) return fail({"call of ", f.name, ": argument text has a character that is no byte"});
      bytes += static_cast<char>(c < 0x80 ? c : (c << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f)) & 0xff);
    }
    out = Value::text(Value::Kind::bytes, bytes);
    return true;
  }
  bool no_bytes(Value& out) {
    out = Value::text(Value::Kind::bytes, {});
    return true;
  }
  /// bytearray(), bytearray(bytes) or, as protocol 2 writes it, bytearray(text, "latin-1").
  bool bytearray(TorchName const& f, std::span<Value const> args, Value& out) {
    if (args.empty()) return no_bytes(out);
    if (args.size() == 2) return encode(f, args, out);
    if (args[0].kind() != Value::Kind::bytes) return fail_argument(f, "source", "bytes", args[0]);
    out = args[0];
    return true;
  }
  bool complex(TorchName const& f, std::span<Value const> args, Value& out) {
    for (Value const& a : args) {
      if (a.kind() != Value::Kind::floating) return fail_argument(f, "part", "a float", a);
    }
    out = ValueBuilder::open_list(Value::Kind::complex);
    return check(ValueBuilder::append(out, args[0])) && check(ValueBuilder::append(out, args[1]));
  }
  /// Shares the elements of the list.
  bool set(TorchName const& f, Value const& v, Value& out) {
    if (v.kind() != Value::Kind::list) return fail_argument(f, "elements", "a list", v);
    if (!copies(f, v.size())) return false;
    for (Value const& element : v.elements()) {
      if (!is_hashable(element)) return fail_unhashable(element);
    }
    if (auto const fault = ValueBuilder::close(v); !check(fault)) return false;
    out = ValueBuilder::relabel(v, Value::Kind::set);
    return true;
  }

  /// One long list or text may be the argument of many calls.
  bool copies(TorchName const& f, std::size_t count) {
    copied_ += count;
    return copied_ <= size() || fail({"calls of ", f.name, " expand to more than the pickle has"});
  }

  bool legacy_;
  std::size_t copied_ = 0;  // what calls have copied, which is not more than the pickle has bytes
  TorchStorages storages_;
  std::vector<Value> tensors_;
};

}  // namespace ashlar::detail
