// A Named layer is named by its key.
// expect: ashlar: Net.block 1 takes 128 features but Net.block 0 gives 256
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr std::size_t width = 128;
#else
inline constexpr std::size_t width = 256;
#endif

struct Net {
  ashlar::Named<"block 0", ashlar::Linear<20, 256>> block0;
  ashlar::Named<"block 1", ashlar::Linear<width, 10>> block1;
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
