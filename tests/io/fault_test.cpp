// A save whose system calls fail, one after the other, and a save that is cut off at each of them.
// Linked with -Wl,--wrap=... for each function below (tests/CMakeLists.txt).  SPDX-License-Identifier: BSL-1.0
#include "io/models.hpp"

#include <catch2/catch.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

enum class Fault { none, fail, short_write, die_before, die_after };

struct {
  bool armed = false;
  int at = -1;  // which call
  int calls = 0;
  Fault fault = Fault::none;
  int code = EIO;
  std::string name;  // of the call that was hit
  std::size_t read = 0;        // by pread, in bytes
  bool unreadable = false;     // what is mapped cannot be touched
} g;

/// Called by every wrapped function. True if it has to fail; dies itself if that is what is wanted.
bool hit(char const* name) {
  if (!g.armed || g.calls++ != g.at) return false;
  g.name = name;
  if (g.fault == Fault::die_before) ::_exit(0);
  return true;
}

template <class Result, class Call>
Result pass(char const* name, Call call) {
  if (!hit(name)) return call();
  if (g.fault == Fault::die_after) {
    (void)call();
    ::_exit(0);
  }
  if (g.fault == Fault::short_write) return call();  // only writes can be short
  errno = g.code;
  return (Result)-1;  // of mmap: MAP_FAILED
}

}  // namespace

extern "C" {
int __real_open(char const*, int, ...);
int __real_openat(int, char const*, int, ...);
ssize_t __real_write(int, void const*, size_t);
ssize_t __real_pread(int, void*, size_t, off_t);
ssize_t __real_pwrite(int, void const*, size_t, off_t);
ssize_t __real_writev(int, iovec const*, int);
ssize_t __real_pwritev(int, iovec const*, int, off_t);
int __real_fsync(int);
int __real_rename(char const*, char const*);
int __real_renameat(int, char const*, int, char const*);
int __real_close(int);
int __real_ftruncate(int, off_t);
int __real_unlink(char const*);
int __real_fstat(int, struct stat*);
void* __real_mmap(void*, size_t, int, int, int, off_t);

int __wrap_open(char const* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  auto const mode = va_arg(args, unsigned);
  va_end(args);
  return pass<int>("open", [&] { return __real_open(path, flags, mode); });
}
int __wrap_openat(int at, char const* path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  auto const mode = va_arg(args, unsigned);
  va_end(args);
  return pass<int>("openat", [&] { return __real_openat(at, path, flags, mode); });
}
ssize_t __wrap_write(int fd, void const* p, size_t n) {
  return pass<ssize_t>("write", [&] { return __real_write(fd, p, n); });
}
ssize_t __wrap_pread(int fd, void* p, size_t n, off_t at) {
  return pass<ssize_t>("pread", [&] {
    ssize_t const got = __real_pread(fd, p, n, at);
    if (got > 0) g.read += static_cast<std::size_t>(got);
    return got;
  });
}
ssize_t __wrap_pwrite(int fd, void const* p, size_t n, off_t at) {
  bool const part = g.fault == Fault::short_write && g.calls == g.at;
  return pass<ssize_t>("pwrite", [&] { return __real_pwrite(fd, p, part && n > 1 ? n / 2 : n, at); });
}
ssize_t __wrap_writev(int fd, iovec const* v, int n) {
  return pass<ssize_t>("writev", [&] { return __real_writev(fd, v, n); });
}
ssize_t __wrap_pwritev(int fd, iovec const* v, int n, off_t at) {
  if (g.fault == Fault::short_write && g.armed && g.calls == g.at) {
    // Half of the pieces, and of the last of these a single byte.
    std::vector<iovec> part(v, v + (n + 1) / 2);
    part.back().iov_len = part.back().iov_len > 1 ? 1 : part.back().iov_len;
    return pass<ssize_t>("pwritev", [&] { return __real_pwritev(fd, part.data(), static_cast<int>(part.size()), at); });
  }
  return pass<ssize_t>("pwritev", [&] { return __real_pwritev(fd, v, n, at); });
}
int __wrap_fsync(int fd) {
  return pass<int>("fsync", [&] { return __real_fsync(fd); });
}
int __wrap_rename(char const* a, char const* b) {
  return pass<int>("rename", [&] { return __real_rename(a, b); });
}
int __wrap_renameat(int x, char const* a, int y, char const* b) {
  return pass<int>("renameat", [&] { return __real_renameat(x, a, y, b); });
}
int __wrap_close(int fd) {
  if (!g.armed) return __real_close(fd);
  bool const fails = g.fault == Fault::fail && g.calls == g.at;
  if (fails) (void)__real_close(fd);  // a close that fails has closed
  return pass<int>("close", [&] { return __real_close(fd); });
}
int __wrap_ftruncate(int fd, off_t n) {
  return pass<int>("ftruncate", [&] { return __real_ftruncate(fd, n); });
}
int __wrap_unlink(char const* path) {
  return pass<int>("unlink", [&] { return __real_unlink(path); });
}
int __wrap_fstat(int fd, struct stat* s) {
  return pass<int>("fstat", [&] { return __real_fstat(fd, s); });
}
void* __wrap_mmap(void* a, size_t n, int p, int f, int fd, off_t at) {
  if (fd < 0) return __real_mmap(a, n, p, f, fd, at);  // of the C library's allocator
  return pass<void*>("mmap", [&] { return __real_mmap(a, n, g.unreadable ? PROT_NONE : p, f, fd, at); });
}
}

