// Writes what torch_module.py reads: stubs, the same networks as torch.save would, inputs and outputs.
// SPDX-License-Identifier: BSL-1.0
#include "_torch_models.hpp"

#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/nn/torch_module.hpp>

#include <cmath>
#include <fstream>
#include <string>

using namespace ashlar;

namespace {

template <class T, class... Name>
auto write(std::string const& file, Name... name) {
  auto net = make_zeros<T>();
  ::new (static_cast<void*>(net.get())) T();  // with the defaults of its numbers
  // Numbers of no meaning that both sides compute with: small, and the variances positive.
  auto const& rows = manifest<T>();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].is_alias() || rows[r].kind == Kind::scalar) continue;
    std::byte* const at = reinterpret_cast<std::byte*>(net.get()) + rows[r].offset;
    for (std::size_t i = 0; i < rows[r].shape.numel(); ++i) {
      double const wave = std::sin(static_cast<double>(r * 100 + i));
      double const v = rows[r].key.ends_with("running_var") ? 1.5 + wave : 0.2 * wave;
      if (rows[r].dtype == DType::f32) reinterpret_cast<float*>(at)[i] = static_cast<float>(v);
      if (rows[r].dtype == DType::f64) reinterpret_cast<double*>(at)[i] = v;
      if (rows[r].dtype == DType::f16) reinterpret_cast<float16*>(at)[i] = float16(static_cast<float>(v));
      if (rows[r].dtype == DType::i64) reinterpret_cast<std::int64_t*>(at)[i] = static_cast<std::int64_t>(r);
    }
  }
  std::ofstream(file + ".py", std::ios::binary) << torch_module(*net, name...);
  save_torch(file + ".pt", *net);
  return net;
}
template <class Net, std::size_t... E>
void run(std::string const& file, Net const& net, Tensor<float, E...> x) {
  for (std::size_t i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(std::cos(static_cast<double>(i)));
  auto const y = forward(net, x);
  save_safetensors(
      file + ".io.safetensors",
      std::vector<NamedTensor>{{"x", {DType::f32, x.shape(), std::as_bytes(std::span(x.data(), x.numel()))}},
                               {"y", {DType::f32, y.shape(), std::as_bytes(std::span(y.data(), y.numel()))}}});
}

}  // namespace

int main() {
  run("mlp", *write<MLP>("mlp"), Tensor<float, 3, 20>());
  run("conv_net", *write<ConvNet>("conv_net"), Tensor<float, 2, 1, 9, 8>());
  run("chain", *write<Chain>("chain", "Chain"), Tensor<float, 5, 4>());
  write<Members>("members");
  std::ofstream("defaults.py") << torch_module<ConvNet>();
}
