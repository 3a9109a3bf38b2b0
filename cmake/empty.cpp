// Only to ask CMake for the flags a user of ashlar::headers gets.  SPDX-License-Identifier: BSL-1.0
