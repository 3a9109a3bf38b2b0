// Ashlar: the types that a tree of keys becomes.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "generate/tree.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::codegen {

/// A member of a struct, or a place of a Sequential.
struct Member {
  std::string key;
  /// C++, in which "\1n\2" stands for part n, and "\1\2" for the layer that is not known.
  std::string type;
  std::string note{};
  bool is_scalar = false;
};

/// A struct or a Sequential; all modules with the same members are one part.
struct ModulePart {
  bool is_list = false;
  std::vector<Member> members;
  std::string note;
  std::vector<std::size_t> nodes{};  ///< the modules that it is
  std::string name{};
};

/// Turns modules into parts, innermost first, and gives those names.
class Parts {
 public:
  Parts(Tree const& tree, GenerateOptions const& options);

  [[nodiscard]] std::vector<ModulePart> const& all() const { return parts_; }
  /// The type of the whole, with parts as in Member::type.
  [[nodiscard]] std::string const& root() const { return root_; }
  /// How many of each layer there are, by name.
  [[nodiscard]] std::map<std::string, std::size_t> const& layers() const { return layers_; }
  /// Tensors that are in no layer.
  [[nodiscard]] std::size_t loose() const { return loose_; }
  /// The places that nothing in the file tells of.
  [[nodiscard]] std::size_t unknown() const { return unknown_; }
  /// A key per tensor, in the order of the type's state_dict.
  [[nodiscard]] std::vector<std::string> const& order() const { return order_; }

  /// The text of a type: names for the placeholders, each behind `front`.
  [[nodiscard]] std::string text(std::string_view type, std::string_view front) const;
  /// The name of the layer that is not known; no part has it.
  static constexpr std::string_view unknown_name = "Unknown";

 private:
  std::string type_of(std::size_t node);
  std::string struct_of(std::size_t node, std::string note);
  std::string list_of(std::size_t node, std::string note);
  std::string part_of(std::size_t node, ModulePart part);
  std::string tie_of(std::size_t node) const;
  Member leaf_member(std::size_t node, Node::Child const& child) const;
  std::size_t rank_near(std::size_t node) const;
  void add_order(std::size_t node);
  void name_parts(std::string_view root);
  [[nodiscard]] std::string wanted_name(ModulePart const& part) const;

  Tree const& tree_;
  GenerateOptions const& options_;
  std::vector<ModulePart> parts_;
  std::map<std::string, std::size_t> by_content_;
  std::vector<Layer> layer_of_;         // of each node
  std::vector<std::string> tied_to_;    // of each node: the path of the module that it is
  std::vector<std::size_t> first_leaf_;  // of each node
  std::map<std::string, std::size_t> layers_;
  std::vector<std::string> order_;
  std::size_t loose_ = 0;
  std::size_t unknown_ = 0;
  std::string root_;
};

}  // namespace ashlar::codegen
