// Saving against write(2), opening against open + fstat + mmap, next to each other.  SPDX-License-Identifier: BSL-1.0
//
//   bench_io [repetitions]     default 7; files of 1 GB in $TMPDIR or the current folder, removed afterwards
//
// Each repetition runs the contestants in turn, so that a slow moment of the machine hits all of them; the table shows
// medians. Plain write(2) writes the very bytes of the saved file from memory in calls of 1 MiB, then fsync. Budgets
// (design section 11): save at least 95 % of write(2); map at most 1.5 times open + fstat + mmap + munmap.
#include <ashlar/io/file.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

/// N tensors, 1 GB in all.
template <std::size_t N>
struct Model {
  std::array<ashlar::Parameter<float, (std::size_t{1} << 28) / N>, N> layers;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}
void die(char const* what) {
  std::perror(what);
  std::exit(1);
}

void plain_write(std::string const& path, std::byte const* bytes, std::size_t size) {
  int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) die("open");
  for (std::size_t at = 0; at < size;) {
    ssize_t const n = ::write(fd, bytes + at, std::min<std::size_t>(size - at, 1 << 20));
    if (n <= 0) die("write");
    at += static_cast<std::size_t>(n);
  }
  if (::fsync(fd) != 0) die("fsync");
  ::close(fd);
}

/// Opens, maps and drops the file: what an open costs at least.
void plain_map(std::string const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat s;
  if (fd < 0 || ::fstat(fd, &s) != 0) die("open");
  void* const at = ::mmap(nullptr, static_cast<std::size_t>(s.st_size), PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  ::munmap(at, static_cast<std::size_t>(s.st_size));
  ::close(fd);
}

template <class F>
double seconds(F&& f) {
  double const begin = now();
  f();
  return now() - begin;
}

template <std::size_t N>
void bench(int repetitions, std::string const& folder) {
  using M = Model<N>;
  std::string const path = folder + "/bench_io.ashlar";
  std::string const other = folder + "/bench_io.plain";
  auto const model = std::unique_ptr<M>(new M);
  for (std::size_t i = 0; i < N; ++i) model->layers[i].fill(static_cast<float>(i + 1));
  auto const* const bytes = reinterpret_cast<std::byte const*>(model.get());

  std::vector<double> write;
  std::vector<double> save;
  for (int r = 0; r < repetitions; ++r) {
    for (int turn = 0; turn < 2; ++turn) {
      // Each finds the same: no file to replace, an idle disk, and the memory of the other's file free again. With both
      // files kept, the second was up to 6 times slower (tmpfs in a virtual machine, whose fresh pages cost most).
      ::unlink(other.c_str());
      ::unlink(path.c_str());
      ::sync();
      if ((r + turn) % 2 == 0) {
        write.push_back(seconds([&] { plain_write(other, bytes, sizeof(M)); }));
      } else {
        save.push_back(seconds([&] { ashlar::save(path, *model); }));
      }
    }
  }
  ::unlink(other.c_str());
  ashlar::save(path, *model);

  constexpr int opens = 2000;
  std::vector<double> plain;
  std::vector<double> map;
  for (int r = 0; r < 2 * repetitions + 1; ++r) {
    plain.push_back(seconds([&] {
      for (int i = 0; i < opens; ++i) plain_map(path);
    }));
    map.push_back(seconds([&] {
      for (int i = 0; i < opens; ++i) (void)ashlar::map<M>(path);
    }));
  }

  auto const target = std::unique_ptr<M>(new M);
  std::vector<double> load;
  std::vector<double> verify;
  for (int r = 0; r < repetitions; ++r) {
    load.push_back(seconds([&] { ashlar::load(path, *target); }));
    verify.push_back(seconds([&] {
      if (!ashlar::verify(path)) std::exit(1);
    }));
  }
  ::unlink(path.c_str());

  double const gb = static_cast<double>(sizeof(M)) / 1e9;
  double const w = median(write);
  double const s = median(save);
  double const p = median(plain) / opens * 1e6;
  double const m = median(map) / opens * 1e6;
  std::printf(
      "%5zu tensors  write+fsync %5.2f GB/s  save %5.2f GB/s  %5.1f %%   open+mmap %5.2f us  map %5.2f us  %4.2fx"
      "   load %5.2f GB/s  verify %5.2f GB/s\n",
      N, gb / w, gb / s, 100 * w / s, p, m, m / p, gb / median(load), gb / median(verify));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int const repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  char const* const folder = std::getenv("TMPDIR");
  bench<16>(repetitions, folder != nullptr ? folder : ".");
  bench<4096>(repetitions, folder != nullptr ? folder : ".");
}
