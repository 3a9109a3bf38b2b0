// Goes on from checkpoints that PyTorch wrote, and writes what PyTorch goes on from: for torch_checkpoint.py.
//   checkpoint NAME    reads NAME_theirs.pt, trains for three steps, writes NAME_ours.pt
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/io/read.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/reflect/structure.hpp>
#include <ashlar/train.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

using namespace ashlar;

namespace {

template <std::size_t In, std::size_t Out>
struct Dense {
  Parameter<float, Out, In> weight;
  Parameter<float, Out> bias;
};
struct Net {
  Dense<3, 2> a;
  Dense<2, 2> b;
};
struct HalfFrozen {
  Frozen<Dense<3, 2>> a;
  Dense<2, 2> b;
};

template <class Model, class Optimizer, class Scheduler>
struct Checkpoint {
  Model model;
  Optimizer optimizer;
  Scheduler scheduler;
  std::uint64_t epoch;
};

double inverse(std::uint64_t epoch) { return 1 / (1 + static_cast<double>(epoch)); }

/// The gradients that torch_checkpoint.py has too.
template <class Model>
void gradients(Model& grads, std::uint64_t epoch) {
  auto const fill = [&](auto& tensor, int first) {
    for (std::size_t i = 0; i < tensor.numel(); ++i) {
      tensor.elements[i] =
          static_cast<float>(epoch + 1) * 0.25f - static_cast<float>(first + static_cast<int>(i)) * 0.5f;
    }
  };
  fill(grads.a.weight, 0);
  fill(grads.a.bias, 1);
  fill(grads.b.weight, 2);
  fill(grads.b.bias, 3);
}

template <class Model, class Optimizer, class Scheduler>
void go_on(std::string const& name) {
  auto const c = load<Checkpoint<Model, Optimizer, Scheduler>>(name + "_theirs.pt");
  auto const grads = make_zeros<Model>();
  for (int step = 0; step < 3; ++step) {
    gradients(*grads, c->epoch++);
    c->optimizer.step(c->model, *grads);
    c->scheduler.step(c->optimizer);
  }
  save(name + "_ours.pt", *c);
}

/// What is written for a network whose average is kept, and nothing else of its training.
struct Averaged {
  Net model;
  ExponentialAverage<Net> average;
  std::uint64_t epoch;
};
void go_on_averaging(std::string const& name) {
  auto const c = load<Averaged>(name + "_theirs.pt");
  c->average.decay = 0.75;
  for (int step = 0; step < 3; ++step, ++c->epoch) {
    c->model.a.weight(0, 0) += 1;
    c->model.b.bias(1) -= 0.5f;
    c->average.update(c->model);
  }
  save(name + "_ours.pt", *c);
}

/// A network and how far it is, alone.
struct Snapshot {
  Net model;
  std::uint64_t epoch;
  std::array<double, 2> scores;
};
void go_on_alone(std::string const& name) {
  auto const c = load<Snapshot>(name + "_theirs.pt");
  c->model.b.bias(1) -= 0.5f;
  ++c->epoch;
  c->scores[1] = 0.25;
  save(name + "_ours.pt", *c);
}

}  // namespace

int main(int argc, char** argv) {
  std::string const name = argc == 2 ? argv[1] : "";
  try {
    if (name == "adam") go_on<Net, Adam<Net>, StepLR>(name);
    else if (name == "amsgrad") go_on<Net, Adam<Net, true>, MultiStepLR<3>>(name);
    else if (name == "adamw") go_on<Net, AdamW<Net>, CosineAnnealingLR>(name);
    else if (name == "sgd") go_on<Net, SGD<Net>, ExponentialLR>(name);
    else if (name == "plain_sgd") go_on<Net, SGD<Net>, LambdaLR<inverse>>(name);
    else if (name == "rmsprop") go_on<Net, RMSprop<Net>, LinearLR>(name);
    else if (name == "centered") go_on<Net, RMSprop<Net, true>, SequentialLR<LinearLR, StepLR>>(name);
    else if (name == "adagrad") go_on<Net, Adagrad<Net>, CosineAnnealingWarmRestarts>(name);
    else if (name == "fresh_adagrad") go_on<Net, Adagrad<Net>, StepLR>(name);
    else if (name == "frozen" || name == "trained") go_on<HalfFrozen, Adam<HalfFrozen>, PolynomialLR>(name);
    else if (name == "onecycle") go_on<Net, AdamW<Net>, OneCycleLR>(name);
    else if (name == "phases") go_on<Net, SGD<Net>, OneCycleLR>(name);
    else if (name == "averaged") go_on_averaging(name);
    else if (name == "progress") go_on_alone(name);
    else return 2;
  } catch (std::exception const& e) {
    std::puts(e.what());
    return 1;
  }
  return 0;
}
