// An older standard gives one sentence, and the compiler stops.
// expect: ashlar: this is a C++20 library: compile with -std=c++20 or later
// errors: 2
#ifdef ASHLAR_MUST_FAIL
#undef __cplusplus
#define __cplusplus 201703L
#endif
#include <ashlar/nn.hpp>

int main() {}
