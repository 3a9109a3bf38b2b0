// The same unit in a program that links ashlar::ashlar.  SPDX-License-Identifier: BSL-1.0
#define ASHLAR_IO_COMPILED
#include "mlp_save_load.cpp"
