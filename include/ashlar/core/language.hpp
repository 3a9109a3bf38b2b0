// Ashlar: what the compiler must be told, in a sentence, before it meets the rest.  SPDX-License-Identifier: BSL-1.0
#pragma once

// Neither compiler stops at #error, and g++ -std=c++17 finds 2,228 more: the include behind it names no file.
#if __cplusplus < 202002L
#error "ashlar: this is a C++20 library: compile with -std=c++20 or later"
#include <ashlar/core/needs_cpp20.hpp>
#elif !defined(__cpp_exceptions)
#error "ashlar: errors at run time are exceptions: compile without -fno-exceptions"
#include <ashlar/core/needs_exceptions.hpp>
#endif
