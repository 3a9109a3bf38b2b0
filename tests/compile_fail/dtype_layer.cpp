// A layer that is called in a forward with other elements than its own is refused.
// expect: ashlar: Conv2d takes f64 but the input is f32: nothing is converted silently
// errors: 1
#include <ashlar/nn/conv.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Element = double;
#else
using Element = float;
#endif

struct Net {
  ashlar::Conv2d<1, 2, 3, ashlar::ConvOptions{}, Element> conv;
  auto operator()(auto const& x) const { return conv(x); }
};

int main() { return ashlar::make<Net>(ashlar::Rng{1})(ashlar::Tensor<float, 1, 1, 4, 4>{}).numel() == 0; }
