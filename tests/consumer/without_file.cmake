# Runs -Dprogram while -Dfile is not there: what is linked in needs no file.  SPDX-License-Identifier: BSL-1.0
file(RENAME ${file} ${file}.away)
execute_process(COMMAND ${program} RESULT_VARIABLE status)
file(RENAME ${file}.away ${file})
if(NOT status EQUAL 0)
  message(FATAL_ERROR "exit status ${status}")
endif()
