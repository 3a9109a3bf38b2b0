// The same unit in a program that links ashlar::compiled.  SPDX-License-Identifier: BSL-1.0
#define ASHLAR_IO_COMPILED
#include "mlp_save_load.cpp"
