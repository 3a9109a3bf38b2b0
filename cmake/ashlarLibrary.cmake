# The target ashlar::ashlar.  SPDX-License-Identifier: BSL-1.0
#
# FlatBuffers is used through its headers alone, so its include folder is taken and its library is not linked.
# CUDA headers (.cuh) are a file set of their own: they are installed, but a C++ compiler cannot check that they stand alone.
include(GNUInstallDirs)
add_library(ashlar INTERFACE)
add_library(ashlar::ashlar ALIAS ashlar)
target_compile_features(ashlar INTERFACE cxx_std_20)
target_link_libraries(ashlar INTERFACE Boost::headers ashlar::xxhash_headers ZLIB::ZLIB)
target_include_directories(ashlar SYSTEM INTERFACE
  $<TARGET_PROPERTY:flatbuffers::flatbuffers,INTERFACE_INCLUDE_DIRECTORIES>)

set(ashlar_include_dir ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE ashlar_headers CONFIGURE_DEPENDS ${ashlar_include_dir}/ashlar/*.hpp ${ashlar_include_dir}/ashlar/*.h)
file(GLOB_RECURSE ashlar_cuda_headers CONFIGURE_DEPENDS ${ashlar_include_dir}/ashlar/*.cuh)
target_sources(ashlar INTERFACE FILE_SET HEADERS BASE_DIRS ${ashlar_include_dir} FILES ${ashlar_headers})
target_sources(ashlar INTERFACE FILE_SET cuda_headers TYPE HEADERS BASE_DIRS ${ashlar_include_dir}
  FILES ${ashlar_cuda_headers})
set_target_properties(ashlar PROPERTIES
  VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL}
  INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)

# ashlar::compiled: the same, and the code behind save and load is compiled once a program, in one unit of its own,
# instead of in each unit that includes io/file.hpp. It is a source of whoever links it: there is no library to install.
add_library(ashlar_compiled INTERFACE)
add_library(ashlar::compiled ALIAS ashlar_compiled)
set_target_properties(ashlar_compiled PROPERTIES EXPORT_NAME compiled)
target_link_libraries(ashlar_compiled INTERFACE ashlar)
target_compile_definitions(ashlar_compiled INTERFACE ASHLAR_IO_COMPILED)
target_sources(ashlar_compiled INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/codegen/cmake/ashlar_io.cpp>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_DATADIR}/cmake/ashlar/ashlar_io.cpp>)

# ashlar_io: that unit once for all of this project's own programs, which are many. What is tested as headers only, or as
# one program with ashlar::compiled, does without it.
add_library(ashlar_io STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/codegen/cmake/ashlar_io.cpp)
target_link_libraries(ashlar_io PUBLIC ashlar)
target_compile_definitions(ashlar_io PUBLIC ASHLAR_IO_COMPILED)
if(ASHLAR_SANITIZE)
  target_compile_options(ashlar_io PRIVATE
    -fsanitize=${ASHLAR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()

set(ASHLAR_HAVE_CUDA OFF)
if(NOT ASHLAR_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(ASHLAR_HAVE_CUDA ON)
    if(PROJECT_IS_TOP_LEVEL)
      if(NOT CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 75-real)  # of the compiler's own test; targets name theirs
      endif()
      enable_language(CUDA)
    endif()
  elseif(ASHLAR_CUDA STREQUAL "AUTO")
    message(STATUS "Ashlar: no CUDA toolkit, what needs one is left out")
  else()
    message(FATAL_ERROR "ASHLAR_CUDA is ON, but no CUDA compiler was found: set CMAKE_CUDA_COMPILER or ASHLAR_CUDA=AUTO")
  endif()
endif()
