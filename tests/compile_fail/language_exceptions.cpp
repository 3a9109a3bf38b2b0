// Without exceptions there is one sentence, and the compiler stops.
// expect: ashlar: errors at run time are exceptions: compile without -fno-exceptions
// errors: 2
#ifdef ASHLAR_MUST_FAIL
#undef __cpp_exceptions
#endif
#include <ashlar/nn.hpp>

int main() {}
