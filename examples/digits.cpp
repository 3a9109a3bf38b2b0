// Example: handwritten digits, from a struct to a file that other languages read.  SPDX-License-Identifier: BSL-1.0
//
// Declares a network, trains it, kills the training in the middle of an epoch, resumes it to the same bits, maps the
// trained network from its file, reads that file from Python, and shows what a wrong shape looks like.
#include "digits/data.hpp"
#include "digits/model.hpp"
#include "digits/progress.hpp"

#include <ashlar/ashlar.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

using namespace digits;

namespace {

constexpr std::size_t epochs = 40;
constexpr std::size_t batch_size = 32;
std::string const source = ASHLAR_EXAMPLE_SOURCE_DIR;
bool all_well = true;

void title(char const* text) { std::cout << "\n== " << text << "\n" << std::flush; }

void check(bool good, char const* what) {
  std::cout << (good ? "  yes: " : "  NO: ") << what << "\n" << std::flush;
  all_well = all_well && good;
}

/// Trains from wherever `c` stands to the last epoch, and saves a checkpoint after each.
//! [train]
void train(Checkpoint& c, Digits const& data, std::string const& path,
           std::function<void(std::size_t epoch, std::size_t row)> const& on_batch = {}) {
  auto grads = ashlar::zeros_like(c.model);
  ashlar::Tape tape(c.model, *grads, c.rng);
  std::vector<std::size_t> order(data.rows());
  Progress progress(epochs);

  while (c.epoch < epochs) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    c.rng.shuffle(std::span(order));
    double total = 0;
    for (std::size_t row = 0; row < data.rows(); row += batch_size) {
      if (on_batch) on_batch(c.epoch, row);
      std::size_t const end = std::min(row + batch_size, data.rows());
      Digits const batch = batch_of(data, order, row, end);

      ashlar::zero_grad(*grads);
      auto loss = ashlar::cross_entropy(tape(batch.images), batch.labels);
      total += tape.backward(loss) * static_cast<double>(end - row);
      c.optimizer.step(c.model, *grads);
    }
    c.scheduler.step(c.optimizer);
    c.loss = total / static_cast<double>(data.rows());
    ++c.epoch;
    ashlar::save(path, c);  // replaces the file only when the new one is complete and on the disk
    progress.show(c.epoch, c.loss, c.optimizer.lr);
  }
}

ashlar::Owned<Checkpoint> new_run() {
  auto c = ashlar::make<Checkpoint>();
  ashlar::initialise(c->model, ashlar::Rng{0});  // the numbers PyTorch gives after torch.manual_seed(0)
  return c;
}
//! [train]

/// Trains in a child process, which is killed with SIGKILL when it is half way through epoch 12.
void train_and_be_killed(Digits const& data, std::string const& path) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) throw std::runtime_error("pipe");
  std::cout << std::flush;
  pid_t const child = fork();
  if (child == 0) {
    auto c = new_run();
    train(*c, data, path, [&](std::size_t epoch, std::size_t row) {
      if (epoch != 12 || row < data.rows() / 2) return;
      if (write(pipe_ends[1], "x", 1) != 1) _exit(1);
      for (;;) pause();  // in the middle of an epoch; a millisecond later the epoch would be over
    });
    _exit(1);  // not reached
  }
  char signal_from_child = 0;
  if (child < 0 || read(pipe_ends[0], &signal_from_child, 1) != 1) throw std::runtime_error("the child did not train");
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  Progress(epochs).stop();
  check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
        "the training process was killed in the middle of epoch 12");
}

/// Runs a command and returns what it printed on both channels.
std::string output_of(std::string const& command, int* status = nullptr) {
  std::string text;
  FILE* const p = popen((command + " 2>&1").c_str(), "r");
  if (p == nullptr) throw std::runtime_error("cannot run " + command);
  char buffer[4096];
  while (std::size_t const n = std::fread(buffer, 1, sizeof buffer, p)) text.append(buffer, n);
  int const s = pclose(p);
  if (status != nullptr) *status = s;
  return text;
}

std::string quoted(std::string const& path) { return "'" + path + "'"; }

}  // namespace

