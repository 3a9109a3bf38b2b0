// Example: the handwritten digits of examples/data, read and drawn.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <ashlar/core/tensor.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace digits {

/// 8x8 images, a row each, pixels from 0 to 1; and the digit each shows.
struct Digits {
  ashlar::Tensor<float, ashlar::dyn, 64> images;        // (rows, 64)
  ashlar::Tensor<std::int64_t, ashlar::dyn> labels;     // (rows)
  [[nodiscard]] std::size_t rows() const { return labels.numel(); }
};

struct Split {
  Digits train, test;
};

/// Reads FOLDER/digits.csv; the rows listed in FOLDER/digits_test_rows.txt are held out.
inline Split read_digits(std::string const& folder) {
  std::ifstream csv(folder + "/digits.csv");
  std::ifstream held_out(folder + "/digits_test_rows.txt");
  if (!csv || !held_out) throw std::runtime_error("cannot read the digits in " + folder);
  std::set<std::size_t> test_rows;
  for (std::size_t row = 0; held_out >> row;) test_rows.insert(row);

  std::vector<float> pixels[2];
  std::vector<std::int64_t> labels[2];
  std::string line;
  for (std::size_t row = 0; std::getline(csv, line); ++row) {
    std::size_t const part = test_rows.count(row);
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 64 && std::getline(fields, field, ','); ++i) {
      pixels[part].push_back(std::strtof(field.c_str(), nullptr) / 16);
    }
    std::getline(fields, field, ',');
    labels[part].push_back(std::strtol(field.c_str(), nullptr, 10));
  }
  auto const digits_of = [&](std::size_t part) {
    Digits d{ashlar::Tensor<float, ashlar::dyn, 64>(labels[part].size()),
             ashlar::Tensor<std::int64_t, ashlar::dyn>(labels[part].size())};
    d.images.assign(pixels[part]);
    d.labels.assign(labels[part]);
    return d;
  };
  return {digits_of(0), digits_of(1)};
}

/// The rows order[first..last) of d.
inline Digits batch_of(Digits const& d, std::vector<std::size_t> const& order, std::size_t first, std::size_t last) {
  Digits b{ashlar::Tensor<float, ashlar::dyn, 64>(last - first),
           ashlar::Tensor<std::int64_t, ashlar::dyn>(last - first)};
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t i = 0; i < 64; ++i) b.images(r - first, i) = d.images(order[r], i);
    b.labels(r - first) = d.labels(order[r]);
  }
  return b;
}

/// Draws rows of d side by side, with what they show and what was predicted below.
inline void draw(Digits const& d, std::vector<std::size_t> const& rows,
                 ashlar::Tensor<std::int64_t, ashlar::dyn> const& predicted) {
  char const* const shades[] = {"  ", "\u2591\u2591", "\u2592\u2592", "\u2593\u2593", "\u2588\u2588"};
  for (std::size_t y = 0; y < 8; ++y) {
    std::cout << "  ";
    for (std::size_t const row : rows) {
      for (std::size_t x = 0; x < 8; ++x) {
        float const ink = d.images(row, y * 8 + x);
        std::cout << shades[ink >= 1 ? 4 : static_cast<int>(ink * 5)];
      }
      std::cout << "   ";
    }
    std::cout << '\n';
  }
  std::cout << "  ";
  for (std::size_t const row : rows) {
    bool const right = predicted(row) == d.labels(row);
    std::cout << "  is " << d.labels(row) << ", read " << predicted(row) << (right ? "       " : " (!)   ");
  }
  std::cout << "\n";
}

/// Rows: what the image shows; columns: what was predicted.
inline void print_confusion(Digits const& d, ashlar::Tensor<std::int64_t, ashlar::dyn> const& predicted) {
  int counts[10][10] = {};
  for (std::size_t r = 0; r < d.rows(); ++r) ++counts[d.labels(r)][predicted(r)];
  std::cout << "  is \\ read   0   1   2   3   4   5   6   7   8   9\n";
  for (int is = 0; is < 10; ++is) {
    std::cout << "  " << is << "        ";
    for (int read = 0; read < 10; ++read) {
      std::string const n = counts[is][read] == 0 ? "." : std::to_string(counts[is][read]);
      std::cout << std::string(4 - n.size(), ' ') << n;
    }
    std::cout << '\n';
  }
}

}  // namespace digits
