# SPDX-License-Identifier: BSL-1.0
# ashlar_torch_module(TARGET <target> TYPE <C++ type> HEADER <header> [NAME <name>] [OUTPUT <file.py>]
#                     [INCLUDE_DIRECTORIES <dir>...] [LIBRARIES <target>...])
#
# Writes at build time the PyTorch module whose state_dict is that of a network: ashlar::torch_module<TYPE>().
#
# Builds a program that prints it for the type that HEADER defines, and makes a custom target <target> with the output
# <name>.py in CMAKE_CURRENT_BINARY_DIR, or OUTPUT; <name> is the type's name in lower case unless NAME gives another.
# Property of the target: ASHLAR_TORCH_MODULE (the .py file).
#
#   ashlar_torch_module(TARGET mlp_py TYPE MLP HEADER mlp.hpp)
#
# Error: FATAL_ERROR if an argument is missing.
# SPDX-License-Identifier: BSL-1.0
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/AshlarGenerator.cmake)

function(ashlar_torch_module)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;TYPE;HEADER;NAME;OUTPUT" "INCLUDE_DIRECTORIES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ashlar_torch_module: unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(required IN ITEMS TARGET TYPE HEADER)
    if(NOT arg_${required})
      message(FATAL_ERROR "ashlar_torch_module: ${required} is missing")
    endif()
  endforeach()
  if(NOT arg_NAME)
    string(REGEX REPLACE ".*::|<.*" "" arg_NAME "${arg_TYPE}")
    string(TOLOWER "${arg_NAME}" arg_NAME)
  endif()
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.py)
  endif()
  cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  cmake_path(GET arg_OUTPUT PARENT_PATH folder)

  ashlar_add_generator(${arg_TARGET}_generator INCLUDE ashlar/nn/torch_module.hpp TEXT "ashlar::torch_module<${arg_TYPE}>()"
    HEADER ${arg_HEADER} INCLUDE_DIRECTORIES ${arg_INCLUDE_DIRECTORIES} LIBRARIES ${arg_LIBRARIES})
  add_custom_command(OUTPUT ${arg_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${arg_TARGET}_generator ${arg_OUTPUT}
    DEPENDS ${arg_TARGET}_generator
    COMMENT "PyTorch module of ${arg_TYPE}"
    VERBATIM)
  add_custom_target(${arg_TARGET} ALL DEPENDS ${arg_OUTPUT})
  set_target_properties(${arg_TARGET} PROPERTIES ASHLAR_TORCH_MODULE ${arg_OUTPUT})
endfunction()
