// The one compiled unit of ashlar::ashlar: the code behind save and load.
// SPDX-License-Identifier: BSL-1.0
#define ASHLAR_IO_IMPLEMENTATION
#include <ashlar/io/file.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/save_tree.hpp>
#include <ashlar/io/tensors.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/io/verify_any.hpp>
