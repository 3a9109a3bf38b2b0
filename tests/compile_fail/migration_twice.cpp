// Two rules for one member are refused.
// expect: ashlar: the migration of Norm has two rules for batches
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/layout.hpp>

using namespace ashlar;

struct V1 {
  Parameter<float, 4> gamma;
  Buffer<float, 4> mean;
};
#ifdef ASHLAR_MUST_FAIL
using Rules = Migration<V1, Renamed<"gamma", "weight">, Filled<"batches", 0>, Filled<"batches", 1>>;
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
