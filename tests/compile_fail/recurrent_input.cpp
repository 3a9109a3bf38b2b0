// A recurrent layer that is called by hand refuses an input of other features.
// expect: ashlar: GRU takes 3 features but the input has 4
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/recurrent.hpp>

#ifdef ASHLAR_MUST_FAIL
using Input = ashlar::Tensor<float, 5, 2, 4>;
#else
using Input = ashlar::Tensor<float, 5, 2, 3>;
#endif

int main() {
  auto const [y, h] = ashlar::GRU<3, 6>{}(Input{});
  return y.numel() == 0;
}
