// The harness must notice that the expected sentence comes only with the second error.
// expect: the cause
// errors: 2
#ifdef ASHLAR_MUST_FAIL
static_assert(sizeof(char) == 2, "a consequence");
static_assert(sizeof(char) == 3, "the cause");
#endif

int main() {}
