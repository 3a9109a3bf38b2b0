// An index past the layers of a Sequential is refused.
// expect: ashlar: a Sequential of 3 layers has no layer 3
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/sequential.hpp>

using namespace ashlar::literals;

#ifdef ASHLAR_MUST_FAIL
inline constexpr auto layer_index = 3_c;
#else
inline constexpr auto layer_index = 2_c;
#endif

ashlar::Sequential<ashlar::Linear<4, 8>, ashlar::ReLU, ashlar::Linear<8, 1>> net;

int main() { return net[layer_index].bias(0) == 1; }
