// The build must refuse this case: it does not say what it expects.
int main() {}
