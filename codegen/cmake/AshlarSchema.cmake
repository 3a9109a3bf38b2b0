# SPDX-License-Identifier: BSL-1.0
# ashlar_schema(TARGET <target> TYPE <C++ type> HEADER <header> [NAME <name>] [OUTPUT <file.fbs>]
#               [LANGUAGES <cpp|python|ts|rust>...] [INCLUDE_DIRECTORIES <dir>...] [LIBRARIES <target>...])
#
# Writes the FlatBuffers schema of a model at build time and runs flatc on it.
#
# Builds a program that prints ashlar::schema<TYPE>() for the type that HEADER defines, and makes a custom target
# <target> with these outputs in CMAKE_CURRENT_BINARY_DIR/<target>, or beside OUTPUT:
#   <name>.fbs      the schema; <name> is the type's name in lower case unless NAME gives another
#   ashlar.fbs      the fixed part, which it includes
#   cpp/ python/ ts/ rust/   what flatc generates for each of LANGUAGES
# Properties of the target: ASHLAR_SCHEMA (the .fbs file), ASHLAR_SCHEMA_DIR (the folder).
#
#   ashlar_schema(TARGET mlp_schema TYPE MLP HEADER mlp.hpp LANGUAGES cpp python)
#   add_dependencies(my_program mlp_schema)
#
# Error: FATAL_ERROR if an argument is missing, or if LANGUAGES are asked for and no flatc is found. flatc is
# ASHLAR_FLATC, flatbuffers::flatc, or found on the path.
# SPDX-License-Identifier: BSL-1.0
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/AshlarGenerator.cmake)

function(ashlar_schema)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;TYPE;HEADER;NAME;OUTPUT" "LANGUAGES;INCLUDE_DIRECTORIES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ashlar_schema: unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(required IN ITEMS TARGET TYPE HEADER)
    if(NOT arg_${required})
      message(FATAL_ERROR "ashlar_schema: ${required} is missing")
    endif()
  endforeach()
  if(NOT arg_NAME)
    string(REGEX REPLACE ".*::|<.*" "" arg_NAME "${arg_TYPE}")
    string(TOLOWER "${arg_NAME}" arg_NAME)
  endif()
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}/${arg_NAME}.fbs)
  endif()
  cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
  cmake_path(GET arg_OUTPUT PARENT_PATH folder)

  # The fixed schema: in the source tree two folders up from here, installed in share/ashlar/schemas.
  find_file(ASHLAR_FIXED_SCHEMA ashlar.fbs NO_DEFAULT_PATH
    PATHS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../schemas ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../ashlar/schemas
    DOC "schemas/ashlar.fbs")
  mark_as_advanced(ASHLAR_FIXED_SCHEMA)
  if(NOT ASHLAR_FIXED_SCHEMA)
    message(FATAL_ERROR "ashlar_schema: ashlar.fbs is not where it is installed; set ASHLAR_FIXED_SCHEMA")
  endif()

  ashlar_add_generator(${arg_TARGET}_generator INCLUDE ashlar/schema/schema.hpp TEXT "ashlar::schema<${arg_TYPE}>()"
    HEADER ${arg_HEADER} INCLUDE_DIRECTORIES ${arg_INCLUDE_DIRECTORIES} LIBRARIES ${arg_LIBRARIES})
  add_custom_command(OUTPUT ${arg_OUTPUT} ${folder}/ashlar.fbs
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${ASHLAR_FIXED_SCHEMA} ${folder}/ashlar.fbs
    COMMAND ${arg_TARGET}_generator ${arg_OUTPUT}
    DEPENDS ${arg_TARGET}_generator ${ASHLAR_FIXED_SCHEMA}
    COMMENT "Schema of ${arg_TYPE}"
    VERBATIM)

  set(stamps "")
  if(arg_LANGUAGES)
    if(ASHLAR_FLATC)
      set(flatc ${ASHLAR_FLATC})
    elseif(TARGET flatbuffers::flatc)
      set(flatc $<TARGET_FILE:flatbuffers::flatc>)
    else()
      find_program(ASHLAR_FLATC flatc DOC "The FlatBuffers compiler")
      if(NOT ASHLAR_FLATC)
        message(FATAL_ERROR "ashlar_schema: no flatc was found for ${arg_LANGUAGES}; set ASHLAR_FLATC")
      endif()
      set(flatc ${ASHLAR_FLATC})
    endif()
  endif()
  foreach(language IN LISTS arg_LANGUAGES)
    if(language STREQUAL "cpp")
      set(flags --cpp --scoped-enums --include-prefix ashlar/schema)
    elseif(language STREQUAL "python")
      set(flags --python)
    elseif(language STREQUAL "ts")
      set(flags --ts)
    elseif(language STREQUAL "rust")
      set(flags --rust)
    else()
      message(FATAL_ERROR "ashlar_schema: LANGUAGES takes cpp, python, ts and rust, not ${language}")
    endif()
    # The fixed part is generated too, so that the folder stands alone; C++ has it in the library already. With
    # --gen-all, flatc 25.12 leaves the imports out of Python, and without it gives Rust two files that do not find
    # each other.
    set(all --gen-all)
    set(inputs ${arg_OUTPUT})
    if(language STREQUAL "cpp")
      set(all "")
    elseif(language STREQUAL "python")
      set(all "")
      list(PREPEND inputs ${folder}/ashlar.fbs)
    endif()
    set(stamp ${folder}/${language}.stamp)
    add_custom_command(OUTPUT ${stamp}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}/${language}
      COMMAND ${flatc} ${flags} ${all} -o ${folder}/${language} ${inputs}
      COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
      DEPENDS ${arg_OUTPUT} ${folder}/ashlar.fbs
      COMMENT "${language} code for ${arg_TYPE}"
      VERBATIM)
    list(APPEND stamps ${stamp})
  endforeach()

  add_custom_target(${arg_TARGET} ALL DEPENDS ${arg_OUTPUT} ${stamps})
  set_target_properties(${arg_TARGET} PROPERTIES ASHLAR_SCHEMA ${arg_OUTPUT} ASHLAR_SCHEMA_DIR ${folder})
endfunction()
