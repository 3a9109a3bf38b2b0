// Ashlar: the text of a Python module for PyTorch, class by class.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/nn/repr.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ashlar::detail {

/// A string literal of Python, in ASCII.
inline std::string python_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const c = static_cast<unsigned char>(text[i]);
    char escape[12];
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, text[i]);
    } else if (c >= 0x20 && c < 0x7f) {
      out += text[i];
    } else if (c < 0x80) {
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(c));
      out += escape;
    } else {  // UTF-8, as every compiler stores a literal
      std::size_t const more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
      std::uint32_t code = c & (0x3fu >> more);
      for (std::size_t k = 0; k < more && i + 1 < text.size(); ++k) {
        code = code << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu);
      }
      std::snprintf(escape, sizeof escape, "\\U%08x", static_cast<unsigned>(code));
      out += escape;
    }
  }
  return out += '"';
}

/// True if `self.name` can be written.
inline bool is_python_name(std::string_view name) {
  static constexpr std::string_view keywords =
      " False None True and as assert async await break class continue def del elif else except finally for from "
      "global "
      "if import in is lambda nonlocal not or pass raise return try while with yield ";
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (char const c : name) {
    bool const word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!word) return false;
  }
  return keywords.find(std::string(" ").append(name).append(" ")) == std::string_view::npos;
}
/// "Net<20, 256>" -> "Net_20_256"
inline std::string python_name(std::string_view text) {
  std::string out;
  for (char const c : text) {
    bool const word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (word) out += c;
    else if (!out.empty() && out.back() != '_') out += '_';
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  return is_python_name(out) ? out : "Module_" + out;
}

inline std::string_view python_dtype(DType dtype) {
  switch (dtype) {
    case DType::f64: return "torch.float64";
    case DType::f32: return "torch.float32";
    case DType::f16: return "torch.float16";
    case DType::bf16: return "torch.bfloat16";
    case DType::i64: return "torch.int64";
    case DType::i32: return "torch.int32";
    case DType::i16: return "torch.int16";
    case DType::i8: return "torch.int8";
    case DType::u8: return "torch.uint8";
    case DType::boolean: return "torch.bool";
    case DType::u64: return "torch.uint64";
    case DType::u32: return "torch.uint32";
    case DType::u16: return "torch.uint16";
    default: return "None";  // no member has another
  }
}
/// "torch.zeros(3, 2)"
inline std::string torch_zeros(DType dtype, Extents const& shape) {
  std::string out = "torch.zeros(";
  if (shape.rank == 0) out += "()";
  for (std::size_t d = 0; d < shape.rank; ++d) out.append(d == 0 ? "" : ", ").append(std::to_string(shape[d]));
  if (dtype != DType::f32) out.append(", dtype=").append(python_dtype(dtype));
  return out += ')';
}

inline std::string joined(std::string_view front, std::string_view key) {
  std::string out(front);
  if (!front.empty() && !key.empty()) out += '.';
  return out.append(key);
}

/// Puts classes together, innermost first.
class TorchStub {
 public:
  /// A struct, list or Sequential that is being written. Only structs are classes of their own; what the others have to
  /// do once they are there is left to the class around them.
  struct Level {
    bool is_class;
    bool is_struct;  ///< a tie looks for its target in it: all but arrays
    std::string part{};  ///< its key in the level around it
    std::vector<std::string> after{};  ///< lines at the end of __init__
  };

  void enter(bool is_class, bool is_struct, std::string_view part) {
    levels_.push_back({is_class, is_struct, std::string(part)});
  }
  Level leave() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return level;
  }
  /// The key of the innermost level, from the one `up` levels out.
  [[nodiscard]] std::string path_from(std::size_t up) const {
    std::string out;
    for (std::size_t i = levels_.size() - up; i < levels_.size(); ++i) out = joined(out, levels_[i].part);
    return out;
  }
  [[nodiscard]] bool is_struct(std::size_t up) const { return levels_[levels_.size() - 1 - up].is_struct; }
  /// Has the module `up` levels out, or the class around it, call function(self, key, more).
  void call_after(std::size_t up, std::string_view function, std::string const& key, std::string const* target) {
    std::size_t at = levels_.size() - 1 - up;
    std::string front;
    while (at > 0 && !levels_[at].is_class) front = joined(levels_[at--].part, front);
    std::string line(function);
    line.append("(self, ").append(python_string(joined(front, key)));
    if (target != nullptr) line.append(", ").append(python_string(joined(front, *target)));
    levels_[at].after.push_back(line.append(")"));
    (target != nullptr ? ties_ : freezes_) = true;
  }

  /// The name of a class with this body; another one of the same name gets a number.
  std::string add_class(std::string_view wanted, std::string const& body) {
    std::string name = python_name(wanted);
    for (std::size_t n = 2;; ++n) {
      std::string const* const known = body_of(name);
      if (known != nullptr && *known == body) return name;
      if (known == nullptr) break;
      name = python_name(wanted).append("_").append(std::to_string(n));
    }
    classes_.emplace_back(name, body);
    return name;
  }

  /// The classes, behind a heading and what they and `rest` import.
  [[nodiscard]] std::string text(std::string_view heading, std::string_view rest) const {
    auto const has = [&](std::string_view word) {
      bool found = rest.find(word) != std::string_view::npos;
      for (auto const& [name, body] : classes_) found = found || body.find(word) != std::string::npos;
      return found;
    };
    std::string out(heading);
    if (has("OrderedDict(")) out += "from collections import OrderedDict\n\n";
    if (has("torch.")) out += "import torch\n";
    out += "from torch import nn\n";
    if (ties_) {
      out +=
          "\n\ndef _tie(module, key, target):\n    \"\"\"Makes `key` the module or tensor that `target` is.\"\"\"\n"
          "    path, _, name = key.rpartition(\".\")\n    source, _, last = target.rpartition(\".\")\n"
          "    setattr(module.get_submodule(path), name, getattr(module.get_submodule(source), last))\n";
    }
    if (freezes_) {
      out +=
          "\n\ndef _freeze(module, key):\n    \"\"\"The module or parameter gets no gradient.\"\"\"\n"
          "    path, _, name = key.rpartition(\".\")\n"
          "    getattr(module.get_submodule(path), name).requires_grad_(False)\n";
    }
    for (auto const& [name, body] : classes_)
      out.append("\n\nclass ").append(name).append("(nn.Module):\n").append(body);
    return out;
  }

 private:
  [[nodiscard]] std::string const* body_of(std::string_view name) const {
    for (auto const& [known, body] : classes_) {
      if (known == name) return &body;
    }
    return nullptr;
  }

  std::vector<Level> levels_;
  std::vector<std::pair<std::string, std::string>> classes_;
  bool ties_ = false;
  bool freezes_ = false;
};

