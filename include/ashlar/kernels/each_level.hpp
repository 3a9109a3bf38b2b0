// kernels/each_level.hpp: includes the file that ASHLAR_BODY names, once for each level of isa.hpp that the unit has.
// SPDX-License-Identifier: BSL-1.0
//
//   #define ASHLAR_BODY <ashlar/kernels/softmax/body.hpp>
//   #include <ashlar/kernels/each_level.hpp>
// Who includes it has included isa.hpp before; alone it does so itself.
#ifndef ASHLAR_BODY
#include <ashlar/kernels/isa.hpp>
#else

#if ASHLAR_HAS_0
#define ASHLAR_LEVEL 0
#include ASHLAR_BODY
#undef ASHLAR_LEVEL
#endif
#if ASHLAR_HAS_1
#define ASHLAR_LEVEL 1
#include ASHLAR_BODY
#undef ASHLAR_LEVEL
#endif
#if ASHLAR_HAS_2
#define ASHLAR_LEVEL 2
#include ASHLAR_BODY
#undef ASHLAR_LEVEL
#endif

#undef ASHLAR_BODY
#endif
