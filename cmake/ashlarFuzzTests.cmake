# Fuzz targets: each tests/fuzz/*.cpp defines LLVMFuzzerTestOneInput.  SPDX-License-Identifier: BSL-1.0
#
# CTest runs each for ASHLAR_FUZZ_SECONDS, from tests/fuzz/corpus/<name>/ and with tests/fuzz/<name>.dict where there are
# such. What it finds stays in the build folder: new inputs in corpus/, a crash in crash-*. A crash is mended, and its
# input joins the catalogue of bad files.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "ASHLAR_BUILD_FUZZERS needs clang: cmake --preset asan-ubsan")
endif()
set(folder ${PROJECT_SOURCE_DIR}/tests/fuzz)
add_custom_target(fuzzers)
file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  add_executable(fuzz_${name} ${source})
  target_link_libraries(fuzz_${name} PRIVATE ashlar::development)
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer -O1)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz_${name})
  set(run ${CMAKE_CURRENT_BINARY_DIR}/fuzz/${name})
  file(MAKE_DIRECTORY ${run}/corpus)
  set(more "")
  if(EXISTS ${folder}/${name}.dict)
    list(APPEND more -dict=${folder}/${name}.dict)
  endif()
  list(APPEND more ${run}/corpus)
  if(EXISTS ${folder}/corpus/${name})
    list(APPEND more ${folder}/corpus/${name})
  endif()
  math(EXPR timeout "${ASHLAR_FUZZ_SECONDS} + 120")
  add_test(NAME fuzz/${name} WORKING_DIRECTORY ${run} COMMAND fuzz_${name}
    -max_total_time=${ASHLAR_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -verbosity=0 ${more})
  set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT ${timeout} LABELS fuzz
    ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1")
endforeach()
