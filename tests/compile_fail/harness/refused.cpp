// The harness accepts a case that is refused just as it says, and finds the library.
// expect: width is four
// expect(clang): static assertion failed
// forbid: no such text
// errors: 1
#include <ashlar/version.hpp>

#ifdef ASHLAR_MUST_FAIL
inline constexpr int width = 5;
#else
inline constexpr int width = 4;
#endif

static_assert(width == 4, "width is four");

int main() {}
