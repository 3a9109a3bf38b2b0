// What generate.py runs: writes headers for files, and files with tied tensors.  SPDX-License-Identifier: BSL-1.0
//
//   generate header FILE OUT NAME NAMESPACE OPTION...   at=KEY, strip=PREFIX, dtype=f32|f64, chain, plain,
//                                                       layer=KEY=LAYER
//   generate own OUT.ashlar                             a network with layers that have settings
//   generate tie IN.safetensors OUT.pt KEY=OTHER...     each OTHER is the tensor KEY again
#include "generate/generate.hpp"

#include <ashlar/io/file.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/nn.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

using namespace ashlar;

namespace {

int write_header(std::vector<std::string> const& words) {
  codegen::GenerateOptions options;
  options.name = words[2];
  options.space = words[3];
  for (std::size_t i = 4; i < words.size(); ++i) {
    std::string const name = words[i].substr(0, words[i].find('='));
    std::string const value = words[i].substr(std::min(words[i].size(), name.size() + 1));
    if (name == "at") options.at = value;
    if (name == "strip") options.strip_prefix.push_back(value);
    if (name == "dtype") options.dtype = value == "f64" ? DType::f64 : DType::f32;
    if (name == "layer")
      options.layers.emplace_back(value.substr(0, value.find('=')), value.substr(value.find('=') + 1));
    if (name == "chain") options.chain = true;
    if (name == "plain") options.recognise = false;
    if (name == "file") options.file = value;
  }
  std::string const text = codegen::generate(words[0], options);
  std::ofstream(words[1], std::ios::binary) << text;
  return 0;
}

int write_ties(std::vector<std::string> const& words) {
  Value const root = read_safetensors(words[0]);
  std::vector<ValueItem> items(root.items().begin(), root.items().end());
  for (std::size_t i = 2; i < words.size(); ++i) {
    std::size_t const equals = words[i].find('=');
    items.push_back({Value(words[i].substr(equals + 1)), root[words[i].substr(0, equals)]});
  }
  save_torch(words[1], Value::dict(std::move(items)));
  return 0;
}

struct Encoder {
  Conv2d<1, 6, 5, ConvOptions{.padding = 2}> conv;
  BatchNorm2d<6, BatchNormOptions{.eps = 1e-3}> bn;
  ReLU relu;
};
struct Whole {
  std::array<Encoder, 2> encoders;
  Named<"the head", Sequential<Flatten, Linear<4, 3>, ReLU, Linear<3, 3>, Tied<"1">>> head;
  Constant<double, 2> scale;
  std::int64_t epoch;
};

int write_own(std::vector<std::string> const& words) {
  auto const whole = make_zeros<Whole>();
  whole->encoders[1].conv.weight.fill(0.5f);
  whole->scale.fill(2);
  whole->epoch = 7;
  save(words[0], *whole);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> const words(argv + 2, argv + argc);
  try {
    if (std::string(argv[1]) == "own") return write_own(words);
    return std::string(argv[1]) == "tie" ? write_ties(words) : write_header(words);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
