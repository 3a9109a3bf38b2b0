// What a compiler costs before it meets the library.  SPDX-License-Identifier: BSL-1.0
#include <vector>

int main() { return static_cast<int>(std::vector<float>(3).size()) - 3; }
