// Opening and loading a network of 1 GB, next to Python's libraries.  SPDX-License-Identifier: BSL-1.0
//
//   bench_load [repetitions]     default 7; three files of 1 GB in $TMPDIR or the current folder, removed afterwards
//
// The files lie in the page cache: what is measured is work, not the disk. Minima; load.py measures Python's part
// right after ours, in a process of its own for each Python that has a contestant. Goals (design section 11): a typed
// map 300 times faster than safe_open with 4096 tensors; a .pt of 4096 tensors as mapped views 20 times faster than
// torch.load(mmap=True); a .safetensors of 4096 tensors 5 times faster than safe_open. With 16 tensors there is not
// much to win: safe_open takes 25 us, and the open, fstat, mmap and munmap that every map needs take 5.8 us of them.
#include <ashlar/io/file.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch.hpp>
#include <ashlar/io/torch_write.hpp>

#include <fcntl.h>
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

struct Result {
  std::string name;
  double ms;
};

/// The contestants that a Python has.
std::vector<Result> python(std::string const& interpreter, std::string const& files, int repetitions) {
  std::string const command = interpreter + " " ASHLAR_BENCH_SOURCE_DIR "/load.py " + files + ".safetensors " + files +
                              ".pt " + std::to_string(repetitions) + " 2>/dev/null";
  std::vector<Result> out;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  char name[64];
  char version[64];
  double ms = 0;
  while (pipe != nullptr && std::fscanf(pipe, " %63[^\t]\t%63[^\t]\t%lf", name, version, &ms) == 3) {
    out.push_back({std::string(name) + ", " + version, ms});
  }
  if (pipe != nullptr) ::pclose(pipe);
  return out;
}

void plain_write(std::string const& path, void const* from, std::size_t size) {
  int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  auto const* const bytes = static_cast<char const*>(from);
  for (std::size_t at = 0; fd >= 0 && at < size;) {
    ::ssize_t const n = ::write(fd, bytes + at, std::min<std::size_t>(size - at, 1 << 20));
    if (n <= 0) break;
    at += static_cast<std::size_t>(n);
  }
  if (fd < 0 || ::fsync(fd) != 0) std::perror(path.c_str()), std::exit(1);
  ::close(fd);
}

template <std::size_t N>
void bench(int repetitions, std::string const& files) {
  using M = Model<N>;
  std::string const ashlar_file = files + ".ashlar";
  std::string const torch_file = files + ".pt";
  std::string const safetensors_file = files + ".safetensors";
  auto const model = std::unique_ptr<M>(new M);
  for (std::size_t i = 0; i < N; ++i) model->layers[i].fill(static_cast<float>(i + 1));

  // Each writer finds no file to replace and an idle disk.
  auto const saved = [&](std::string const& path, auto&& write) {
    ::unlink(path.c_str());
    ::sync();
    double const begin = now();
    write();
    return (now() - begin) * 1e3;
  };
  double best[4] = {1e9, 1e9, 1e9, 1e9};
  for (int r = 0; r < 2; ++r) {
    best[0] = std::min(best[0], saved(files, [&] { plain_write(files, model.get(), sizeof(M)); }));
    ::unlink(files.c_str());
    best[1] = std::min(best[1], saved(ashlar_file, [&] { ashlar::save(ashlar_file, *model); }));
    best[2] = std::min(best[2], saved(torch_file, [&] { ashlar::save(torch_file, *model); }));
    best[3] = std::min(best[3], saved(safetensors_file, [&] { ashlar::save(safetensors_file, *model); }));
  }

  std::vector<Result> ours;
  auto const add = [&](char const* name, int inner, auto&& run) {
    ours.push_back({name, milliseconds(inner * repetitions, run)});
  };
  add("map<Model>(.ashlar)", 1000, [&] { (void)ashlar::map<M>(ashlar_file); });
  add("read_safetensors", 30, [&] { (void)ashlar::read_safetensors(safetensors_file); });
  add("read_torch, check_crc = false", 10, [&] { (void)ashlar::read_torch(torch_file, {.check_crc = false}); });
  add("read_torch", 1, [&] { (void)ashlar::read_torch(torch_file); });
  add("load(.ashlar)", 1, [&] { ashlar::load(ashlar_file, *model); });
  add("load(.pt)", 1, [&] { ashlar::load(torch_file, *model); });
  add("load(.safetensors)", 1, [&] { ashlar::load(safetensors_file, *model); });
  std::vector<Result> theirs = python(ASHLAR_BENCH_PYTHON, files, repetitions);
  if (std::string(ASHLAR_BENCH_PYTHON) != "/usr/bin/python3") {
    for (Result& r : python("/usr/bin/python3", files, repetitions)) theirs.push_back(std::move(r));
  }
  for (std::string const& f : {ashlar_file, torch_file, safetensors_file}) ::unlink(f.c_str());

  std::printf("%zu tensors, 1 GB; saved to the disk in ms: write(2) %.0f, .ashlar %.0f, .pt %.0f, .safetensors %.0f\n",
              N, best[0], best[1], best[2], best[3]);
  std::printf("  %-36s %12s", "", "ms");
  for (Result const& t : theirs) std::printf("  %s", t.name.c_str());
  std::printf("\n");
  for (Result const& t : theirs) std::printf("  %-36s %12.3f\n", t.name.c_str(), t.ms);
  for (Result const& o : ours) {
    std::printf("  %-36s %12.4f", o.name.c_str(), o.ms);
    for (Result const& t : theirs) {
      std::printf("  %*.*fx", static_cast<int>(t.name.size()) - 1, t.ms < 100 * o.ms ? 1 : 0, t.ms / o.ms);
    }
    std::printf("\n");
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int const repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  char const* const folder = std::getenv("TMPDIR");
  std::string const files = std::string(folder != nullptr ? folder : ".") + "/bench_load";
  bench<16>(repetitions, files);
  bench<4096>(repetitions, files);
  std::printf(
      "A ratio is how many times faster ours is. torch.load has mmap=True from 2.1 on; an older one loads plainly.\n");
}
