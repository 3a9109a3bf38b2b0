// The name by which Catch2 2 is included, for Catch2 3.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch_all.hpp>

using Catch::Approx;
