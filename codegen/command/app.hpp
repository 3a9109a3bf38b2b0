// Ashlar command: its command line.  SPDX-License-Identifier: BSL-1.0
#pragma once

namespace ashlar::command {

/// Reads the command line and runs what it asks for. Returns the exit status; throws what subcommands throw.
int run_app(int argc, char** argv);

}  // namespace ashlar::command
