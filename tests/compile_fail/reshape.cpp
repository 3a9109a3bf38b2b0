// A reshape that loses elements is refused.
// expect: ashlar: reshape got 450 elements but the new extents have 400
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/reshape.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t columns = 40;
#else
inline constexpr std::size_t columns = 45;
#endif

ashlar::Parameter<float, 10, 5, 3, 3> weight;

int main() { return ashlar::reshape<10, columns>(weight)(0, 0) == 1; }
