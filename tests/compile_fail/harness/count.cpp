// The harness must notice a second error.
// expect: the cause
// errors: 1
#ifdef ASHLAR_MUST_FAIL
static_assert(sizeof(char) == 2, "the cause");
static_assert(sizeof(char) == 3, "a consequence");
#endif

int main() {}
