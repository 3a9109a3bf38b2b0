# Tests of the command ashlar.  SPDX-License-Identifier: BSL-1.0
#
# Each tests/command/*.py whose name does not begin with _ is a test: it runs in a folder of its own, succeeds with exit
# status 0, says that it cannot run here with 77, and finds the command in ASHLAR_COMMAND and the sources in
# ASHLAR_SOURCE_DIR.
set(folder ${PROJECT_SOURCE_DIR}/tests/command)
file(GLOB scripts CONFIGURE_DEPENDS ${folder}/*.py)
list(FILTER scripts EXCLUDE REGEX "/_[^/]*$")
if(ASHLAR_SANITIZE)  # a process costs ten times as much: bad files and each path through the code are enough
  list(FILTER scripts INCLUDE REGEX "/(golden|hostile)\\.py$")
endif()
foreach(script IN LISTS scripts)
  cmake_path(GET script STEM name)
  set(run ${CMAKE_CURRENT_BINARY_DIR}/command/${name})
  file(MAKE_DIRECTORY ${run})
  add_test(NAME command/${name} COMMAND ${ASHLAR_PYTHON} ${script} WORKING_DIRECTORY ${run})
  set_tests_properties(command/${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS command ENVIRONMENT
    "ASHLAR_COMMAND=$<TARGET_FILE:ashlar_command>;ASHLAR_SOURCE_DIR=${PROJECT_SOURCE_DIR};ASHLAR_FLATC=${ASHLAR_FLATC};\
PYTHONPATH=${folder};PYTHONDONTWRITEBYTECODE=1")
endforeach()
