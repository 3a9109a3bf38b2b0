// Ashlar: a network as a PyTorch module, in Python.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/owned.hpp>
#include <ashlar/nn/for_each_layer.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/torch_stub.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace ashlar {
namespace detail {

/// The layer of torch.nn that a layer of ours is; empty if there is none.
template <class T>
constexpr std::string_view torch_layer() {
  constexpr std::string_view names =
      " AdaptiveAvgPool1d AdaptiveAvgPool2d AvgPool1d AvgPool2d BatchNorm1d BatchNorm2d CELU Conv1d Conv2d "
      "ConvTranspose1d ConvTranspose2d Dropout ELU Embedding Flatten GELU GELUTanh GRU GRUCell GroupNorm "
      "Hardshrink Hardsigmoid Hardswish Hardtanh Identity InstanceNorm1d InstanceNorm2d LSTM LSTMCell LayerNorm "
      "LeakyReLU Linear LogSigmoid LogSoftmax MaxPool1d MaxPool2d Mish MultiheadAttention PReLU RMSNorm RNN RNNCell "
      "ReLU "
      "ReLU6 SELU SiLU Sigmoid Softmax Softplus Softshrink Softsign Tanh Tanhshrink TransformerEncoderLayer ";
  constexpr std::string_view library = "ashlar::";
  constexpr std::string_view full = compiler_name<T>();
  std::string_view const name = type_name<T>().substr(0, type_name<T>().find('<'));
  bool ours = full.substr(0, library.size()) == library && full.substr(library.size(), name.size()) == name;
  // The name of what InstanceNorm1d and 2d are is not theirs, and g++ writes it without namespaces.
  ours = ours || (full.find("InstanceNorm<") != full.npos && name.substr(0, 12) == "InstanceNorm" && name.size() == 14);
  for (std::size_t at = names.find(name); ours && at != names.npos; at = names.find(name, at + 1)) {
    if (names[at - 1] == ' ' && names[at + name.size()] == ' ') return names.substr(at, name.size());
  }
  return {};
}

/// Runs on what stands before it and gives a tensor, in PyTorch too.
template <class M>
bool is_torch_step() {
  using L = unwrapped_t<M>;
  if constexpr (is_tied<L>) {
    return true;
  } else {
    std::string_view const name = torch_layer<L>();
    bool const recurrent = name == "LSTM" || name == "GRU" || name == "RNN" || name.ends_with("Cell");
    bool const attention = name == "MultiheadAttention";
    return is_layer<M>() && !recurrent && !attention;
  }
}

template <class T, class... Around>
std::string torch_expression(TorchStub& stub, std::string_view key, T const& module, Around const&... around);

/// The number of structs outwards in which the target of a tie is; 0 is the holder.
template <class Tie, class T, class... Around>
constexpr std::size_t tie_distance() {
  if constexpr (!std::is_same_v<member_at_t<T, Tie>, NoMember>) {
    return 0;
  } else if constexpr (sizeof...(Around) != 0) {
    return 1 + tie_distance<Tie, Around...>();
  } else {
    return 0;  // layout_of has refused it
  }
}

/// Notes a tie at the struct that has the target, and gives the line that keeps its place.
template <class Tie, class T, class... Around>
std::string torch_tie(TorchStub& stub, std::string_view key, T const& holder, Around const&... around) {
  constexpr std::size_t distance = tie_distance<Tie, T, Around...>();
  // Arrays are levels between the structs.
  std::size_t up = 0;
  for (std::size_t structs = 0; structs < distance; ++up) structs += stub.is_struct(up + 1) ? 1 : 0;
  std::string const target(Tie::target);
  stub.call_after(up, "_tie", joined(stub.path_from(up), key), &target);
  using Target = std::remove_cvref_t<decltype(tied_target<Tie>(holder, around...))>;
  if constexpr (!is_stored<Target>) {
    return registration("add_module", key, "None");
  } else {
    return registration(Target::kind == Kind::buffer ? "register_buffer" : "register_parameter", key, "None");
  }
}

/// The line of __init__ for member I.
template <std::size_t I, class T, class... Around>
std::string torch_member(TorchStub& stub, T const& module, Around const&... around) {
  using M = field_t<T, I>;
  using L = unwrapped_t<M>;
  std::string_view const key = member_key<T, I>();
  if constexpr (is_tied<L>) {
    return torch_tie<L>(stub, key, module, around...);
  } else if constexpr (is_stored<L>) {
    return tensor_line(L::kind, key, dtype_of<typename L::value_type>, L::shape());
  } else if constexpr (std::is_enum_v<L>) {
    return assignment(key, python_value(static_cast<std::underlying_type_t<L>>(get_field<I>(module))));
  } else if constexpr (std::is_same_v<L, float16> || std::is_same_v<L, bfloat16>) {
    return assignment(key, python_value(static_cast<float>(get_field<I>(module))));
  } else if constexpr (Element<L>) {
    return assignment(key, python_value(get_field<I>(module)));
  } else {
    std::string const value = torch_expression<M>(stub, key, get_field<I>(module), module, around...);
    return value.empty() ? std::string() : assignment(key, value);
  }
}

template <class T>
std::string torch_forward() {
  constexpr bool runs = is_chain<T>() && !is_array<T>;
  std::string out = "\n    def forward(self, x):\n";
  if constexpr (runs) {
    bool steps = true;
    std::string lines;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      auto const add = [&](std::string_view key, bool step) {
        steps = steps && step;
        bool const plain = is_python_name(key);
        lines.append("        x = ").append(plain ? "self." : "getattr(self, ");
        lines.append(plain ? std::string(key) : python_string(key).append(")")).append("(x)\n");
      };
      (add(member_key<T, I>(), is_torch_step<field_t<T, I>>()), ...);
    }(std::make_index_sequence<field_count<T>()>{});
    if (steps) return out.append(lines).append("        return x\n");
  }
  std::string sentence = "write the forward of ";
  sentence.append(module_name<T>()).append(": in C++ it has an operator(), or does not run its members in order");
  return out.append("        raise NotImplementedError(").append(python_string(sentence)).append(")\n");
}

