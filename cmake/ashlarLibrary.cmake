# The targets ashlar::ashlar, what a program links, and ashlar::headers.  SPDX-License-Identifier: BSL-1.0
#
#   ashlar::headers  the library as headers alone
#   ashlar::ashlar   the same, and the code behind save and load compiled once a project (ashlarCompiled.cmake)
#   ashlar::threads  ashlar::ashlar and oneTBB, where that is found (ashlarThreads.cmake)
# FlatBuffers is used through its headers alone, so its include folder is taken and its library is not linked.
# CUDA headers (.cuh) are a file set of their own: they are installed, but a C++ compiler cannot check that they stand alone.
include(GNUInstallDirs)
add_library(ashlar_headers INTERFACE)
add_library(ashlar::headers ALIAS ashlar_headers)
target_compile_features(ashlar_headers INTERFACE cxx_std_20)
target_link_libraries(ashlar_headers INTERFACE Boost::headers ashlar::xxhash_headers ZLIB::ZLIB)
target_include_directories(ashlar_headers SYSTEM INTERFACE
  $<TARGET_PROPERTY:flatbuffers::flatbuffers,INTERFACE_INCLUDE_DIRECTORIES>)

set(ashlar_include_dir ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE ashlar_headers CONFIGURE_DEPENDS ${ashlar_include_dir}/ashlar/*.hpp ${ashlar_include_dir}/ashlar/*.h)
list(REMOVE_ITEM ashlar_headers ${ashlar_include_dir}/ashlar/threads.hpp)  # needs oneTBB to be checked
file(GLOB_RECURSE ashlar_cuda_headers CONFIGURE_DEPENDS ${ashlar_include_dir}/ashlar/*.cuh)
target_sources(ashlar_headers INTERFACE FILE_SET HEADERS BASE_DIRS ${ashlar_include_dir} FILES ${ashlar_headers})
target_sources(ashlar_headers INTERFACE FILE_SET cuda_headers TYPE HEADERS BASE_DIRS ${ashlar_include_dir}
  FILES ${ashlar_cuda_headers})
target_sources(ashlar_headers INTERFACE FILE_SET thread_headers TYPE HEADERS BASE_DIRS ${ashlar_include_dir}
  FILES ${ashlar_include_dir}/ashlar/threads.hpp)
set_target_properties(ashlar_headers PROPERTIES
  EXPORT_NAME headers
  VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL}
  INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)

include(${CMAKE_CURRENT_LIST_DIR}/ashlarCompiled.cmake)
if(NOT PROJECT_IS_TOP_LEVEL)  # what another project warns of, or calls an error, is for its own code
  target_compile_options(ashlar_io PRIVATE -w)
  set_target_properties(ashlar_headers PROPERTIES SYSTEM ON)
endif()
# Not in the exported target: a package has no binary, and ashlarConfig.cmake links what is compiled where it is found.
add_library(ashlar INTERFACE)
add_library(ashlar::ashlar ALIAS ashlar)
target_link_libraries(ashlar INTERFACE ashlar_headers $<BUILD_INTERFACE:ashlar_io>)
include(${CMAKE_CURRENT_LIST_DIR}/ashlarThreads.cmake)
if(ASHLAR_SANITIZE)
  target_compile_options(ashlar_io PRIVATE
    -fsanitize=${ASHLAR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ashlar_io PUBLIC -fsanitize=${ASHLAR_SANITIZE})
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
