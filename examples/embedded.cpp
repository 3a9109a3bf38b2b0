// Example: weights linked into the program. examples/CMakeLists.txt has the line that does it:
//   ashlar_embed(TARGET embedded FILE data/digits_mlp.safetensors HEADER embedded/model.hpp TYPE Recogniser AS
//   recogniser)
// The build checks the file, here one that PyTorch trained, against the type. SPDX-License-Identifier: BSL-1.0
#include "recogniser.hpp"  // extern const Recogniser recogniser, in read-only memory

#include "digits/data.hpp"

#include <cstdlib>
#include <iostream>

int main() {
  digits::Digits const test = digits::read_digits(ASHLAR_EXAMPLE_SOURCE_DIR "/examples/data").test;
  auto const logits = ashlar::forward(recogniser, test.images);  // (rows, 10); nothing was loaded
  std::size_t right = 0;
  for (std::size_t row = 0; row < test.rows(); ++row) {
    std::int64_t best = 0;
    for (std::int64_t digit = 1; digit < 10; ++digit) {
      auto const at = [&](std::int64_t d) { return logits(row, static_cast<std::size_t>(d)); };
      if (at(digit) > at(best)) best = digit;
    }
    right += best == test.labels(row);
  }
  std::cout << right << " of " << test.rows() << " digits read right, as when PyTorch trained the network\n";
  return right == 342 ? EXIT_SUCCESS : EXIT_FAILURE;
}
