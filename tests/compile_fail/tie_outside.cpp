// In a chain a tie to a layer outside of the struct cannot run.
// expect: ashlar: Inner.again names embed, which is not in Inner: write an operator() where both can be seen
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

#ifdef ASHLAR_MUST_FAIL
using Again = ashlar::Tied<"embed">;
#else
using Again = ashlar::Tied<"own">;
#endif

struct Inner {
  ashlar::Linear<4, 4> own;
  Again again;
};
struct Net {
  ashlar::Linear<4, 4> embed;
  Inner inner;
};

int main() {
  auto net = ashlar::make<Net>(ashlar::Rng{1});
  return net(ashlar::Tensor<float, 4>{}).numel() == 0;
}
