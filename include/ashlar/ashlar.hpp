// Ashlar: everything. The parts stand alone: nn.hpp for inference and gradients, train.hpp, io/file.hpp.
// Other headers of io/: read.hpp (load .pt and .safetensors too), torch_write.hpp, safetensors_write.hpp, describe.hpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/language.hpp>
#include <ashlar/core/to.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/io/file_of.hpp>
#include <ashlar/io/load_to.hpp>
#include <ashlar/io/tensors.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/nn/for_each_layer.hpp>
#include <ashlar/nn/print.hpp>
#include <ashlar/nn/summary.hpp>
#include <ashlar/reflect/layout.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/reflect/state_dict.hpp>
#include <ashlar/reflect/transfer.hpp>
#include <ashlar/schema/schema.hpp>
#include <ashlar/train.hpp>
#include <ashlar/version.hpp>
