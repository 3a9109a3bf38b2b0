// A loss whose type says that it is no number is refused; one of a dyn shape throws.
// expect: ashlar: backward() needs a loss of one element but the shape is (3, 8): take its sum or mean
// errors: 1
#include <ashlar/grad/tape.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/reduce.hpp>

struct Net {
  ashlar::Linear<4, 8> layer;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  auto grads = ashlar::zeros_like(net);
  ashlar::Tape tape(*net, *grads);
  auto const y = tape(ashlar::Tensor<float, 3, 4>{});
#ifdef ASHLAR_MUST_FAIL
  tape.backward(y);
#else
  tape.backward(sum(y));
#endif
}