int main() {
  Split const data = read_digits(source + "/examples/data");

  title("1. A network is a struct");
  std::cout << ashlar::summary<Classifier>();
  std::cout << "  " << data.train.rows() << " digits to train with, " << data.test.rows() << " held out\n";

  title("2. Training, without interruption");
  auto const whole = new_run();
  train(*whole, data.train, "whole.ashlar");

  title("3. The same, killed in the middle of an epoch, and resumed from its checkpoint");
  train_and_be_killed(data.train, "resumed.ashlar");
  auto const resumed = ashlar::load<Checkpoint>("resumed.ashlar");
  std::cout << "  the checkpoint was saved after epoch " << resumed->epoch << "; going on from there\n";
  train(*resumed, data.train, "resumed.ashlar");
  bool same = true;
  for (ashlar::Row const& row : ashlar::manifest<Checkpoint>()) {
    auto const at = [&](Checkpoint const& c) { return reinterpret_cast<std::byte const*>(&c) + row.offset; };
    same = same && std::memcmp(at(*whole), at(*resumed), row.bytes) == 0;
  }
  check(same, "parameters, moments, learning rate and random state are those of the uninterrupted run, bit for bit");

  title("4. Saved, and mapped back without a copy");
  ashlar::save("classifier.ashlar", whole->model);
  auto const mapped = ashlar::map<Classifier>("classifier.ashlar");  // const Classifier& over the file's own pages
  auto const logits = mapped(data.test.images);
  check(ashlar::bitwise_equal(logits, ashlar::forward(whole->model, data.test.images)),
        "the mapped network computes what the trained one computes, bit for bit");
  auto const predicted = ashlar::argmax(logits);
  std::size_t right = 0;
  std::vector<std::size_t> shown = {0, 1, 4};
  for (std::size_t r = 0; r < data.test.rows(); ++r) {
    bool const hit = predicted(r) == data.test.labels(r);
    right += hit;
    if (!hit && r > 4 && shown.size() < 4) shown.push_back(r);  // and a mistake
  }
  draw(data.test, shown, predicted);
  double const accuracy = static_cast<double>(right) / static_cast<double>(data.test.rows());
  std::printf("  %zu of %zu held-out digits are read rightly: %.1f %%\n", right, data.test.rows(), 100 * accuracy);
  print_confusion(data.test, predicted);
  check(accuracy >= 0.97, "at least 97 %");

  title("5. The same file, read by Python through the generated schema");
  std::ofstream("classifier.fbs") << ashlar::schema<Classifier>();
  std::ifstream golden(source + "/schemas/classifier.fbs");
  check(std::string(std::istreambuf_iterator<char>(golden), {}) == ashlar::schema<Classifier>(),
        "the schema is the one in schemas/classifier.fbs");
  std::string const flatc =
      quoted(ASHLAR_EXAMPLE_FLATC) + " --python -I " + quoted(source + "/schemas") + " -o generated ";
  std::cout << output_of(flatc + "classifier.fbs") << output_of(flatc + quoted(source + "/schemas/ashlar.fbs"));
  int status = 0;
  std::string const python =
      output_of(quoted(ASHLAR_EXAMPLE_PYTHON) + " " + quoted(source + "/examples/digits/read_digits.py") +
                    " generated classifier.ashlar " + quoted(source + "/examples/data"),
                &status);
  std::ostringstream expected;
  for (std::int64_t const digit : predicted) expected << digit << '\n';
  if (python != expected.str()) std::cout << python;
  check(status == 0 && python == expected.str(), "Python predicts the same 360 digits");

  title("6. What a wrong number looks like: Linear<128, 10> output becomes Linear<100, 10>");
  std::ifstream header(source + "/examples/digits/model.hpp");
  std::string text(std::istreambuf_iterator<char>(header), {});
  text.replace(text.find("Linear<128, 10>"), 15, "Linear<100, 10>");
  std::ofstream("wrong_model.hpp") << text;
  std::ofstream("wrong.cpp")
      << "#include \"wrong_model.hpp\"\nint main() { auto net = ashlar::make<digits::Classifier>(); }\n";
  std::string const errors = output_of(
      std::string(ASHLAR_EXAMPLE_CXX) + " -std=c++20 -fsyntax-only " + ASHLAR_EXAMPLE_CXXFLAGS + " wrong.cpp", &status);
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("In file included", 0) == 0 || line.rfind("        ", 0) == 0) continue;
    std::cout << "  " << line << "\n";
    if (line.find("error: ") != std::string::npos) break;
  }
  check(status != 0 && errors.find("output takes 100") != std::string::npos,
        "the compiler says which member, in one sentence");

  std::cout << (all_well ? "\nAll of it went well.\n" : "\nSomething went wrong.\n");
  return all_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
