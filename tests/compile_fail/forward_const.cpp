// A forward does not change its layer.
// expect(g++): increment of read-only location '((const Counted*)this)->Counted::batches'
// expect(clang): cannot assign to non-static data member within const member function 'operator()'
// errors(g++): 2
// errors(clang): 1
#include <ashlar/nn/chain.hpp>

struct Counted {
  long batches = 0;
#ifdef ASHLAR_MUST_FAIL
  auto operator()(auto const& x) const {
    ++batches;
    return x;
  }
#else
  auto operator()(auto const& x) const { return x; }
#endif
};

auto use(Counted const& layer, ashlar::Tensor<float, 2> const& x) { return ashlar::forward(layer, x); }

int main() {}
