// Ashlar: the version of the library.  SPDX-License-Identifier: BSL-1.0
// CMakeLists.txt reads the three numbers from here.
#pragma once

#include <string_view>

#define ASHLAR_VERSION_MAJOR 0
#define ASHLAR_VERSION_MINOR 1
#define ASHLAR_VERSION_PATCH 0

namespace ashlar {

/// The version as a file's header states it.
inline constexpr std::string_view version = "0.1.0";

}  // namespace ashlar
