// An op without a way back runs, but nothing is trained through it.
// expect: ashlar: the op Twice has no pullback to train through
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/reduce.hpp>

struct Twice {
  template <class T, std::size_t... E>
  auto output(ashlar::View<T const, E...> x) const {
    return ashlar::Like<T, E...>{x.dims()};
  }
  void forward(auto y, auto x) const {
    for (std::size_t i = 0; i < x.numel(); ++i) y.data()[i] = 2 * x.data()[i];
  }
#ifndef ASHLAR_MUST_FAIL
  void pullback(auto dy, auto, auto const& x) const {
    for (std::size_t i = 0; x.grad != nullptr && i < x.numel(); ++i) x.grad[i] += 2 * dy.data()[i];
  }
#endif
};

struct Net {
  ashlar::Linear<2, 2> layer;
  auto operator()(auto const& x) const { return sum(ashlar::apply(Twice{}, layer(x))); }
};

void train(ashlar::Tape<Net>& tape, ashlar::Tensor<float, 1, 2> const& x) { tape.backward(tape(x)); }

int main() {}
