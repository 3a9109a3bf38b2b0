// The one translation unit per test build that holds Catch2's implementation.  SPDX-License-Identifier: BSL-1.0
// Takes Catch2 2 (Debian) or 3. A run that matches no test case succeeds: a file may hold static_asserts only.
#if __has_include(<catch2/catch_session.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

int main(int argc, char** argv) {
  Catch::Session session;
  int const usage = session.applyCommandLine(argc, argv);
  if (usage != 0) return usage;
#if __has_include(<catch2/catch_session.hpp>)
  session.configData().allowZeroTests = true;
#endif
  return session.run();
}
