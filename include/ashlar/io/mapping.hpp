// Ashlar: reading files through the operating system (POSIX).  SPDX-License-Identifier: BSL-1.0
// Together with mapped_bytes.hpp and atomic_write.hpp, all that a port to another system has to write anew.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapped_bytes.hpp>
#include <ashlar/io/message.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace ashlar::detail {

static_assert(sizeof(::off_t) == 8, "ashlar: files over 4 GiB need 64-bit file offsets: -D_FILE_OFFSET_BITS=64");

/// "mlp.ashlar: cannot open: No such file or directory"
ASHLAR_COLD inline Error io_error(std::string const& path, std::string_view doing, int code) {
  return error(Errc::io, {path, ": cannot ", doing, ": ", std::error_code(code, std::generic_category()).message()});
}

/// A file descriptor, closed when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// A regular file, open for reading.
class InputFile {
 public:
  static Result<InputFile> open(std::string const& path) {
    if (path.find('\0') != std::string::npos) return error(Errc::io, {path.c_str(), ": the path holds a NUL"});
    int fd = -1;
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    do fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return io_error(path, "open", errno);
    InputFile file(fd, path);
    struct ::stat status;
    if (::fstat(fd, &status) != 0) return io_error(path, "read the size", errno);
    if (!S_ISREG(status.st_mode)) return error(Errc::io, {path, ": not a regular file"});
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] int descriptor() const { return fd_.get(); }
  [[nodiscard]] std::string const& path() const { return path_; }

  /// Fills `to` from byte `at` on. Error: io, also if the file ends before.
  Result<void> read(std::uint64_t at, std::span<std::byte> to) const {
    while (!to.empty()) {
      std::size_t const most = to.size() < 0x7ffff000u ? to.size() : 0x7ffff000u;
      ::ssize_t const n = ::pread(fd_.get(), to.data(), most, static_cast<::off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error(path_, "read", errno);
      if (n == 0) return error(Errc::io, {path_, ": cannot read: the file became shorter"});
      at += static_cast<std::uint64_t>(n);
      to = to.subspan(static_cast<std::size_t>(n));
    }
    return {};
  }

 private:
  InputFile(int fd, std::string const& path) : fd_(fd), path_(path) {}
  Descriptor fd_;
  std::uint64_t size_ = 0;
  std::string path_;
};

inline Result<Mapping> Mapping::map(InputFile const& file, bool soon) {
  if (file.size() > std::numeric_limits<std::size_t>::max() / 2) {
    return error(Errc::io, {file.path(), ": cannot map: larger than the address space"});
  }
  Mapping m;
  if (file.size() == 0) return m;
  m.size_ = static_cast<std::size_t>(file.size());
  void* const at = ::mmap(nullptr, m.size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (at == MAP_FAILED) return io_error(file.path(), "map", errno);
  m.address_ = at;
  if (soon) (void)::madvise(at, m.size_, MADV_SEQUENTIAL);  // advice: without it reading is slower, not wrong
  return m;
}

}  // namespace ashlar::detail
