// A layer without a bias has none to ask for.
// expect(g++): struct ashlar::ReLU' has no member named 'bias'
// expect(clang): no member named 'bias' in 'ashlar::ReLU'
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/sequential.hpp>

using namespace ashlar::literals;

#ifdef ASHLAR_MUST_FAIL
inline constexpr auto layer = 1_c;
#else
inline constexpr auto layer = 2_c;
#endif

ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 1>> net;

int main() { return net[layer].bias(0) == 1; }
