# SPDX-License-Identifier: BSL-1.0
# ashlar_embed(TARGET <target> FILE <file> HEADER <header> TYPE <C++ type> AS <name> [NAMESPACE <namespace>])
#
# Links the weights of a network into a program: <target> gets a header <name>.hpp that declares
#   extern const <type> <name>;
# whose bytes are part of the program's read-only data, aligned to 64. At run time no file is opened or checked.
#
# FILE is an .ashlar file, or one that `load` takes for the type that HEADER defines: a state_dict of PyTorch (.pt, .pth)
# or .safetensors. It may be the output of a custom command in the same folder. While the target is built, a program of
# the type checks all of the file: checksums, layout, content; what it finds is what the build then fails with. It is
# built and run again when FILE or HEADER changes.
#
# TARGET is an executable or a library made before; those that link it see the header too. HEADER is compiled with the
# target's include folders and definitions. When cross-compiling, the checking program runs in
# CMAKE_CROSSCOMPILING_EMULATOR. The file becomes part of the object by the assembler's .incbin, so it needs g++ or clang.
#
#   add_executable(app main.cpp)
#   ashlar_embed(TARGET app FILE net.ashlar HEADER net.hpp TYPE MLP AS weights NAMESPACE app)
#   ... in main.cpp:  #include "weights.hpp"  and  auto y = ashlar::forward(app::weights, x);
#
# Error: FATAL_ERROR if an argument is missing or no C++ name. While building: the file's, as `load` reports it, and for
# a state_dict that lacks numbers or constants which the type has.
include_guard(GLOBAL)

function(ashlar_embed)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;FILE;HEADER;TYPE;AS;NAMESPACE" "")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ashlar_embed: unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  foreach(required IN ITEMS TARGET FILE HEADER TYPE AS)
    if(NOT arg_${required})
      message(FATAL_ERROR "ashlar_embed: ${required} is missing")
    endif()
  endforeach()
  if(NOT TARGET ${arg_TARGET})
    message(FATAL_ERROR "ashlar_embed: there is no target ${arg_TARGET} yet")
  endif()
  set(identifier "[A-Za-z_][A-Za-z0-9_]*")
  if(NOT arg_AS MATCHES "^${identifier}$" OR NOT "${arg_NAMESPACE}" MATCHES "^(${identifier}(::${identifier})*)?$")
    message(FATAL_ERROR "ashlar_embed: ${arg_NAMESPACE}::${arg_AS} is no name in C++")
  endif()
  cmake_path(ABSOLUTE_PATH arg_FILE BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE file)
  cmake_path(ABSOLUTE_PATH arg_HEADER BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE OUTPUT_VARIABLE header)
  if(NOT EXISTS ${header})
    set(header ${arg_HEADER})  # found through the target's include folders, or generated
  endif()

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/ashlar_embed/${arg_TARGET})
  set(data ${folder}/${arg_AS}.bin)
  set(source ${folder}/${arg_AS}.cpp)
  set(type ${arg_TYPE})
  set(name ${arg_AS})
  set(namespace ${arg_NAMESPACE})
  string(REPLACE "::" "." symbol "ashlar.embedded::${namespace}::${name}")
  if(namespace)
    set(open "namespace ${namespace} {\n")
    set(close "\n}  // namespace ${namespace}")
    set(qualified ::${namespace}::${name})
  else()
    set(open "")
    set(close "")
    set(qualified ::${name})
  endif()
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ashlar_embed.hpp.in ${folder}/${arg_AS}.hpp @ONLY)
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ashlar_embed.cpp.in ${folder}/${arg_AS}_checker.cpp @ONLY)

  set(seen "$<TARGET_PROPERTY:${arg_TARGET},INCLUDE_DIRECTORIES>")
  set(defined "$<TARGET_PROPERTY:${arg_TARGET},COMPILE_DEFINITIONS>")
  set(checker ${arg_TARGET}_${arg_AS}_checker)
  add_executable(${checker} EXCLUDE_FROM_ALL ${folder}/${arg_AS}_checker.cpp)
  target_link_libraries(${checker} PRIVATE ashlar::ashlar)
  target_include_directories(${checker} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${seen})
  target_compile_definitions(${checker} PRIVATE ${defined})
  add_custom_command(OUTPUT ${data} ${source}
    COMMAND ${checker} ${file} ${data} ${source}
    DEPENDS ${checker} ${file}
    COMMENT "Checking ${arg_FILE} for ${arg_TYPE} ${arg_AS}"
    VERBATIM)

  # An object of its own folder, because a custom command's output is known in its folder alone. -fno-lto: what an
  # assembler defines is not seen by link-time optimisation.
  set(object ${arg_TARGET}_${arg_AS}_data)
  add_library(${object} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${object} PRIVATE ashlar::headers)
  target_include_directories(${object} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${seen})
  target_compile_definitions(${object} PRIVATE ${defined})
  target_compile_options(${object} PRIVATE -fno-lto)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${data})
  set_target_properties(${object} PROPERTIES POSITION_INDEPENDENT_CODE ON INTERPROCEDURAL_OPTIMIZATION OFF)
  target_sources(${arg_TARGET} PRIVATE $<TARGET_OBJECTS:${object}>)
  target_include_directories(${arg_TARGET} PUBLIC $<BUILD_INTERFACE:${folder}>)
endfunction()