/// A class for a struct; the expression that makes one.
template <class T, class... Around>
std::string torch_class(TorchStub& stub, std::string_view key, T const& module, Around const&... around) {
  stub.enter(true, true, key);
  std::string body = "    def __init__(self):\n        super().__init__()\n";
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (body.append(torch_member<I>(stub, module, around...)), ...);
  }(std::make_index_sequence<field_count<T>()>{});
  for (std::string const& line : stub.leave().after) body.append("        ").append(line).append("\n");
  body += torch_forward<T>();
  return stub.add_class(type_name<T>(), body).append("()");
}

/// Lines between parentheses, one for each element.
inline std::string torch_list(std::string_view name, std::vector<std::pair<std::string, std::string>> const& elements) {
  bool keyed = false;
  bool equal = elements.size() > 1;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    keyed = keyed || elements[i].first != std::to_string(i);
    equal = equal && elements[i].second == elements[0].second && elements[i].second.find('\n') == std::string::npos;
  }
  std::string out(name);
  if (equal && !keyed && elements[0].second != "None") {
    bool const list = name != "nn.Sequential";
    out.append(list ? "(" : "(*(").append(elements[0].second).append(" for _ in range(");
    return out.append(std::to_string(elements.size())).append(list ? "))" : ")))");
  }
  out += keyed ? "(OrderedDict([" : name == "nn.Sequential" ? "(" : "([";
  for (auto const& [key, value] : elements) {
    out.append("\n            ");
    if (keyed) out.append("(").append(python_string(key)).append(", ");
    for (char const c : value) out.append(1, c).append(c == '\n' ? "    " : "");
    out.append(keyed ? ")," : ",");
  }
  if (!elements.empty()) out += "\n        ";
  return out += keyed ? "]))" : name == "nn.Sequential" ? ")" : "])";
}

template <class L, std::size_t N, class... Around>
std::string torch_array(TorchStub& stub, std::string_view key, std::array<L, N> const& list, Around const&... around) {
  if constexpr (is_stored<L>) {
    static_assert(L::kind == Kind::parameter,
                  "ashlar: PyTorch has lists of parameters, and none of buffers: use Named");
    std::string const zeros = torch_zeros(dtype_of<typename L::value_type>, L::shape());
    return std::string("nn.ParameterList(nn.Parameter(")
        .append(zeros)
        .append(") for _ in range(")
        .append(std::to_string(N))
        .append("))");
  } else {
    stub.enter(false, false, key);
    std::vector<std::pair<std::string, std::string>> elements;
    for (std::size_t i = 0; i < N; ++i) {
      std::string const index = std::to_string(i);
      elements.emplace_back(index, torch_expression<L>(stub, index, list[i], around...));
    }
    stub.leave();
    bool runs = false;
    if constexpr (sizeof...(Around) != 0) runs = is_chain<std::tuple_element_t<0, std::tuple<Around...>>>();
    return torch_list(runs ? "nn.Sequential" : "nn.ModuleList", elements);
  }
}

