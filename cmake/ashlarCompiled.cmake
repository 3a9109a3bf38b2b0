# The code behind save and load, compiled once a project.  SPDX-License-Identifier: BSL-1.0
#
# A static library that is built, with the project's own compiler and flags, when something links ashlar::ashlar; without
# it each unit that includes io/file.hpp compiles all of that. A program that only infers takes nothing from it.
# Included by the source tree and by the installed package, which ships the library's one unit and no binary.
if(TARGET ashlar_io)
  return()
endif()
set(ashlar_io_unit ${CMAKE_CURRENT_LIST_DIR}/ashlar_io.cpp)  # as installed
if(NOT EXISTS ${ashlar_io_unit})
  set(ashlar_io_unit ${CMAKE_CURRENT_LIST_DIR}/../codegen/cmake/ashlar_io.cpp)
endif()
add_library(ashlar_io STATIC EXCLUDE_FROM_ALL ${ashlar_io_unit})
add_library(ashlar::compiled ALIAS ashlar_io)  # what this was called when ashlar::ashlar was headers alone
target_link_libraries(ashlar_io PUBLIC ashlar::headers)
target_compile_definitions(ashlar_io PUBLIC ASHLAR_IO_COMPILED)
set_target_properties(ashlar_io PROPERTIES POSITION_INDEPENDENT_CODE ON)
