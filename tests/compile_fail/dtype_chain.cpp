// A member of other elements than the chain gives it is refused by name, and those behind it are not.
// expect: ashlar: Net.middle takes f64 but Net.relu gives f32: nothing is converted silently
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Element = double;
#else
using Element = float;
#endif

struct Net {
  ashlar::Linear<4, 8> input;
  ashlar::ReLU relu;
  ashlar::Linear<8, 8, Element> middle;
  ashlar::Tanh tanh;
  ashlar::Linear<8, 2> output;
};

int main() { return ashlar::make<Net>(ashlar::Rng{1})(ashlar::Tensor<float, 3, 4>{}).numel() == 0; }