/// A Sequential that PyTorch has, too: of modules and no tensors.
template <class T>
constexpr bool is_torch_sequential() {
  if constexpr (!is_sequential<T>) {
    return false;
  } else {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (!is_stored<unwrapped_t<field_t<T, I>>> && ... && true);
    }(std::make_index_sequence<field_count<T>()>{});
  }
}
template <class T, class... Around>
std::string torch_sequential(TorchStub& stub, std::string_view key, T const& module, Around const&... around) {
  stub.enter(false, true, key);
  std::vector<std::pair<std::string, std::string>> elements;
  auto const add = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    using M = field_t<T, I>;
    std::string part(member_key<T, I>());
    if constexpr (is_tied<unwrapped_t<M>>) {
      torch_tie<unwrapped_t<M>>(stub, part, module, around...);
      elements.emplace_back(part, "None");
    } else {
      std::string value = torch_expression<M>(stub, part, get_field<I>(module), module, around...);
      elements.emplace_back(std::move(part), std::move(value));
    }
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (add(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<field_count<T>()>{});
  stub.leave();
  return torch_list("nn.Sequential", elements);
}

template <class T>
std::string torch_known(T const& module) {
  Repr extra;
  if constexpr (requires { module.extra_repr(extra); }) module.extra_repr(extra);
  DType dtype = DType::f32;
  auto const look = [&](auto const& rows) {
    for (Row const& row : rows) {
      if (row.kind == Kind::parameter || row.key == "running_mean") dtype = row.dtype;
    }
  };
  if constexpr (CustomRows<T>::specialised) look(CustomRows<T>::rows());
  else if constexpr (!std::is_empty_v<T>) look(table<T>());
  std::string_view const name = torch_layer<T>();
  if (name == "GELUTanh") return "nn.GELU(approximate='tanh')";
  std::string out("nn.");
  return out.append(name).append("(").append(torch_arguments(name, extra.text(), type_name<T>(), dtype)).append(")");
}

/// The expression that makes a module; `around`: the structs that hold it, from the inside out. Empty for what is no
/// module, as an array of numbers.
template <class T, class... Around>
std::string torch_expression(TorchStub& stub, std::string_view key, T const& module, Around const&... around) {
  if constexpr (is_frozen<T>) {
    using Layer = typename T::Reflected::layer;
    std::string out = torch_expression<Layer>(stub, key, static_cast<Layer const&>(module), around...);
    constexpr std::size_t count = T::Reflected::count;
    for (std::size_t i = 0; i != count; ++i) stub.call_after(0, "_freeze", joined(key, T::Reflected::keys[i]), nullptr);
    return count == 0 ? out.append(".requires_grad_(False)") : out;
  } else if constexpr (is_named<T>) {
    using Layer = typename T::Reflected::layer;
    return torch_expression<Layer>(stub, key, static_cast<Layer const&>(module), around...);
  } else if constexpr (is_array<T>) {
    if constexpr (Element<typename T::value_type>) return python_value(module);
    else return torch_array(stub, key, module, around...);
  } else if constexpr (is_torch_sequential<T>()) {
    return torch_sequential(stub, key, module, around...);
  } else {
    static_assert(!is_state<T>, "ashlar: torch_module is for networks, and this holds the state of an optimizer");
    if constexpr (!torch_layer<T>().empty()) {
      return torch_known(module);
    } else if constexpr (PlainStruct<T> || is_sequential<T> || std::is_empty_v<T>) {
      return torch_class(stub, key, module, around...);
    } else {
      std::string sentence = "torch_module: PyTorch has no layer ";
      throw Error(Errc::value, sentence.append(type_name<T>()));
    }
  }
}

}  // namespace detail

/// Python code that makes a network as a PyTorch module: a class for each struct, and a function or class `name`, which
/// takes no arguments, for the whole. Its state_dict has the keys, shapes and dtypes of the network's, so that
/// load_state_dict(torch.load("net.pt")) takes, strictly, what save_torch writes.
///
/// Layers become those of torch.nn with their settings, Buffers persistent buffers, Constants and numbers plain
/// attributes, arrays a ModuleList, or a Sequential where they run, and what is Tied is one object again. Chains have
/// their forward; that of a struct with an operator() raises NotImplementedError. Numbers, as a Dropout's p, are those
/// of `net`, or the defaults.
///
/// Order   that of the network's keys, but for a tensor that is Tied: PyTorch lists it with the parameters.
/// Errors  run time: value, for a layer that torch.nn does not have. In Python: a parameter cannot have the name of
///         something that every nn.Module has, as "half" or "type".
/// Usage   ashlar_torch_module() in codegen/cmake/AshlarTorchModule.cmake
template <class T>
std::string torch_module(T const& net, std::string_view name) {
  detail::TorchStub stub;
  stub.enter(false, false, {});
  std::string root = detail::torch_expression<T>(stub, {}, net);
  std::vector<std::string> const after = stub.leave().after;
  std::string heading = "\"\"\"";
  heading.append(detail::module_name<T>())
      .append(", a network of C++, for PyTorch. Generated by ashlar::torch_module.\"\"\"\n");
  std::string out = stub.text(heading, root);
  if (root == std::string(name).append("()")) return out;
  out.append("\n\ndef ").append(name).append("():\n    net = ");
  for (std::size_t i = 0; i < root.size(); ++i) {  // what was indented for a class
    out += root[i];
    if (root[i] == '\n' && root.compare(i + 1, 4, "    ") == 0) i += 4;
  }
  out += "\n";
  for (std::string const& line : after) {  // of "_tie(self, ..."
    std::size_t const self = line.find("(self");
    out.append("    ").append(line, 0, self).append("(net").append(line, self + 5).append("\n");
  }
  return out.append("    return net\n");
}
template <class T>
std::string torch_module(T const& net) {
  return torch_module(net, detail::python_name(type_name<T>()));
}
template <class T>
std::string torch_module() {
  return torch_module(*std::make_unique<T>());
}

}  // namespace ashlar
