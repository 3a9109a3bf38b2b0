// A program that loads and saves .ashlar files, and no others: without <ashlar/io/read.hpp> there is no reader for
// them. SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/parameter.hpp>
#include <ashlar/io/file.hpp>

#include <cstdio>
#include <string>

namespace {

struct Net {
  ashlar::Parameter<float, 2> weight;
};

bool refuses(std::string const& name, std::string const& what) {
  std::string const path = std::string(ASHLAR_TEST_DATA) + "/" + name;
  auto const result = ashlar::try_load<Net>(path);
  std::string const text = result ? "no error" : result.error().what();
  std::printf("%s\n", text.c_str());
  return text == path + ": " + what + "; include <ashlar/io/read.hpp> (or link ashlar::ashlar) to load it";
}

}  // namespace

int main() {
  Net net{};
  net.weight(1) = 2;
  bool const own = ashlar::try_from_bytes(ashlar::to_bytes(net), net) && net.weight(1) == 2;
  bool const torch =
      refuses("pytorch/mlp_zip.pt", "a PyTorch file") && refuses("pytorch/mlp_legacy.pt", "a PyTorch file");
  bool const safetensors = refuses("safetensors/mlp.safetensors", "a .safetensors file");
  auto const pt = ashlar::try_save("x.pt", net);
  auto const st = ashlar::try_save("x.safetensors", net);
  bool const saves = !pt && !st &&
                     pt.error().headline() ==
                         "x.pt: to save for PyTorch, include <ashlar/io/torch_write.hpp> (or link ashlar::ashlar)" &&
                     st.error().headline() ==
                         "x.safetensors: to save as .safetensors, include "
                         "<ashlar/io/safetensors.hpp> (or link ashlar::ashlar)";
  return own && torch && safetensors && saves ? 0 : 1;
}
