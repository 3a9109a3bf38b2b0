// What generate.py compiles with the headers that it had generated: loads each file and tells what was loaded, and runs
// networks whose layers are all known, written as a user would with the generated members.  SPDX-License-Identifier:
// BSL-1.0
#include <ashlar/io/read.hpp>
#include <ashlar/nn.hpp>
#include <ashlar/reflect/manifest.hpp>

#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>

inline void print_quoted(std::string_view text) {
  std::putchar('"');
  for (char const c : text) std::printf("\\u%04x", static_cast<unsigned char>(c));
  std::putchar('"');
}

/// A line of JSON: {"name": ..., "rename": [...], "rows": [[key, kind, dtype, shape, stored key, crc], ...]}
template <class Net>
void show(char const* name, char const* path, ashlar::LoadOptions const& options) {
  auto const net = ashlar::make_zeros<Net>();
  ashlar::LoadReport const report = ashlar::load(path, *net, options);
  std::printf("{\"name\": \"%s\", \"kept\": %zu, \"unused\": %zu, \"rename\": [", name, report.kept.size(),
              report.unused.size());
  char const* comma = "";
  for (auto const& [from, to] : options.rename) {
    std::printf("%s[", comma);
    print_quoted(from);
    std::printf(", ");
    print_quoted(to);
    std::printf("]");
    comma = ", ";
  }
  std::printf("], \"rows\": [");
  auto const& rows = ashlar::manifest<Net>();
  comma = "";
  for (ashlar::Row const& row : rows) {
    ashlar::Row const& stored = row.is_alias() ? rows[static_cast<std::size_t>(row.alias_of)] : row;
    std::printf("%s[", comma);
    print_quoted(row.key);
    std::string const dtype(name_of(row.dtype));
    std::printf(", %d, \"%s\", [", static_cast<int>(stored.kind), dtype.c_str());
    for (std::size_t d = 0; d < row.shape.rank; ++d) std::printf("%s%zu", d == 0 ? "" : ", ", row.shape[d]);
    auto const* bytes = reinterpret_cast<unsigned char const*>(net.get()) + stored.offset;
    std::printf("], %d, %lu]", row.is_alias() ? 1 : 0, crc32(0, bytes, static_cast<unsigned>(stored.bytes)));
    comma = ", ";
  }
  std::printf("]}\n");
}

/// Fails if two tensors are not within abs + rel * |expected|.
template <class Y>
void compare(char const* what, Y const& y, ashlar::Value const& expected, double abs, double rel) {
  auto const truth = expected.tensor().to_vector<float>();
  if (y.numel() != truth.size()) std::printf("{\"failed\": \"%s has %zu elements\"}\n", what, y.numel());
  double worst = 0;
  for (std::size_t i = 0; i < truth.size() && i < y.numel(); ++i) {
    double const error = std::abs(double{y.data()[i]} - double{truth[i]}) / (abs + rel * std::abs(double{truth[i]}));
    if (!(error <= worst)) worst = error;
  }
  std::printf("{\"%s\": \"%s: %.3g of the tolerance\"}\n", worst <= 1 ? "agrees" : "failed", what, worst);
}
template <std::size_t... E>
ashlar::Tensor<float, E...> input_of(ashlar::Value const& io) {
  ashlar::Tensor<float, E...> x;
  io["input"].tensor().copy_to({reinterpret_cast<std::byte*>(x.data()), x.numel() * sizeof(float)});
  return x;
}

/// captum's network for CIFAR-10.
template <class Net>
void run_lenet_cifar(char const* weights, char const* data) {
  using namespace ashlar;
  auto const net = load<Net>(weights);
  Value const io = read(std::string(data));
  MaxPool2d<2> const pool{};
  ReLU const relu{};
  auto const x = input_of<4, 3, 32, 32>(io);
  auto const first = pool(relu(net->conv1(x)));
  auto const second = pool(relu(net->conv2(first)));
  auto const y = net->fc3(relu(net->fc2(relu(net->fc1(Flatten{}(second))))));
  compare("lenet_cifar: after_pool2", second, io["after_pool2"], 4e-5, 1e-4);
  compare("lenet_cifar: output", y, io["output"], 4e-5, 1e-4);
}

/// facenet-pytorch's P-Net.
template <class Net>
void run_pnet(char const* weights, char const* data) {
  using namespace ashlar;
  auto const net = load<Net>(weights);
  Value const io = read(std::string(data));
  MaxPool2d<2, MaxPoolOptions{.ceil_mode = true}> const pool{};
  auto const x = input_of<2, 3, 37, 50>(io);
  auto const features = net->prelu3(net->conv3(net->prelu2(net->conv2(pool(net->prelu1(net->conv1(x)))))));
  compare("pnet: probabilities", softmax(net->conv4_1(features), 1), io["probabilities"], 1e-5, 1e-4);
  compare("pnet: boxes", net->conv4_2(features), io["boxes"], 1e-5, 1e-4);
}