using namespace ashlar;
using namespace ashlar::test;

namespace {

std::vector<std::string> files_in(char const* folder) {
  std::vector<std::string> names;
  DIR* const d = ::opendir(folder);
  while (dirent const* const e = ::readdir(d)) {
    if (e->d_name[0] != '.' || std::string(e->d_name).size() > 2) names.push_back(e->d_name);
  }
  ::closedir(d);
  return names;
}

/// An empty folder "fault", with the old file in it.
void begin(Small const& old) {
  ::mkdir("fault", 0777);
  for (auto const& name : files_in("fault")) ::unlink(("fault/" + name).c_str());
  save("fault/net.ashlar", old);
}

/// call(), whose system call number `at` meets the fault.
template <class Call>
auto with(Fault fault, int at, int code, Call call) {
  g.fault = fault;
  g.at = at;
  g.code = code;
  g.calls = 0;
  g.name.clear();
  g.armed = true;
  auto result = call();
  g.armed = false;
  return result;
}
Result<void> save_with(Fault fault, int at, int code, Small const& object) {
  return with(fault, at, code, [&] { return try_save("fault/net.ashlar", object); });
}

bool holds(Small const& object) {
  if (!verify("fault/net.ashlar").ok()) return false;
  return same_elements(*map<Small>("fault/net.ashlar"), object);
}

}  // namespace

TEST_CASE("promise 14: a system call that fails is an error; the old file stays and no temporary is left") {
  auto const old = make_small(0, 1);
  auto const next = make_small(0, 50);
  for (int const code : {EIO, ENOSPC, EDQUOT}) {
    int calls = 0;
    for (int at = 0;; ++at) {
      begin(*old);
      auto const result = save_with(Fault::fail, at, code, *next);
      CAPTURE(at, g.name, code);
      if (g.name.empty()) break;  // fewer calls than that
      calls = at + 1;
      if (g.name == "close" && result) continue;  // of the folder, when all is done
      CHECK(!result);
      CHECK(result.error().code() == Errc::io);
      bool const renamed = std::string(result.error().what()).find("sync the folder") != std::string::npos;
      CHECK(holds(renamed ? *next : *old));
      CHECK(files_in("fault").size() == 1);
    }
    CHECK(calls >= 8);  // open, openat, pwritev, pwrite, fsync, close, renameat, fsync, close
  }
}

TEST_CASE("promise 14: EINTR and short writes do not matter") {
  auto const old = make_small(0, 1);
  auto const next = make_small(0, 50);
  for (Fault const fault : {Fault::fail, Fault::short_write}) {
    for (int at = 0;; ++at) {
      begin(*old);
      auto const result = save_with(fault, at, EINTR, *next);
      CAPTURE(at, g.name);
      if (g.name.empty()) break;
      if (fault == Fault::fail && (g.name == "fsync" || g.name == "renameat")) continue;  // never retried
      CHECK(message_of(result) == "no error");
      CHECK(holds(*next));
      CHECK(files_in("fault").size() == 1);
    }
  }
}

TEST_CASE("promise 14: a failed fsync is an error and is not tried again") {
  auto const old = make_small(0, 1);
  auto const next = make_small(0, 50);
  for (int at = 0;; ++at) {
    begin(*old);
    auto const result = save_with(Fault::fail, at, EINTR, *next);
    if (g.name.empty()) break;
    if (g.name != "fsync") continue;
    CHECK(!result);
    CHECK(g.calls <= at + 3);  // it, and closing two descriptors
  }
}

