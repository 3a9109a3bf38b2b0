# Runs a program that must succeed and print what a file holds.  SPDX-License-Identifier: BSL-1.0
#   cmake -Dprogram=FILE -Dexpected=FILE -P ashlarCheckOutput.cmake
execute_process(COMMAND "${program}" OUTPUT_VARIABLE printed ERROR_VARIABLE errors RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${program} ended with ${status}\n${printed}${errors}")
endif()
file(READ "${expected}" wanted)
if(NOT printed STREQUAL wanted)
  file(WRITE printed.txt "${printed}")
  message(FATAL_ERROR "printed:\n${printed}\nexpected, ${expected}:\n${wanted}")
endif()
