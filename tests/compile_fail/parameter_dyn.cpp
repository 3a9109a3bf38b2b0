// A Parameter lies inside its struct, so its size is known.
// expect: ashlar: a Parameter lies inside its struct, so its extents are static
// forbid: boost::pfr
// errors: 1
#include <ashlar/core/parameter.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t rows = ashlar::dyn;
#else
inline constexpr std::size_t rows = 3;
#endif

ashlar::Parameter<float, rows> p;

int main() {}
