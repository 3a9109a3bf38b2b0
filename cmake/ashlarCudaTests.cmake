# Tests that need a CUDA compiler.  SPDX-License-Identifier: BSL-1.0
#
# cuda_all builds all that nvcc compiles and nothing else; its tests have the label cuda. They are compiled for every
# architecture that Ashlar names, and run where there is a GPU. (-std=c++20, because CMake 3.25 knows no CUDA_STANDARD 20.)
set(ASHLAR_CUDA_ARCHITECTURES 75-real 80-real 90-real 120-real)
add_custom_target(cuda_all)

file(GLOB units CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/kernels/cuda/*.cu)
add_executable(test_kernels_on_gpu ${units} ${PROJECT_SOURCE_DIR}/tests/kernels/cuda/main.cpp)
target_link_libraries(test_kernels_on_gpu PRIVATE ashlar::headers)
target_include_directories(test_kernels_on_gpu SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
target_compile_options(test_kernels_on_gpu PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror;-Xptxas=-v>")
set_target_properties(test_kernels_on_gpu PROPERTIES
  CUDA_ARCHITECTURES "${ASHLAR_CUDA_ARCHITECTURES}"
  CUDA_COMPILER_LAUNCHER "${ASHLAR_PYTHON};${PROJECT_SOURCE_DIR}/cmake/ptxas.py;run")
add_dependencies(cuda_all test_kernels_on_gpu)

add_test(NAME kernels/on_gpu COMMAND test_kernels_on_gpu)
set_tests_properties(kernels/on_gpu PROPERTIES LABELS cuda TIMEOUT 600 SKIP_RETURN_CODE 77)
add_test(NAME kernels/ptxas
  COMMAND ${ASHLAR_PYTHON} ${PROJECT_SOURCE_DIR}/cmake/ptxas.py check
    ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/test_kernels_on_gpu.dir ${PROJECT_SOURCE_DIR}/tests/golden/ptxas)
set_tests_properties(kernels/ptxas PROPERTIES LABELS cuda)

# Networks on a device: the tests of tests/cuda that an emulated device runs too, on the machine's own. Of architecture
# 80 with its PTX, which every later one runs, tensor cores too.
find_package(Catch2 REQUIRED)
ashlar_find_cuda()
add_executable(test_cuda_on_gpu
  cuda/on_gpu.cu cuda/on_gpu_fixtures.cu cuda/on_gpu_keys.cu cuda/on_gpu_layers.cu cuda/on_gpu_training.cu)
target_link_libraries(test_cuda_on_gpu PRIVATE ashlar::cuda Catch2::Catch2)
target_include_directories(test_cuda_on_gpu PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_definitions(test_cuda_on_gpu PRIVATE
  ASHLAR_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}/golden" ASHLAR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_compile_options(test_cuda_on_gpu PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>")
set_target_properties(test_cuda_on_gpu PROPERTIES CUDA_ARCHITECTURES 80)
add_test(NAME cuda/on_gpu COMMAND test_cuda_on_gpu)

# A program of the host's compiler, and the kernels that ashlar_cuda_model makes for it.
ashlar_cuda_model(TARGET cuda_model_kernels TYPE model::MLP HEADER cuda/model/mlp.hpp
  INPUT "ashlar::Tensor<float, ashlar::dyn, 20>"
  LOSS ashlar::cross_entropy TARGETS "ashlar::Tensor<std::int64_t, ashlar::dyn>"
  OPTIMIZERS Adam SGD
  ARCHITECTURES 75)
add_executable(test_cuda_model cuda/model/main.cpp)
target_link_libraries(test_cuda_model PRIVATE cuda_model_kernels)
add_test(NAME cuda/model COMMAND test_cuda_model)
set_tests_properties(cuda/on_gpu cuda/model PROPERTIES
  LABELS cuda TIMEOUT 600 SKIP_REGULAR_EXPRESSION "skipped: this machine has no CUDA device")
add_dependencies(cuda_all test_cuda_on_gpu test_cuda_model)

# What is asked of CUDA, by a fake of its runtime.
add_executable(test_cuda_driver cuda/driver.cpp cuda/launch.cu main.cpp)
target_link_libraries(test_cuda_driver PRIVATE ashlar::ashlar Catch2::Catch2 Threads::Threads)
target_include_directories(test_cuda_driver PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_include_directories(test_cuda_driver SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(test_cuda_driver PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>")
set_target_properties(test_cuda_driver PROPERTIES CUDA_ARCHITECTURES 80-real CUDA_RUNTIME_LIBRARY None)
add_test(NAME cuda/driver COMMAND test_cuda_driver)
set_tests_properties(cuda/driver PROPERTIES LABELS cuda TIMEOUT 300)
add_dependencies(cuda_all test_cuda_driver)

# nvcc leaves the sentence of a mistake to the host's compiler, which prints it whole (include/ashlar/core/refuse.hpp).
add_test(NAME cuda/compile_fail
  COMMAND ${ASHLAR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/check.py refused
    ${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/frozen_key.cpp nvcc
    ${CMAKE_CUDA_COMPILER} -std=c++20 -arch=sm_75 "${ASHLAR_INCLUDE_FLAGS}"
  COMMAND_EXPAND_LISTS)
set_tests_properties(cuda/compile_fail PROPERTIES LABELS cuda TIMEOUT 300)
