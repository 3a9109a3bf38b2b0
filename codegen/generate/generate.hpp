// Ashlar: from a file to the C++ type that loads it.  SPDX-License-Identifier: BSL-1.0
//
// What the command `ashlar codegen` calls. Compiled once, in the target ashlar_generate; no user's program needs it.
#pragma once

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/result.hpp>
#include <ashlar/io/value.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::codegen {

/// How a header is written.
struct GenerateOptions {
  /// The struct of the network. Error: value, if it is no identifier.
  std::string name = "Net";
  /// The namespace that all is put in, as "a::b"; none if empty. The structs that the network is made of are always in
  /// one of their own, <name>_parts, so that headers of several files get along.
  std::string space{};
  /// Which part of the file: the state_dict's place in a checkpoint, as "model", or the front of keys, as
  /// "encoder.layer.0". As LoadOptions::at.
  std::string at{};
  /// Fronts of keys that are taken away, as "module.". As LoadOptions::strip_prefix.
  std::vector<std::string> strip_prefix{};
  /// f32 or f64: the type of all floating-point tensors, which load converts. None: as they are in the file.
  std::optional<DType> dtype{};
  /// What keys and shapes do not tell: {"encoder.*.norm", "GroupNorm<8>"}. The first is the key of a module, in which *
  /// stands for any text without a dot; the second a layer, with the number that is in no file: GroupNorm<groups>,
  /// MultiheadAttention<heads>, Conv2d<groups> and its like; InstanceNorm1d, InstanceNorm2d, LayerNorm, RMSNorm, PReLU,
  /// Linear, Embedding. Of several for one module the last counts. Error: value, for another; mismatch, for a module
  /// whose tensors are not that layer's, and for a key that no module has.
  std::vector<std::pair<std::string, std::string>> layers{};
  /// Layers of the library where keys and shapes tell them; else every tensor is a Parameter or a Buffer.
  bool recognise = true;
  /// The structs run their members in order, as a chain does. A file does not say that they do, so without it they get
  /// an operator() that refuses to compile and asks for the code.
  bool chain = false;
  /// What comments call the file. Empty: the path.
  std::string file{};
};

/// A header that defines a struct `options.name`, which `load` fills from the file: .ashlar, PyTorch's files or
/// .safetensors. <name>_parts::load_options() returns what load has to be told, if that is anything.
///
/// A file of ours tells its layers and their settings. For others, layers are recognised by their keys and shapes, and
/// what the file does not tell is said in comments. Everything in the text comes from the file, so nothing of it
/// becomes code: names become identifiers, and keys literals. Equal files and options give equal text, in ASCII.
///
/// Errors  those of `read`; mismatch, for a checkpoint that is no state_dict itself, with those in it, for a dtype that
///         no member has, for two keys that become one; value, for options that make no sense.
Result<std::string> try_generate(std::string const& path, GenerateOptions const& options = {});
std::string generate(std::string const& path, GenerateOptions const& options = {});

/// The same for a tree that was read already: a dict of tensors, or a checkpoint with options.at.
Result<std::string> try_generate(Value const& root, GenerateOptions const& options = {});
std::string generate(Value const& root, GenerateOptions const& options = {});

}  // namespace ashlar::codegen
