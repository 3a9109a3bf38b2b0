// Example: a file says which struct would load it.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/ashlar.hpp>
#include <ashlar/io/describe.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

template <std::size_t In, std::size_t Units>
struct MyLinear {  // a layer of one's own: a file knows what it stores, not what it computes
  ashlar::Parameter<float, In, Units> weight;
  ashlar::Parameter<float, Units> bias;
  auto operator()(auto const& x) const { return relu(matmul(x, weight) + bias); }
};
struct Net {
  ashlar::Linear<20, 64> input;
  ashlar::Named<"block 0", ashlar::Sequential<ashlar::ReLU, ashlar::Dropout, ashlar::Linear<64, 32>>> block0;
  std::array<MyLinear<32, 32>, 2> layers;
  ashlar::Constant<float, 3> scale;
  auto operator()(auto const& x) const { return layers[1](layers[0](block0(input(x)))); }
};
struct Checkpoint {
  Net model;
  ashlar::SGD<Net> optimizer;
  std::uint64_t epoch;
};

int main() {
  auto checkpoint = ashlar::make<Checkpoint>(ashlar::Rng{0});
  checkpoint->epoch = 3;
  ashlar::save("training.ashlar", *checkpoint);

  //! [describe]
  std::string const header = ashlar::describe("training.ashlar");
  //! [describe]
  std::cout << header;

  // The text is a header: a program with it, compiled here, loads and maps the file.
  std::ofstream("described.hpp") << header;
  std::ofstream("program.cpp") << "#include \"described.hpp\"\n"
                                  "int main() {\n"
                                  "  auto const loaded = ashlar::load<described::Checkpoint>(\"training.ashlar\");\n"
                                  "  auto const mapped = ashlar::map<described::Checkpoint>(\"training.ashlar\");\n"
                                  "  return loaded->epoch == 3 && mapped->epoch == 3 ? 0 : 1;\n"
                                  "}\n";
  std::string const compile = std::string(ASHLAR_EXAMPLE_CXX) + " -std=c++20 -O0 " + ASHLAR_EXAMPLE_CXXFLAGS +
                              " program.cpp -o program && ./program";
  return std::system(compile.c_str()) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
