# What tests, examples, benchmarks and fuzz targets share.  SPDX-License-Identifier: BSL-1.0

# ashlar::development: the headers of the library, the warnings we keep our own code free of, and the sanitizers asked for.
add_library(ashlar_development INTERFACE)
add_library(ashlar::development ALIAS ashlar_development)
target_link_libraries(ashlar_development INTERFACE ashlar::headers)
target_compile_options(ashlar_development INTERFACE -Wall -Wextra -Wpedantic -Wshadow)
# clang 19 takes 66 s for tests/kernels/linear_test.cpp with address,undefined at -O1 and 14 s at -O0, so the preset has -O0.
if(ASHLAR_SANITIZE)
  target_compile_options(ashlar_development INTERFACE
    -fsanitize=${ASHLAR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ashlar_development INTERFACE -fsanitize=${ASHLAR_SANITIZE})
endif()
find_package(Threads REQUIRED)
target_link_libraries(ashlar_development INTERFACE Threads::Threads)

# ASHLAR_PYTHON, and ASHLAR_FLATC: the tools that the tests and examples which cross languages run.
if(NOT ASHLAR_PYTHON)
  foreach(prefix IN LISTS CMAKE_PREFIX_PATH)
    if(EXISTS ${prefix}/bin/python3)
      set(ASHLAR_PYTHON ${prefix}/bin/python3)
      break()
    endif()
  endforeach()
endif()
if(NOT ASHLAR_PYTHON)
  find_package(Python3 COMPONENTS Interpreter REQUIRED)
  set(ASHLAR_PYTHON ${Python3_EXECUTABLE})
endif()
set(ASHLAR_PYTHON ${ASHLAR_PYTHON} CACHE FILEPATH "Python 3 with flatbuffers and numpy")
find_program(ASHLAR_FLATC flatc DOC "The FlatBuffers compiler, ${ASHLAR_FLATBUFFERS_VERSION}")

# ASHLAR_INCLUDE_FLAGS: the -I flags of ashlar::headers as a list, for tests and examples that call the compiler
# themselves. They are read through a target that links it, because only then are the folders of all that it needs
# included. /usr/include is left out: named on the command line, it would come before the compiler's own folders.
add_library(ashlar_flags OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/empty.cpp)
target_link_libraries(ashlar_flags PRIVATE ashlar::headers)
set(ASHLAR_INCLUDE_FLAGS "$<TARGET_PROPERTY:ashlar_flags,INCLUDE_DIRECTORIES>")
set(ASHLAR_INCLUDE_FLAGS "$<FILTER:$<REMOVE_DUPLICATES:${ASHLAR_INCLUDE_FLAGS}>,EXCLUDE,(^/usr/include$)>")
set(ASHLAR_INCLUDE_FLAGS "-I$<JOIN:${ASHLAR_INCLUDE_FLAGS},;-I>")
