# The target ashlar::threads, for programs that include ashlar/threads.hpp.  SPDX-License-Identifier: BSL-1.0
#
# There is one where oneTBB is found; nothing else needs that. Included by the source tree and by the installed package.
if(NOT TARGET TBB::tbb)
  find_package(TBB QUIET GLOBAL)
endif()
if(TARGET TBB::tbb AND NOT TARGET ashlar::threads)
  add_library(ashlar_threads INTERFACE)
  add_library(ashlar::threads ALIAS ashlar_threads)
  target_link_libraries(ashlar_threads INTERFACE ashlar::ashlar TBB::tbb)
endif()