TEST_CASE("promise 14: a crash at any system call leaves the old file or the new one, whole") {
  auto const old = make_small(0, 1);
  auto const next = make_small(0, 50);
  for (Fault const fault : {Fault::die_before, Fault::die_after}) {
    bool done = false;
    bool seen_old = false;
    bool seen_new = false;
    for (int at = 0; !done; ++at) {
      begin(*old);
      ::pid_t const child = ::fork();
      if (child == 0) {
        (void)save_with(fault, at, 0, *next);
        ::_exit(1);  // got to the end
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFEXITED(status));
      done = WEXITSTATUS(status) == 1;
      CAPTURE(at);
      bool const is_old = holds(*old);
      bool const is_new = holds(*next);
      CHECK((is_old || is_new));
      seen_old = seen_old || is_old;
      seen_new = seen_new || is_new;
    }
    CHECK(seen_old);
    CHECK(seen_new);
  }
}

TEST_CASE("reading: a system call that fails is an error") {
  begin(*make_small(0, 1));
  auto const before = make_small(0, 9);
  for (int at = 0; at < 8; ++at) {
    auto target = make_small(0, 9);
    auto const loaded = with(Fault::fail, at, EIO, [&] { return try_load("fault/net.ashlar", *target); });
    CAPTURE(at, g.name);
    if (g.name.empty()) break;
    if (g.name == "close") continue;
    CHECK(!loaded);
    CHECK(same_elements(*target, *before));
  }
}

TEST_CASE("a typed map reads the first 64 bytes and not one of the manifest or the data") {
  struct Plain {
    Parameter<float, 64, 64> weight;
    Parameter<float, 64> bias;
  };
  auto const saved = std::make_unique<Plain>();
  save("plain.ashlar", *saved);
  g.read = 0;
  g.unreadable = true;  // a byte of the mapping that is looked at ends the test program
  auto const mapped = try_map<Plain>("plain.ashlar");
  g.unreadable = false;
  REQUIRE(message_of(mapped) == "no error");
  CHECK(g.read == 64);
}

TEST_CASE("map: a system call that fails is an error") {
  begin(*make_small(0, 1));
  std::vector<std::string> seen;
  for (int at = 0; at < 8; ++at) {
    auto const mapped = with(Fault::fail, at, EIO, [] { return try_map<Small>("fault/net.ashlar"); });
    if (g.name.empty()) break;
    CAPTURE(at, g.name);
    seen.push_back(g.name);
    CHECK(!mapped == (g.name != "close"));
  }
  CHECK(seen == std::vector<std::string>{"open", "fstat", "pread", "mmap", "close"});
}

TEST_CASE("permissions of an existing file are kept, those of a new one follow the umask") {
  begin(*make_small());
  ::chmod("fault/net.ashlar", 0640);
  save("fault/net.ashlar", *make_small(0, 2));
  struct stat s;
  REQUIRE(::stat("fault/net.ashlar", &s) == 0);
  CHECK((s.st_mode & 0777) == 0640);
  ::mode_t const mask = ::umask(0027);
  save("fault/other.ashlar", *make_small());
  ::umask(mask);
  REQUIRE(::stat("fault/other.ashlar", &s) == 0);
  CHECK((s.st_mode & 0777) == 0640);
}

TEST_CASE("a symbolic link is followed, a folder and a device are refused") {
  begin(*make_small());
  REQUIRE(::symlink("net.ashlar", "fault/link.ashlar") == 0);
  save("fault/link.ashlar", *make_small(0, 3));
  CHECK(holds(*make_small(0, 3)));
  struct stat s;
  REQUIRE(::lstat("fault/link.ashlar", &s) == 0);
  CHECK(S_ISLNK(s.st_mode));
  CHECK(message_of(try_save("fault", *make_small())) == "fault: cannot save: something that is no file has this name");
  CHECK(message_of(try_save("", *make_small())) == "cannot save: the path is empty");
  std::string const front{"front\0.ashlar", 13};  // the system would take it for "front"
  CHECK(message_of(try_save(front, *make_small())) == "front: cannot save: the path holds a NUL");
  CHECK(message_of(try_map<test::Small>(front)) == "front: the path holds a NUL");
  CHECK(message_of(try_save("/dev/null", *make_small())) ==
        "/dev/null: cannot save: something that is no file has this name");
  CHECK(message_of(try_save("nowhere/net.ashlar", *make_small())) ==
        "nowhere/net.ashlar: cannot open the folder nowhere: No such file or directory");
}

TEST_CASE("reading what is no file is an error and does not wait") {
  ::mkfifo("fault.fifo", 0600);
  CHECK(message_of(try_map<Small>("fault.fifo")) == "fault.fifo: not a regular file");
  ::unlink("fault.fifo");
  CHECK(message_of(try_map<Small>(".")) == ".: not a regular file");
  CHECK(message_of(try_map<Small>("absent.ashlar")) == "absent.ashlar: cannot open: No such file or directory");
  CHECK(verify("absent.ashlar").headline == "absent.ashlar: cannot open: No such file or directory");
}
