// A member that no rule of a migration covers is refused.
// expect: ashlar: Norm.batches is not in version 1 and its migration has no rule for it: add Filled, Renamed or Computed
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/layout.hpp>

using namespace ashlar;

struct V1 {
  Parameter<float, 4> gamma;
  Buffer<float, 4> mean;
};
#ifdef ASHLAR_MUST_FAIL
using Rules = Migration<V1, Renamed<"gamma", "weight">>;
#else
using Rules = Migration<V1, Renamed<"gamma", "weight">, Filled<"batches", 0>>;
#endif
struct Norm {
  static constexpr int version = 2;
  Parameter<float, 4> weight;
  Buffer<float, 4> mean;
  Buffer<long> batches;
  using migration = Rules;
};
struct Net {
  Norm norm;
};

int main() { return layout_of<Net>().bytes == 0; }
