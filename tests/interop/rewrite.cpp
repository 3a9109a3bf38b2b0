// rewrite IN.pt OUT.pt|OUT.safetensors: reads what PyTorch wrote and writes it again.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include <cstdio>
#include <exception>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    ashlar::Value const value = ashlar::read_torch(std::string(argv[1]));
    std::string const out = argv[2];
    if (out.ends_with(".pt")) {
      ashlar::save_torch(out, value);
    } else {
      ashlar::save_safetensors(out, value.tensors(), {.ties_once = false});
    }
    return 0;
  } catch (std::exception const& e) {
    std::fputs(e.what(), stderr);
    std::fputs("\n", stderr);
    return 1;
  }
}
