// A function for all layers of a type that the network does not have is a mistake.
// expect: ashlar: for_each_layer got a function that takes no layer of MLP
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/dropout.hpp>
#include <ashlar/nn/for_each_layer.hpp>
#include <ashlar/nn/linear.hpp>

#ifdef ASHLAR_MUST_FAIL
using Layer = ashlar::Dropout;
#else
using Layer = ashlar::ReLU;
#endif

struct MLP {
  ashlar::Linear<20, 256> hidden;
  ashlar::ReLU relu;
};
MLP net;

int main() {
  ashlar::for_each_layer(net, [](Layer&) {});
}
