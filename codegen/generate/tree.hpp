// Ashlar: the keys of a file as a tree, and what each part of it becomes.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "generate/generate.hpp"

#include <ashlar/core/dtype.hpp>
#include <ashlar/core/parameter.hpp>
#include <ashlar/core/shape.hpp>
#include <ashlar/io/calls.hpp>
#include <ashlar/io/source.hpp>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::codegen {

inline constexpr std::size_t none = static_cast<std::size_t>(-1);

/// A tensor or scalar of the file.
struct Leaf {
  std::string key;  ///< after load_options()
  DType dtype{};    ///< as it is written
  DType stored{};   ///< as it is in the file
  Extents shape{};
  Kind kind{};
  std::size_t tied_to = none;  ///< an earlier leaf with the same elements
  bool overlaps = false;       ///< shares memory with another leaf, in part
};

/// A module: a front of keys. Node 0 is the root.
struct Node {
  std::string part;  ///< the last part of its key
  std::string path;
  std::size_t parent = none;
  /// Leaves and modules, in the order in which the file has the first tensor of each.
  struct Child {
    bool is_leaf;
    std::size_t index;
    std::string part;
  };
  std::vector<Child> children{};
};

/// A layer of the library that the tensors of a module are, as C++, and their keys in its own order.
struct Layer {
  std::string name;  ///< "Conv2d"; empty if it is none
  std::string text;  ///< "ashlar::Conv2d<3, 16, 5>"
  std::vector<std::string> keys{};
  std::string note{};  ///< what else it may be, or why it is no layer
};

/// What a file is: its tensors under keys that members can have, and what `load` has to be told for it.
struct Tree {
  std::vector<Leaf> leaves;
  std::set<std::string> keys;  ///< of the leaves, in order
  std::vector<Node> nodes;
  LoadOptions load;
  bool is_state_dict = true;  ///< of PyTorch, which does not say what is a parameter and what a buffer
  std::map<std::size_t, Layer> chosen{};  ///< by node: what options.layers say
  std::vector<std::string> notes;  ///< for the heading: what was renamed and why
};

/// The tree of a source, whose `rows` are as load sees them without options. Errors as for try_generate.
Result<Tree> make_tree(ashlar::detail::Source source, std::string_view where, GenerateOptions const& options,
                       std::string const& at);

/// The layer that a module is; `before`: the rank of the weight of the convolution or matrix before it, or 0.
Layer recognise(Tree const& tree, std::size_t node, std::size_t before);
/// Fills tree.chosen. Error: value, for what is no layer; mismatch, for modules that are none of them.
Result<void> choose_layers(Tree& tree, std::string_view where, GenerateOptions const& options);
/// What is not in a file of the settings of a layer, for the heading; null if all is.
char const* settings_of(std::string_view layer);
/// The header of a layer: "nn/conv.hpp".
char const* header_of(std::string_view layer);

/// Parts that are the keys of a list, 0, 1, ..., perhaps with gaps, where layers without tensors stood.
bool is_list(std::vector<Node::Child> const& children);

/// Where the text of a Tied leads: the target relative to the struct that is looked in first and has it; empty if a
/// struct in between has something of that name.
std::string tie_target(Tree const& tree, std::size_t holder, std::string_view target);

/// The header for a tree.
std::string write_header(Tree const& tree, GenerateOptions const& options, std::string_view file);

/// "float", "ashlar::bfloat16", "std::int64_t"
std::string type_text(DType dtype);

/// The namespace of what a network is made of: "MyNet" -> "my_net_parts".
std::string parts_space(std::string_view name);

/// Text in lines that begin with "//" and `slash`.
std::string comment(std::string_view text, std::string_view slash = {});

}  // namespace ashlar::codegen
