// A member that is kept, but in another shape, is refused.
// expect: ashlar: Norm.mean is f32 (4) but f32 (8) in version 1: add Computed or Filled to its migration
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/layout.hpp>

using namespace ashlar;

#ifdef ASHLAR_MUST_FAIL
inline constexpr int features = 8;
#else
inline constexpr int features = 4;
#endif
struct V1 {
  Parameter<float, 4> gamma;
  Buffer<float, features> mean;
};
using Rules = Migration<V1, Renamed<"gamma", "weight">, Filled<"batches", 0>>;
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
