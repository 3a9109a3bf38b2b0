// Example: a progress line that suits a terminal and a log.  SPDX-License-Identifier: BSL-1.0
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace digits {

/// In a terminal one line that is written over; in a log a line now and then.
class Progress {
 public:
  explicit Progress(std::size_t epochs) : epochs_(epochs), terminal_(isatty(STDOUT_FILENO) != 0) {}

  /// After `done` epochs.
  void show(std::size_t done, double loss, double lr) {
    if (terminal_) {
      std::size_t const filled = 30 * done / epochs_;
      std::printf("\r  [%s%s] epoch %2zu/%zu  loss %.4f  lr %.5f", std::string(filled, '#').c_str(),
                  std::string(30 - filled, '.').c_str(), done, epochs_, loss, lr);
      if (done == epochs_) std::printf("\n");
    } else if (done == 1 || done % 10 == 0 || done == epochs_) {
      std::printf("  epoch %2zu/%zu  loss %.4f  lr %.5f\n", done, epochs_, loss, lr);
    }
    std::fflush(stdout);
  }
  /// Leaves the line as it stands.
  void stop() const {
    if (terminal_) std::printf("\n");
    std::fflush(stdout);
  }

 private:
  std::size_t epochs_;
  bool terminal_;
};

}  // namespace digits
