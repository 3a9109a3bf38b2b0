// Weights linked into a program: read-only, aligned, and those of the file.  SPDX-License-Identifier: BSL-1.0
//   embedded           runs the network: no file is opened
//   embedded FILE      compares with the file
#include "net_of_file.hpp"

#include <ashlar/io/file.hpp>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

namespace consumer {
ashlar::Tensor<float, 3> run_embedded(ashlar::Tensor<float, 4> const& x);  // weights.cpp
}

/// The permissions of the memory at an address, as Linux lists them: "r--p".
static std::string permissions(void const* at) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    char* rest = nullptr;
    std::uintptr_t const begin = std::strtoull(line.c_str(), &rest, 16);
    std::uintptr_t const end = std::strtoull(rest + 1, &rest, 16);
    auto const address = reinterpret_cast<std::uintptr_t>(at);
    if (begin <= address && address < end) return std::string(rest + 1, 4);
  }
  return "none";
}

int main(int argc, char** argv) {
  auto const& net = consumer::embedded::net_of_file;
  ashlar::Tensor<float, 4> x;
  x.fill(0.5F);
  auto const y = consumer::run_embedded(x);
  bool good =
      y.span()[0] != y.span()[1] && permissions(&net)[1] == '-' && reinterpret_cast<std::uintptr_t>(&net) % 64 == 0;
  std::cout << "memory " << permissions(&net) << ", alignment " << reinterpret_cast<std::uintptr_t>(&net) % 64 << '\n';
  if (argc == 2) {
    auto const mapped = ashlar::map<consumer::Net>(argv[1]);
    good = good && std::memcmp(&*mapped, &net, sizeof net) == 0;
    good = good && std::memcmp(mapped(x).data(), y.data(), 3 * sizeof(float)) == 0;
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
