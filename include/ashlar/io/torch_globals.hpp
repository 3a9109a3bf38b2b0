// Ashlar: the names that PyTorch's weight files use.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/io/value.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ashlar::detail {

/// What a name stands for in a reader that runs nothing.
enum class TorchGlobal : std::uint8_t {
  ordered_dict,
  counter,  ///< of a MultiStepLR: a dict
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_tensor_v3,
  rebuild_parameter,
  rebuild_parameter_with_state,  ///< of a Parameter to which a program gave attributes
  rebuild_from_type,  ///< of a tensor with attributes, or a subclass, which is refused by its name
  tensor_class,
  size,
  device,
  encode,
  complex,
  set,
  bytes,  ///< empty ones, of protocol 2
  bytearray,
  storage,  ///< of one dtype
  untyped_storage,
  dtype,
};

struct TorchName {
  std::string_view module;
  std::string_view name;
  TorchGlobal global;
  DType dtype = DType::u8;
};

/// Every name that is allowed; also the storages of torch.cuda, which old files name.
inline constexpr TorchName torch_names[] = {
    {"torch._utils", "_rebuild_tensor_v2", TorchGlobal::rebuild_tensor_v2},
    {"torch._utils", "_rebuild_tensor_v3", TorchGlobal::rebuild_tensor_v3},
    {"torch._utils", "_rebuild_tensor", TorchGlobal::rebuild_tensor},
    {"torch._utils", "_rebuild_parameter", TorchGlobal::rebuild_parameter},
    {"torch._utils", "_rebuild_parameter_with_state", TorchGlobal::rebuild_parameter_with_state},
    {"torch._tensor", "_rebuild_from_type_v2", TorchGlobal::rebuild_from_type},
    {"torch", "Tensor", TorchGlobal::tensor_class},
    {"torch.nn.parameter", "Parameter", TorchGlobal::tensor_class},
    {"collections", "OrderedDict", TorchGlobal::ordered_dict},
    {"collections", "Counter", TorchGlobal::counter},
    {"torch", "FloatStorage", TorchGlobal::storage, DType::f32},
    {"torch", "DoubleStorage", TorchGlobal::storage, DType::f64},
    {"torch", "HalfStorage", TorchGlobal::storage, DType::f16},
    {"torch", "BFloat16Storage", TorchGlobal::storage, DType::bf16},
    {"torch", "LongStorage", TorchGlobal::storage, DType::i64},
    {"torch", "IntStorage", TorchGlobal::storage, DType::i32},
    {"torch", "ShortStorage", TorchGlobal::storage, DType::i16},
    {"torch", "CharStorage", TorchGlobal::storage, DType::i8},
    {"torch", "ByteStorage", TorchGlobal::storage, DType::u8},
    {"torch", "BoolStorage", TorchGlobal::storage, DType::boolean},
    {"torch", "ComplexFloatStorage", TorchGlobal::storage, DType::c64},
    {"torch", "ComplexDoubleStorage", TorchGlobal::storage, DType::c128},
    {"torch.storage", "UntypedStorage", TorchGlobal::untyped_storage},
    {"torch", "UntypedStorage", TorchGlobal::untyped_storage},
    {"torch", "Size", TorchGlobal::size},
    {"torch", "device", TorchGlobal::device},
    {"torch", "float64", TorchGlobal::dtype, DType::f64},
    {"torch", "float32", TorchGlobal::dtype, DType::f32},
    {"torch", "float16", TorchGlobal::dtype, DType::f16},
    {"torch", "bfloat16", TorchGlobal::dtype, DType::bf16},
    {"torch", "int64", TorchGlobal::dtype, DType::i64},
    {"torch", "int32", TorchGlobal::dtype, DType::i32},
    {"torch", "int16", TorchGlobal::dtype, DType::i16},
    {"torch", "int8", TorchGlobal::dtype, DType::i8},
    {"torch", "uint8", TorchGlobal::dtype, DType::u8},
    {"torch", "bool", TorchGlobal::dtype, DType::boolean},
    {"torch", "uint64", TorchGlobal::dtype, DType::u64},
    {"torch", "uint32", TorchGlobal::dtype, DType::u32},
    {"torch", "uint16", TorchGlobal::dtype, DType::u16},
    {"torch", "complex64", TorchGlobal::dtype, DType::c64},
    {"torch", "complex128", TorchGlobal::dtype, DType::c128},
    {"torch", "float8_e4m3fn", TorchGlobal::dtype, DType::f8_e4m3fn},
    {"torch", "float8_e5m2", TorchGlobal::dtype, DType::f8_e5m2},
    {"_codecs", "encode", TorchGlobal::encode},
    {"__builtin__", "complex", TorchGlobal::complex},
    {"builtins", "complex", TorchGlobal::complex},
    {"__builtin__", "set", TorchGlobal::set},
    {"builtins", "set", TorchGlobal::set},
    {"__builtin__", "bytes", TorchGlobal::bytes},
    {"builtins", "bytes", TorchGlobal::bytes},
    {"__builtin__", "bytearray", TorchGlobal::bytearray},
    {"builtins", "bytearray", TorchGlobal::bytearray},
};

