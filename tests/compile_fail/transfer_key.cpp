// A transfer of a key that does not exist is refused.
// expect: ashlar: Classifier has nothing with the key bakbone to transfer
// forbid: boost::pfr
// errors: 1
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/transfer.hpp>

#ifdef ASHLAR_MUST_FAIL
struct Other {
  ashlar::Linear<20, 256> in;
  ashlar::Linear<256, 64> out;
};
#define KEY "bakbone"
#else
struct Other {
  ashlar::Linear<20, 256> in;
  ashlar::Linear<256, 64> out;
};
#define KEY "backbone"
#endif

struct Backbone {
  ashlar::Linear<20, 256> in;
  ashlar::Linear<256, 64> out;
};
struct Classifier {
  Backbone backbone;
  ashlar::Linear<64, 10> head;
};
struct Detector {
  Other backbone;
};
Classifier from;
Detector to;

int main() { ashlar::transfer<KEY>(from, to); }