/// `self.name = value`, or what does it for a key that is no name of Python.
inline std::string assignment(std::string_view key, std::string_view value) {
  std::string out = "        ";
  if (is_python_name(key)) return out.append("self.").append(key).append(" = ").append(value).append("\n");
  return out.append("setattr(self, ").append(python_string(key)).append(", ").append(value).append(")\n");
}
inline std::string registration(std::string_view function, std::string_view key, std::string_view value) {
  std::string out = "        self.";
  return out.append(function).append("(").append(python_string(key)).append(", ").append(value).append(")\n");
}
inline std::string tensor_line(Kind kind, std::string_view key, DType dtype, Extents const& shape) {
  std::string const zeros = torch_zeros(dtype, shape);
  if (kind == Kind::buffer) return registration("register_buffer", key, zeros);
  if (kind == Kind::constant) return assignment(key, zeros + "  # not in a state_dict");
  bool const trains = dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16;
  return assignment(key, std::string("nn.Parameter(").append(zeros).append(trains ? ")" : ", requires_grad=False)"));
}

/// "8, 2, batch_first=True" of "MultiheadAttention<8, 2, MultiheadAttentionOptions{.batch_first = true}>": numbers,
/// then settings, which have PyTorch's names.
inline std::string arguments_of_type(std::string_view type) {
  std::string out;
  std::size_t at = type.find('<') + 1;
  for (; at < type.size() && type[at] >= '0' && type[at] <= '9'; at += type[at] == ',' ? 2 : 0) {
    std::size_t const end = type.find_first_of(",>", at);
    out.append(out.empty() ? "" : ", ").append(type.substr(at, end - at));
    at = end;
  }
  std::size_t const close = type.find('}');
  for (at = type.find('{'); at < close && close != std::string_view::npos;) {
    std::size_t const name = type.find('.', at) + 1;
    std::size_t const equals = type.find(" = ", name);
    std::size_t const end = type.find_first_of(",}", equals);
    std::string_view const value = type.substr(equals + 3, end - equals - 3);
    out.append(", ").append(type.substr(name, equals - name)).append("=");
    out.append(value == "true" ? "True" : value == "false" ? "False" : value);
    at = end == close ? close : end + 1;
  }
  return out;
}

/// Settings that PyTorch's printed layers leave out or write otherwise than their constructors take them. `type`: the
/// layer's name, "AvgPool2d<2, AvgPoolOptions{.ceil_mode = true}>".
inline std::string torch_arguments(std::string_view name, std::string arguments, std::string_view type, DType dtype) {
  auto const replace = [&](std::string_view from, std::string_view to) {
    if (std::size_t const at = arguments.find(from); at != std::string::npos) arguments.replace(at, from.size(), to);
  };
  auto const add = [&](std::string_view option) {
    if (!arguments.empty()) arguments += ", ";
    arguments += option;
  };
  auto const says = [&](std::string_view option) { return type.find(option) != std::string_view::npos; };
  if (name == "MultiheadAttention" || name == "TransformerEncoderLayer") arguments = arguments_of_type(type);
  replace("padding=same", "padding='same'");
  replace("nonlinearity=relu", "nonlinearity='relu'");
  if (name.starts_with("BatchNorm")) {
    replace(", bias=True", "");
    replace(", bias=False", "");
  }
  if (name == "LayerNorm") {  // the argument is there since 2.1
    replace(", bias=True", "");
    if (says(".elementwise_affine = false")) replace(", bias=False", "");
  }
  if (name.starts_with("AvgPool")) {
    if (says(".ceil_mode = true")) add("ceil_mode=True");
    if (says(".count_include_pad = false")) add("count_include_pad=False");
  }
  if (name == "RNN" && says(".nonlinearity = \"relu\"")) add("nonlinearity='relu'");
  if (dtype != DType::f32) add(std::string("dtype=").append(python_dtype(dtype)));
  return arguments;
}

}  // namespace ashlar::detail