/// Null if the name is not allowed.
constexpr TorchName const* find_torch_name(std::string_view module, std::string_view name) {
  for (TorchName const& n : torch_names) {
    bool const cuda = module == "torch.cuda" && n.global == TorchGlobal::storage;
    if (name == n.name && (module == n.module || cuda)) return &n;
  }
  return nullptr;
}

/// What to do about a name that is not allowed, where that is known.
constexpr std::string_view torch_advice(std::string_view module, std::string_view name) {
  if (name.find("sparse") != std::string_view::npos) return ": sparse tensors are unsupported";
  if (name.find("_rebuild_q") == 0 || name.find("QInt") == 0 || name.find("QUInt") == 0 || name.find("qint") == 0) {
    return ": quantized tensors are unsupported";
  }
  if (module == "torch") {
    for (std::string_view const front : {"float", "complex", "bcomplex", "bits", "int", "uint"}) {
      if (name.find(front) == 0) return ": elements of this dtype are unsupported";
    }
  }
  if (name == "getattr") {
    return ": a method of an object, as PyTorch before 2.0 puts into the state of a OneCycleLR: save without it";
  }
  if (name == "_rebuild_meta_tensor_no_storage") return ": a tensor on the device meta has no elements";
  if (name.find("nested") != std::string_view::npos) return ": nested tensors are unsupported";
  if (name == "Namespace") return ": make it a dict with vars() before torch.save";
  for (std::string_view const python : {"__builtin__", "builtins", "collections", "datetime", "pathlib"}) {
    if (module == python) return ": make it a dict, list, number or text before torch.save";
  }
  if (module.find("numpy") == 0) return ": make NumPy's values numbers with .item(), or tensors, before torch.save";
  if (module.find("torch.nn.") == 0 || module.find("torch") != 0) {
    return ": if it is the class of a module, save its state_dict() instead";
  }
  return "";
}

/// A plain name, which no path can be made of.
constexpr bool is_storage_key(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  for (char const c : key) {
    bool const good =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
    if (!good) return false;
  }
  return true;
}

/// A device and perhaps its number; "meta" has no bytes.
constexpr bool is_torch_location(std::string_view text) {
  return text.size() <= 32 && text.substr(0, text.find(':')) != "meta" && is_device(text);
}

/// What torch.device() takes.
constexpr bool is_torch_device(std::string_view text) {
  if (text == "meta") return true;
  if (!is_torch_location(text)) return false;
  for (std::string_view const known : {"cpu", "cuda", "mps", "xpu", "hpu", "xla", "mtia", "vulkan"}) {
    if (text.substr(0, text.find(':')) == known) return true;
  }
  return false;
}

}  // namespace ashlar::detail
