// The command ashlar.  SPDX-License-Identifier: BSL-1.0
#include "app.hpp"
#include "subcommands.hpp"
#include "terminal.hpp"

#include <ashlar/core/error.hpp>

#include <fmt/core.h>

#include <exception>
#include <new>
#include <string>

namespace {

using namespace ashlar::command;

int fail(std::string_view text) noexcept {
  try {
    write_error(fmt::format("{} {}\n", error_terminal().paint("ashlar:", Style::red), text));
  } catch (...) {
    write_error("ashlar: not enough memory\n");
  }
  return status_trouble;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_app(argc, argv);
  } catch (std::bad_alloc const&) {
    return fail("not enough memory");
  } catch (std::exception const& e) {  // an ashlar::Error: its headline, and a line for each problem
    return fail(e.what());
  }
}
