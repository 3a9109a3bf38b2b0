// Opening, loading and saving a network of 1 GB, next to Python's libraries and write(2).
// SPDX-License-Identifier: BSL-1.0
//
//   bench_load [repetitions]     default 7; three files of 1 GB in $TMPDIR or the current folder, removed afterwards
//
// Opened files lie in the page cache: what is measured is work, not the disk. Minima of many calls. Who opens them is a
// process of its own, ours (this program again, with --open) as Python's (load.py): what a heap has been through before
// makes twofold differences. ASHLAR_TORCH_PYTHON says with which Python, as for the tests. Goals (design section
// 11): a typed map 20 times faster than safe_open with 16 tensors and 300 times with 4096; a .pt of 4096 tensors as
// mapped views 20 times faster than torch.load(mmap=True); a .safetensors of 4096 tensors 5 times faster than
// safe_open; saving within 5 % of write(2).
//
// A typed map gives all tensors, so what compares with it is safe_open and its tensors; both times are printed. What
// any program pays to map a file, open + fstat + mmap + munmap + close, is printed as the floor.
#include <ashlar/io/file.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

/// N tensors, 1 GB in all.
template <std::size_t N>
struct Model {
  std::array<ashlar::Parameter<float, (std::size_t{1} << 28) / N>, N> layers;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The least milliseconds that a call took.
template <class F>
double milliseconds(int calls, F&& f) {
  double least = 1e9;
  f();
  for (int i = 0; i < calls; ++i) {
    double const begin = now();
    f();
    least = std::min(least, now() - begin);
  }
  return least * 1e3;
}

[[noreturn]] void die(std::string const& what) {
  std::perror(what.c_str());
  std::exit(1);
}

// ---- saving --------------------------------------------------------------------------------------------------------

/// The same bytes as our files have, but for some headers: in calls of 1 MiB, then fsync, as we do.
void plain_write(std::string const& path, void const* from, std::size_t size) {
  int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  auto const* const bytes = static_cast<char const*>(from);
  for (std::size_t at = 0; fd >= 0 && at < size;) {
    ::ssize_t const n = ::write(fd, bytes + at, std::min<std::size_t>(size - at, 1 << 20));
    if (n <= 0) die(path);
    at += static_cast<std::size_t>(n);
  }
  if (fd < 0 || ::fsync(fd) != 0) die(path);
  ::close(fd);
}

/// Rounds in which each writer has its turn, each time another one first: a slow moment of the machine or of its disk
/// hits all of them. No writer finds a file to replace, or a disk that is busy with the one before.
template <class M>
void bench_saving(M const& model, int rounds, std::string const& folder) {
  struct ::statvfs space;
  std::string const path = folder + "/bench_load_saved";
  if (::statvfs(folder.c_str(), &space) != 0 || std::uint64_t{space.f_bavail} * space.f_frsize < 2 * sizeof(M)) return;
  struct Writer {
    char const* name;
    std::function<void()> write;
    std::string file;
    double least = 1e9;
  };
  std::array<Writer, 4> writers{
      {{"write(2)", [&] { plain_write(path, &model, sizeof(M)); }, path},
       {".ashlar", [&] { ashlar::save(path + ".ashlar", model); }, path + ".ashlar"},
       {".pt", [&] { ashlar::save(path + ".pt", model); }, path + ".pt"},
       {".safetensors", [&] { ashlar::save(path + ".safetensors", model); }, path + ".safetensors"}}};
  for (int r = 0; r < rounds; ++r) {
    for (std::size_t i = 0; i < writers.size(); ++i) {
      Writer& w = writers[(i + static_cast<std::size_t>(r)) % writers.size()];
      ::sync();
      double const begin = now();
      w.write();
      w.least = std::min(w.least, now() - begin);
      ::unlink(w.file.c_str());
    }
  }
  std::printf("  saved to %s and synced, least of %d:", folder.c_str(), rounds);
  for (Writer const& w : writers) {
    std::printf("  %s %.0f ms", w.name, w.least * 1e3);
    if (&w != &writers[0]) std::printf(" (%+.0f %%)", (w.least / writers[0].least - 1) * 100);
  }
  std::printf("\n");
}

// ---- opening -------------------------------------------------------------------------------------------------------

struct Result {
  std::string name;
  double ms;
};

/// What a command measures: lines of name, tab, milliseconds.
std::vector<Result> measured_by(std::string const& command) {
  std::vector<Result> out;
  std::FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  char name[128];
  double ms = 0;
  while (pipe != nullptr && std::fscanf(pipe, " %127[^\t]\t%lf", name, &ms) == 2) out.push_back({name, ms});
  if (pipe != nullptr) ::pclose(pipe);
  return out;
}

/// The contestants that a Python has.
std::vector<Result> python(std::string const& interpreter, std::string const& files, int repetitions) {
  return measured_by(interpreter + " " ASHLAR_BENCH_SOURCE_DIR "/load.py " + files + ".safetensors " + files + ".pt " +
                     std::to_string(repetitions));
}
std::string torch_python() {
  char const* const chosen = std::getenv("ASHLAR_TORCH_PYTHON");
  return chosen != nullptr ? chosen : "/usr/bin/python3";
}

void plain_map(std::string const& path) {
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct ::stat s;
  if (fd < 0 || ::fstat(fd, &s) != 0) die(path);
  void* const at = ::mmap(nullptr, static_cast<std::size_t>(s.st_size), PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die(path);
  ::munmap(at, static_cast<std::size_t>(s.st_size));
  ::close(fd);
}

/// Measures ours, and prints it as measured_by reads it.
template <std::size_t N>
void open_ours(std::string const& files, int repetitions) {
  using M = Model<N>;
  std::string const ashlar_file = files + ".ashlar";
  std::string const torch_file = files + ".pt";
  std::string const safetensors_file = files + ".safetensors";
  auto const measure = [&](char const* name, int inner, auto&& run) {
    std::printf("%s\t%.6f\n", name, milliseconds(inner * repetitions, run));
  };
  measure("the floor: open, fstat, mmap, munmap", 1000, [&] { plain_map(ashlar_file); });
  measure("map<Model>(.ashlar)", 1000, [&] { (void)ashlar::map<M>(ashlar_file); });
  measure("read_safetensors", 30, [&] { (void)ashlar::read_safetensors(safetensors_file); });
  measure("read_torch, check_crc = false", 10, [&] { (void)ashlar::read_torch(torch_file, {.check_crc = false}); });
  measure("read_torch", 1, [&] { (void)ashlar::read_torch(torch_file); });
  auto const model = std::unique_ptr<M>(new M);
  measure("load(.ashlar)", 1, [&] { ashlar::load(ashlar_file, *model); });
  measure("load(.pt)", 1, [&] { ashlar::load(torch_file, *model); });
  measure("load(.safetensors)", 1, [&] { ashlar::load(safetensors_file, *model); });
}

template <std::size_t N>
void bench(std::string const& self, int repetitions, std::string const& folder) {
  using M = Model<N>;
  std::string const files = folder + "/bench_load";
  std::array<std::string, 3> const written{files + ".ashlar", files + ".pt", files + ".safetensors"};
  auto model = std::unique_ptr<M>(new M);
  for (std::size_t i = 0; i < N; ++i) model->layers[i].fill(static_cast<float>(i + 1));

  std::printf("%zu tensors, 1 GB\n", N);
  bench_saving(*model, std::min(5, repetitions), folder);
  bench_saving(*model, repetitions, "/dev/shm");
  std::fflush(stdout);

  for (std::string const& file : written) ashlar::save(file, *model);
  model.reset();
  std::vector<Result> const ours =
      measured_by(self + " --open " + std::to_string(N) + " " + files + " " + std::to_string(repetitions));
  std::vector<Result> theirs = python(ASHLAR_BENCH_PYTHON, files, repetitions);
  if (torch_python() != ASHLAR_BENCH_PYTHON) {
    for (Result& r : python(torch_python(), files, repetitions)) theirs.push_back(std::move(r));
  }
  for (std::string const& f : written) ::unlink(f.c_str());

  std::printf("  %-38s %10s", "opened from the page cache", "ms");
  for (std::size_t i = 0; i < theirs.size(); ++i) std::printf("      [%zu]", i + 1);
  std::printf("\n");
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    std::string const name = "[" + std::to_string(i + 1) + "] " + theirs[i].name;
    if (theirs[i].ms < 0) std::printf("  %-38s   not there\n", name.c_str());
    else std::printf("  %-38s %10.4f\n", name.c_str(), theirs[i].ms);
  }
  for (Result const& o : ours) {
    std::printf("  %-38s %10.4f", o.name.c_str(), o.ms);
    for (Result const& t : theirs) {
      if (t.ms < 0) std::printf("        -");
      else std::printf(" %7.*fx", t.ms < 100 * o.ms ? 1 : 0, t.ms / o.ms);
    }
    std::printf("\n");
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--open") {
    if (std::string_view(argv[2]) == "16") open_ours<16>(argv[3], std::atoi(argv[4]));
    else open_ours<4096>(argv[3], std::atoi(argv[4]));
    return 0;
  }
  int const repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  char const* const temporary = std::getenv("TMPDIR");
  std::string const folder = temporary != nullptr ? temporary : ".";
  bench<16>(argv[0], repetitions, folder);
  bench<4096>(argv[0], repetitions, folder);
  std::printf("A ratio is how many times faster ours is.\n");
}
