// A type without linkage in a program compiled with -O0 (tests/CMakeLists.txt): nothing that reflection only names is
// asked of the linker.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/reflect/manifest.hpp>

namespace {

struct Inner {
  ashlar::Parameter<float, 3> weight;
};
struct Net {
  Inner first;
  Inner second;
};

}  // namespace

int main() {
  struct Local {
    Net net;
  };
  auto const& rows = ashlar::manifest<Local>();
  return rows.size() == 2 && rows[1].key == "net.second.weight" ? 0 : 1;
}
