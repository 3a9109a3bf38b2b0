// Ashlar: members' names that need not be found out.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

namespace ashlar::detail {

/// The names of the members of a template's instances, where they are the same for all and all members are tensors, as
/// in the library's layers:
///   static constexpr std::string_view names[];
/// To count, check and print the members of each instance is most of what a layer of a type of its own costs to
/// compile. tests/reflect/manifest_test.cpp holds all specialisations against what the compiler prints.
template <class T>
struct GivenNames {};

template <class T>
concept HasGivenNames = requires { GivenNames<T>::names; };

struct OnlyWeight {
  static constexpr std::string_view names[] = {"weight"};
};
struct WeightAndBias {
  static constexpr std::string_view names[] = {"weight", "bias"};
};

}  // namespace ashlar::detail
