// A struct that holds a handle of a network names it, also where no such struct can be made.
// expect: ashlar: Checkpoint.model is a Owned<Net>, which a network cannot hold: hold the network itself
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/make.hpp>

struct Net {
  ashlar::Linear<4, 8> layer;
};
#ifdef ASHLAR_MUST_FAIL
using Model = ashlar::Owned<Net>;
#else
using Model = Net;
#endif
struct Checkpoint {
  Model model;
  double loss;
};

int main() { auto checkpoint = ashlar::make<Checkpoint>(); }
