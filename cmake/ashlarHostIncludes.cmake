# Run by CTest: cmake -Dcompiler=... -Dflags=... -Dsource=... -P this. Fails if what the source includes has a header of
# CUDA or of the library's CUDA part, by the compiler's own list.  SPDX-License-Identifier: BSL-1.0
execute_process(COMMAND ${compiler} -std=c++20 ${flags} -M ${source}
  OUTPUT_VARIABLE headers ERROR_VARIABLE errors RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT headers MATCHES "ashlar/ashlar\\.hpp")
  message(FATAL_ERROR "${compiler} -M gives no list of headers: ${errors}")
endif()
string(REGEX MATCHALL "[^ \\\n]*(\\.cuh|ashlar/cuda|ashlar/kernels/device|cuda_runtime)[^ \\\n]*" reached "${headers}")
if(reached)
  list(JOIN reached "\n  " reached)
  message(FATAL_ERROR "<ashlar/ashlar.hpp> reaches\n  ${reached}")
endif()
