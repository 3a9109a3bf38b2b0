# Install rules and the package find_package(ashlar) finds.  SPDX-License-Identifier: BSL-1.0
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(ashlar_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/ashlar)
install(TARGETS ashlar ashlar_headers EXPORT ashlarTargets FILE_SET HEADERS FILE_SET cuda_headers
  FILE_SET thread_headers)
install(EXPORT ashlarTargets NAMESPACE ashlar:: DESTINATION ${ashlar_package_dir})
configure_package_config_file(cmake/ashlarConfig.cmake.in ashlarConfig.cmake INSTALL_DESTINATION ${ashlar_package_dir})
write_basic_package_version_file(ashlarConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
file(GLOB ashlar_codegen_modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/codegen/cmake/*.cmake
  ${PROJECT_SOURCE_DIR}/codegen/cmake/*.in)
install(FILES
  ${PROJECT_BINARY_DIR}/ashlarConfig.cmake
  ${PROJECT_BINARY_DIR}/ashlarConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/ashlarDependencies.cmake
  ${PROJECT_SOURCE_DIR}/cmake/ashlarCompiled.cmake
  ${PROJECT_SOURCE_DIR}/cmake/ashlarThreads.cmake
  ${PROJECT_SOURCE_DIR}/codegen/cmake/ashlar_cuda.cpp
  ${PROJECT_SOURCE_DIR}/codegen/cmake/ashlar_io.cpp
  ${ashlar_codegen_modules}
  DESTINATION ${ashlar_package_dir})
file(GLOB ashlar_schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*.fbs)
if(ashlar_schemas)
  install(FILES ${ashlar_schemas} DESTINATION ${CMAKE_INSTALL_DATADIR}/ashlar/schemas)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/ashlar)
