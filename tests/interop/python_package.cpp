// Writes cpp.ashlar, or with an argument reads what Python wrote: for python_package.py.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/file.hpp>
#include <ashlar/reflect/structure.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

using namespace ashlar;

namespace {

template <std::size_t In, std::size_t Out>
struct Dense {
  Parameter<float, Out, In> weight;
  Parameter<float, Out> bias;
};
struct Model {
  std::uint64_t step;
  double rate;
  bool ready;
  std::array<std::int32_t, 2> pair;
  Dense<4, 3> first;
  std::array<Dense<3, 3>, 2> layers;
  Named<"block 0", Dense<3, 5>> block;
  Buffer<std::int64_t> count;
  Constant<bool, 3> mask;
  Parameter<bfloat16, 300> small;
  Parameter<double, 0, 4> empty;
  Tied<"first"> again;
};

/// Each element is its position in the order of all; bools alternate.
void fill(Model& m) {
  float next = 0;
  auto const count = [&](auto& t) {
    for (auto& x : t) x = static_cast<std::remove_reference_t<decltype(x)>>(next++);
  };
  auto const dense = [&](auto& d) {
    count(d.weight);
    count(d.bias);
  };
  m.step = 1ull << 60;
  m.rate = 0.1;
  m.ready = true;
  m.pair = {-1, 2};
  dense(m.first);
  for (auto& l : m.layers) dense(l);
  dense(m.block);
  m.count() = -7;
  m.mask(1) = true;
  for (auto& x : m.small) x = bfloat16(next++);
}

}  // namespace

int main(int argc, char** argv) {
  auto const model = std::make_unique<Model>();
  fill(*model);
  if (argc < 2) {
    save("cpp.ashlar", *model, {.metadata = {{"who", "C++"}}});
    return 0;
  }
  Report const report = verify<Model>(argv[1]);
  if (!report) {
    std::puts(report.error().what());
    return 1;
  }
  auto const read = load<Model>(argv[1]);
  for (Row const& row : manifest<Model>()) {
    auto const at = [&](Model const& m) { return reinterpret_cast<std::byte const*>(&m) + row.offset; };
    if (row.bytes != 0 && std::memcmp(at(*model), at(*read), row.bytes) != 0) {
      std::printf("%s differs\n", std::string(row.key).c_str());
      return 1;
    }
  }
  return 0;
}
