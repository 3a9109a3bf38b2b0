// Whole files, for golden data.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace ashlar::test {

/// The bytes of a file.
inline std::string read_file(std::string const& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::string out;
  char buffer[1 << 14];
  while (std::size_t const n = std::fread(buffer, 1, sizeof buffer, file.get())) out.append(buffer, n);
  return out;
}

}  // namespace ashlar::test
