// A MultiheadAttention takes three values, so that no chain runs it: the sentence says what to write instead.
// expect: ashlar: Net.attention takes a query, a key and a value, so its struct needs an operator() with
// expect: attention(x, x, x)
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>
#include <ashlar/nn/multihead_attention.hpp>

struct Net {
  ashlar::MultiheadAttention<8, 2> attention;
  ashlar::Linear<8, 1> head;
#ifndef ASHLAR_MUST_FAIL
  auto operator()(auto const& x) const { return head(attention(x, x, x)); }
#endif
};

int main() { auto net = ashlar::make<Net>(ashlar::Rng{1}); }
