// Promise 3: verification cannot be compiled out.  SPDX-License-Identifier: BSL-1.0
// Compiled with -O2 -DNDEBUG whatever the build is (tests/CMakeLists.txt): every truncation and every flipped bit of a
// small file is found.
#ifndef NDEBUG
#error this program shows what is left of the checks with NDEBUG
#endif
#include "io/damage.hpp"

#include <cstdio>

namespace {

bool report(char const* what, ashlar::test::Unnoticed const& u, std::size_t expected) {
  std::printf("%s: %zu tried, %zu unnoticed", what, u.tried, u.count);
  if (u.count != 0) std::printf(", the first at byte %zu", u.first);
  std::printf("\n");
  return u.count == 0 && u.tried == expected;
}

}  // namespace

int main() {
  using namespace ashlar::test;
  Aligned file(ashlar::to_bytes(*make_small()));
  std::size_t const n = file.bytes().size();
  auto target = make_small(0, 500);
  bool const sound = ashlar::verify_bytes(file.bytes()).ok() && ashlar::try_from_bytes(file.bytes(), *target) &&
                     same_elements(*target, *make_small());
  std::printf("the file itself: %s\n", sound ? "sound" : "refused");
  bool const cuts = report("truncations", truncations(file.bytes()), n);
  bool const bits = report("flipped bits", flips(file.bytes()), n * 8);
  return sound && cuts && bits ? 0 : 1;
}
