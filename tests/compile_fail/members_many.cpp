// A struct of more members than can be looked at is refused in a sentence.
// expect: ashlar: Net has more than 200 members: put some of them into a struct of their own
// forbid: boost::pfr
// errors: 1
#include <ashlar/reflect/manifest.hpp>

#define ASHLAR_TEN(n) float n##0, n##1, n##2, n##3, n##4, n##5, n##6, n##7, n##8, n##9;
#define ASHLAR_FIFTY(n) ASHLAR_TEN(n##a) ASHLAR_TEN(n##b) ASHLAR_TEN(n##c) ASHLAR_TEN(n##d) ASHLAR_TEN(n##e)

struct Net {
  ASHLAR_FIFTY(a)
  ASHLAR_FIFTY(b)
  ASHLAR_FIFTY(c)
  ASHLAR_FIFTY(d)
#ifdef ASHLAR_MUST_FAIL
  float last;
#endif
};

int main() { return ashlar::manifest<Net>().size() != 200; }
