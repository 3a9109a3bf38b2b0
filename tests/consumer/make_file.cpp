// Writes the file whose weights are linked in.  SPDX-License-Identifier: BSL-1.0
#include "net.hpp"

#include <ashlar/io/file.hpp>
#include <ashlar/nn/make.hpp>

int main(int, char** argv) { ashlar::save(argv[1], *ashlar::make<consumer::Net>(ashlar::Rng{3})); }
