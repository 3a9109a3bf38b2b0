// The model both units of the program use.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/ashlar.hpp>

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
  ashlar::Linear<256, 10> output;
};

/// Defined in other.cpp: runs the model there, where every inline function of the library exists a second time.
ashlar::Tensor<float, ashlar::dyn, 10> run_elsewhere(MLP const& net, ashlar::Tensor<float, ashlar::dyn, 20> const& x);
std::string_view const* version_elsewhere();
