// The harness must notice that this compiles although it is declared failing.
// expect: this is never said
int main() {}
