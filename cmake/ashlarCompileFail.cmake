# Tests of programs that must not compile.  SPDX-License-Identifier: BSL-1.0
set(ASHLAR_COMPILE_FAIL_CHECK ${CMAKE_CURRENT_LIST_DIR}/../tests/compile_fail/check.py)

# ashlar_require_expectation(<source>): a case that does not say what it expects would accept any error.
function(ashlar_require_expectation source)
  file(STRINGS ${source} expectations REGEX "^// expect(\\([^)]*\\))?: .")
  if(NOT expectations)
    message(FATAL_ERROR "${source} has no expect line")
  endif()
endfunction()

# ashlar_add_compile_fail_test(<source>)
#
# Adds two tests from one source, compiled by the compiler of this build: compile_fail/<name>.compiles, and with
# -DASHLAR_MUST_FAIL compile_fail/<name>.refused, which passes only if the compiler fails and says what the source's
# comments state. Those are explained in tests/compile_fail/check.py.
#
#   ashlar_add_compile_fail_test(linear_edge.cpp)
#
# Error: FATAL_ERROR if the source has no `expect:` line.
function(ashlar_add_compile_fail_test source)
  cmake_path(ABSOLUTE_PATH source)
  ashlar_require_expectation(${source})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE name)
  cmake_path(REMOVE_EXTENSION name)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    set(compiler clang)
  else()
    set(compiler g++)
  endif()
  foreach(mode IN ITEMS compiles refused)
    add_test(NAME compile_fail/${name}.${mode}
      COMMAND ${ASHLAR_PYTHON} ${ASHLAR_COMPILE_FAIL_CHECK} ${mode} ${source} ${compiler}
        ${CMAKE_CXX_COMPILER} -std=c++20 "${ASHLAR_INCLUDE_FLAGS}"
      COMMAND_EXPAND_LISTS)
    set_tests_properties(compile_fail/${name}.${mode} PROPERTIES TIMEOUT 120 LABELS compile_fail)
  endforeach()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  ashlar_require_expectation(${source})
endif()
