# Tests that speak to other languages.  SPDX-License-Identifier: BSL-1.0
#
# Each tests/interop/*.cpp becomes a program. Each tests/interop/*.py whose name does not begin with _ is a test: it runs
# in a folder of its own, succeeds with exit status 0, says that it cannot run here with 77, and finds what it needs in
# the environment: ASHLAR_BIN_DIR (the programs above), ASHLAR_SOURCE_DIR, ASHLAR_FLATC, ASHLAR_CXX, ASHLAR_CXXFLAGS.
set(folder ${PROJECT_SOURCE_DIR}/tests/interop)
set(bin ${CMAKE_CURRENT_BINARY_DIR}/interop)
file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  add_executable(interop_${name} ${source})
  target_link_libraries(interop_${name} PRIVATE ashlar::development ashlar::ashlar)
  set_target_properties(interop_${name} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${bin})
endforeach()
target_link_libraries(interop_generate PRIVATE ashlar_generate)
ashlar_torch_module(TARGET interop_torch_mlp TYPE MLP HEADER ${folder}/_torch_models.hpp OUTPUT ${bin}/mlp.py)

file(GLOB scripts CONFIGURE_DEPENDS ${folder}/*.py)
list(FILTER scripts EXCLUDE REGEX "/(_[^/]*|conftest\\.py)$")
foreach(script IN LISTS scripts)
  cmake_path(GET script STEM name)
  file(MAKE_DIRECTORY ${bin}/run/${name})
  add_test(NAME interop/${name} COMMAND ${ASHLAR_PYTHON} ${script} WORKING_DIRECTORY ${bin}/run/${name})
  set_tests_properties(interop/${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS interop ENVIRONMENT
    "ASHLAR_BIN_DIR=${bin};ASHLAR_SOURCE_DIR=${PROJECT_SOURCE_DIR};ASHLAR_FLATC=${ASHLAR_FLATC};\
ASHLAR_CXX=${CMAKE_CXX_COMPILER};ASHLAR_CXXFLAGS=-std=c++20 $<JOIN:${ASHLAR_INCLUDE_FLAGS}, >;\
PYTHONPATH=${folder};PYTHONDONTWRITEBYTECODE=1")
endforeach()
