// Ashlar command: completion scripts and the manual page, from the command line's own description.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

#include <string>

namespace ashlar::command {

/// `shell`: bash, zsh, fish; man gives the manual page, in roff.
std::string completion_script(CLI::App const& app, std::string const& shell);

/// Leaves out of --help what CLI11 adds to names of options: types, and which options exclude each other.
void shorten_help(CLI::App& app);

}  // namespace ashlar::command
