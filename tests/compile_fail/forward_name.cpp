// A forward with the name it has in PyTorch would never be called. A layer may be called so.
// expect: ashlar: Block has a forward, which nothing calls: name it operator()
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Block {
  ashlar::Linear<4, 8> forward_layer;
  ashlar::Linear<8, 4> backward;
#ifdef ASHLAR_MUST_FAIL
  auto forward(auto const& x) const { return backward(relu(forward_layer(x))); }
#else
  auto operator()(auto const& x) const { return backward(relu(forward_layer(x))); }
#endif
};
struct Both {  // what reads a sequence from both ends
  ashlar::Linear<4, 4> forward;
};
struct Net {
  Block block;
  Both both;
  ashlar::ReLU relu;
};

int main() { return ashlar::make<Net>(ashlar::Rng{1})(ashlar::Tensor<float, 3, 4>{}).numel() == 0; }
