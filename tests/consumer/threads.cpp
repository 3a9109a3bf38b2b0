// A program whose ops use threads.  SPDX-License-Identifier: BSL-1.0
#include <ashlar/threads.hpp>

int main() {
  ashlar::set_num_threads(2);
  return ashlar::get_num_threads() == 2 ? 0 : 1;
}
