// The harness must notice text that is forbidden.
// expect: the cause
// forbid: noise
#ifdef ASHLAR_MUST_FAIL
static_assert(sizeof(char) == 2, "the cause, with noise");
#endif

int main() {}
