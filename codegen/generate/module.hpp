// Ashlar: the tensors of one module, and the layers spelled for them.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include "generate/tree.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::codegen {

/// The tensors of one module by name.
class Module {
 public:
  Module(Tree const& tree, std::size_t node);

  [[nodiscard]] Leaf const* find(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// True if these are its tensors and there is nothing else in it, all of one floating-point type.
  [[nodiscard]] bool is(std::vector<std::string> const& keys) const;
  /// True if its name, or that of the list it stands in, has one of these words in it, whatever the case.
  [[nodiscard]] bool is_called(std::initializer_list<std::string_view> words) const;
  [[nodiscard]] bool is_state_dict() const { return tree_.is_state_dict; }
  [[nodiscard]] bool has_tie() const { return tied_; }
  [[nodiscard]] bool holds_modules() const { return modules_; }
  [[nodiscard]] std::size_t size() const { return node_.children.size(); }

 private:
  Tree const& tree_;
  Node const& node_;
  std::string name_;
  bool modules_ = false;
  bool tied_ = false;
};

/// "ashlar::Linear<20, 256>", with the settings and the element type as far as they are not the defaults.
class Spelled {
 public:
  explicit Spelled(std::string name, DType dtype) : name_(std::move(name)), dtype_(dtype) {}
  Spelled& add(std::size_t n);
  Spelled& add(std::string text);
  /// `options`: what stands before the element type; `preset`: what does if there are none, "" if nothing.
  Layer layer(std::string const& options, std::string const& preset, std::vector<std::string> keys);

 private:
  std::string name_;
  DType dtype_;
  std::vector<std::string> arguments_;
};

/// A convolution of a weight of three or four dimensions. `groups`: 0 if nobody says.
Layer convolution_of(Leaf const& weight, bool bias, bool transposed, std::size_t groups = 0);
/// LSTM, GRU, RNN and their cells.
Layer recognise_recurrent(Module const& module);

}  // namespace ashlar::codegen
