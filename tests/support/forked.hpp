// Runs a piece of a test in a child process, under limits: for files that might crash a reader, or make it run away.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASHLAR_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ASHLAR_TEST_SANITIZED 1
#endif
#endif
#ifndef ASHLAR_TEST_SANITIZED
#define ASHLAR_TEST_SANITIZED 0
#endif

namespace ashlar::test {

/// What `f()`, which returns text, said in a child process: empty if all is well. Or how the child ended, if it did not
/// end by itself. The child has 20 seconds and, where no sanitizer needs it, 2 GiB of address space.
template <class F>
std::string forked(F&& f) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  ::pid_t const child = ::fork();
  if (child < 0) return "no child process";
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(20);
#if !ASHLAR_TEST_SANITIZED
    ::rlimit const space{std::size_t{2} << 30, std::size_t{2} << 30};
    (void)::setrlimit(RLIMIT_AS, &space);
#endif
    std::string said;
    try {
      said = f();
    } catch (std::exception const& e) {
      said = std::string("threw: ") + e.what();
    }
    for (std::size_t at = 0; at < said.size();) {
      ::ssize_t const n = ::write(ends[1], said.data() + at, said.size() - at);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    ::_exit(said.empty() ? 0 : 1);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[1 << 12];
  for (::ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  (void)::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0 && said.empty()) return "ended with status " + std::to_string(WEXITSTATUS(status));
  return said;
}

}  // namespace ashlar::test
