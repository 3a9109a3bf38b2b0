// What make() gives is a handle; files and optimizers take the network.
// expect: ashlar: Owned<Net> holds a network and is none: write *net for the network itself
// errors: 1
#include <ashlar/core/owned.hpp>
#include <ashlar/io/file.hpp>
#include <ashlar/nn/linear.hpp>

struct Net {
  ashlar::Linear<4, 8> layer;
};

void write(ashlar::Owned<Net> const& net) {
#ifdef ASHLAR_MUST_FAIL
  ashlar::save("net.ashlar", net);
#else
  ashlar::save("net.ashlar", *net);
#endif
}

int main() {}
