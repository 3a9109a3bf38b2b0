// Ashlar: replacing a file whole or not at all (POSIX).  SPDX-License-Identifier: BSL-1.0
// Together with mapping.hpp, all that a port to another system has to write anew.
#pragma once

#include <ashlar/core/result.hpp>
#include <ashlar/io/mapping.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

namespace ashlar::detail {

/// Bytes somewhere in memory, to be written one piece after the other.
using Piece = ::iovec;
using Pieces = std::span<Piece>;
/// As many as are written at once.
using PieceBatch = std::array<Piece, 512>;

/// A new file that takes the place of `path` on commit().
///
/// Until then it is a temporary in the same folder, which is removed if commit() is not reached or fails; a crash at
/// any moment leaves either the old file or the new one under `path`, whole, and at worst a stray `.name.*.tmp`.
/// Whoever has the old file open or mapped keeps it. An existing file's permission bits are kept; a symbolic link is
/// followed.
class AtomicFile {
 public:
  ASHLAR_COLD static Result<AtomicFile> create(std::string const& path) {
    AtomicFile file;
    file.path_ = path;
    if (path.empty()) return error(Errc::io, {"cannot save: the path is empty"});
    // The system would see the front of it alone, and another file be lost.
    if (path.find('\0') != std::string::npos)
      return error(Errc::io, {path.c_str(), ": cannot save: the path holds a NUL"});

    // Write beside the file that a link leads to, or the rename would replace the link.
    std::string target = path;
    struct ::stat status;
    bool const exists = ::lstat(path.c_str(), &status) == 0;
    ::mode_t mode = exists ? status.st_mode : 0;
    if (exists && S_ISLNK(status.st_mode)) {
      char* const resolved = ::realpath(path.c_str(), nullptr);
      if (resolved == nullptr) return io_error(path, "follow the symbolic link", errno);
      target = resolved;
      ::free(resolved);
      if (::stat(target.c_str(), &status) != 0) return io_error(path, "follow the symbolic link", errno);
      mode = status.st_mode;
    }
    if (exists && !S_ISREG(mode))
      return error(Errc::io, {path, ": cannot save: something that is no file has this name"});

    std::size_t const slash = target.rfind('/');
    std::string const folder = slash == std::string::npos ? "." : slash == 0 ? "/" : target.substr(0, slash);
    file.name_ = slash == std::string::npos ? target : target.substr(slash + 1);
    if (file.name_.empty()) return error(Errc::io, {path, ": cannot save: the path names a folder"});
    file.folder_ = Descriptor(retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (file.folder_.get() < 0) return io_error(path, "open the folder " + folder, errno);

    for (int attempt = 0;; ++attempt) {
      file.temporary_ = temporary_name(file.name_);
      int const fd = retry([&] {
        return ::openat(file.folder_.get(), file.temporary_.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      });
      file.file_ = Descriptor(fd);
      if (fd >= 0) break;
      int const code = errno;
      file.temporary_.clear();  // not ours
      if (code != EEXIST || attempt == 100) return io_error(path, "create a temporary file in " + folder, code);
    }
    if (exists && ::fchmod(file.file_.get(), mode & 0777) != 0) return io_error(path, "keep the permissions", errno);
    return file;
  }

  AtomicFile(AtomicFile&& other) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile() { discard(); }

  /// Writes the pieces from byte `at` on, whatever the system's limits for one call are. Uses up `pieces`.
  Result<void> write(Pieces pieces, std::uint64_t at) {
    while (!pieces.empty()) {
      if (pieces[0].iov_len == 0) {
        pieces = pieces.subspan(1);
        continue;
      }
      // One call takes 1024 pieces (IOV_MAX) and 0x7ffff000 bytes; of more it writes a part, or on some systems
      // nothing.
      std::size_t count = 0;
      std::size_t bytes = 0;
      while (count < pieces.size() && count < 1024 && bytes + pieces[count].iov_len <= max_call) {
        bytes += pieces[count++].iov_len;
      }
      ::ssize_t n;
      if (count == 0) {
        n = ::pwrite(file_.get(), pieces[0].iov_base, max_call, static_cast<::off_t>(at));
      } else {
        n = ::pwritev(file_.get(), pieces.data(), static_cast<int>(count), static_cast<::off_t>(at));
      }
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error(path_, "write", errno);
      if (n == 0) return io_error(path_, "write", ENOSPC);
      at += static_cast<std::uint64_t>(n);
      for (auto left = static_cast<std::size_t>(n); left != 0;) {
        std::size_t const step = left < pieces[0].iov_len ? left : pieces[0].iov_len;
        pieces[0].iov_base = static_cast<std::byte*>(pieces[0].iov_base) + step;
        pieces[0].iov_len -= step;
        left -= step;
        if (pieces[0].iov_len == 0) pieces = pieces.subspan(1);
      }
    }
    return {};
  }
  Result<void> write(std::span<std::byte const> bytes, std::uint64_t at) {
    Piece piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
    return write(Pieces(&piece, 1), at);
  }

  /// Lets the system write what lies at [at, at + bytes) to the disk now, while more is prepared, instead of when
  /// fsync waits for it. Advice: without it saving is slower, not wrong.
  void start_writing(std::uint64_t at, std::uint64_t bytes) {
#ifdef __linux__
    (void)::sync_file_range(file_.get(), static_cast<::off64_t>(at), static_cast<::off64_t>(bytes),
                            SYNC_FILE_RANGE_WRITE);
#else
    (void)at, (void)bytes;
#endif
  }

  /// Makes the new file durable and gives it the path.
  ASHLAR_COLD Result<void> commit() {
    // After a failed fsync the kernel may have dropped the dirty pages: a second one would report success wrongly.
    if (::fsync(file_.get()) != 0) return io_error(path_, "sync", errno);
    if (::close(file_.release()) != 0 && errno != EINTR) return io_error(path_, "close", errno);
    if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) != 0) {
      return io_error(path_, "replace the file", errno);
    }
    temporary_.clear();
    // Some file systems cannot sync a folder, and say so; they have no more to offer.
    if (::fsync(folder_.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
      return io_error(path_, "sync the folder (the new file is in place, but may be lost in a power failure)", errno);
    }
    return {};
  }

 private:
  static constexpr std::size_t max_call = 0x7ffff000u;

  AtomicFile() = default;

  template <class Call>
  static int retry(Call call) {
    int result;
    do result = call();
    while (result < 0 && errno == EINTR);
    return result;
  }

  static std::string temporary_name(std::string const& name) {
    static std::atomic<unsigned> counter{0};
    struct ::timespec now{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    char unique[64];
    std::snprintf(unique, sizeof unique, ".%lx.%lx.%x.tmp", static_cast<unsigned long>(::getpid()),
                  static_cast<unsigned long>(now.tv_nsec), counter.fetch_add(1, std::memory_order_relaxed));
    return "." + name.substr(0, 180) + unique;  // names have at most 255 bytes
  }

  void discard() {
    if (temporary_.empty() || folder_.get() < 0) return;
    (void)::unlinkat(folder_.get(), temporary_.c_str(), 0);
    temporary_.clear();
  }

  std::string path_;       // as given, for messages
  std::string name_;       // in the folder
  std::string temporary_;  // in the folder; empty if there is none
  Descriptor folder_;
  Descriptor file_;
};

}  // namespace ashlar::detail
