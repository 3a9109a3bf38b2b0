// tests/train/checkpoint_save_test.cpp: what a struct is as PyTorch's checkpoint, and back; moving averages, OneCycleLR
// and frozen parts in one; partial loads. SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/rng.hpp>
#include <ashlar/io/load_to.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/batch_norm.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/train.hpp>

#include "support/checkpoints.hpp"
#include "support/file.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

using namespace ashlar;
using namespace ashlar::test;

namespace {

template <class T>
bool same(T const& a, T const& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

struct Normed {
  Linear<4, 8> hidden;
  BatchNorm1d<8> bn;
  Linear<8, 3> out;
};
/// All that a checkpoint may have: what is written as .pt is read again to the bit.
struct Everything {
  Normed model;
  Adam<Normed, true> optimizer;
  SequentialLR<LinearLR, SequentialLR<StepLR, MultiStepLR<3>>> scheduler;
  std::array<RMSprop<Small, true>, 2> others;
  ExponentialAverage<Normed> average;
  CosineAnnealingLR cosine;
  Rng rng;
  std::array<std::int16_t, 2> position;
  double loss;
  bool done;
};

template <class T>
void fill(T& object) {
  std::uint32_t next = 1;
  for (Row const& row : manifest<T>()) {
    if (row.is_alias()) continue;
    auto* const at = reinterpret_cast<std::byte*>(&object) + row.offset;
    bool const moment_of_none = row.kind == Kind::buffer && !row.moment && row.key.find("exp_avg") < 20;
    for (std::size_t i = 0; i < row.shape.numel() && !moment_of_none; ++i) {
      auto const n = static_cast<double>(next++ % 1000);
      switch (row.dtype) {
        case DType::f64: std::memcpy(at + 8 * i, &n, 8); break;
        case DType::f32: {
          auto const f = static_cast<float>(n);
          std::memcpy(at + 4 * i, &f, 4);
          break;
        }
        case DType::boolean: at[i] = std::byte{1}; break;
        default: at[i * size_of(row.dtype)] = static_cast<std::byte>(next % 100);
      }
    }
  }
}

}  // namespace

TEST_CASE("a checkpoint that is saved for PyTorch comes back to the bit") {
  auto const before = make_zeros<Everything>();
  fill(*before);
  for (RMSprop<Small, true>& o : before->others) std::memset(&*o.grad_avg, 0, sizeof(Small)), o.maximize = false;
  before->scheduler.milestone = 3;
  before->scheduler.second.milestone = 4;
  before->scheduler.second.second.milestones = {2, 2, 7};
  before->scheduler.first.base_lr = before->scheduler.second.base_lr = before->scheduler.base_lr;
  before->scheduler.second.first.base_lr = before->scheduler.second.second.base_lr = before->scheduler.base_lr;
  before->scheduler.last_epoch = 5;  // parts count for themselves in PyTorch, and not here
  before->scheduler.first.last_epoch = before->scheduler.second.last_epoch = 2;
  before->scheduler.second.first.last_epoch = 2;
  before->scheduler.second.second.last_epoch = 0;
  before->rng.seed = ~std::uint64_t{0};
  before->position = {-1, 2};
  save("everything.pt", *before);
  auto const after = load<Everything>("everything.pt");
  for (Row const& row : manifest<Everything>()) {
    auto const* const a = reinterpret_cast<std::byte const*>(before.get()) + row.offset;
    auto const* const b = reinterpret_cast<std::byte const*>(after.get()) + row.offset;
    if (std::memcmp(a, b, row.bytes) != 0) FAIL_CHECK(std::string(row.key));
  }
  Value const tree = read("everything.pt");
  CHECK(tree["scheduler"]["_milestones"][1].as_int() == 7);
  CHECK(tree["scheduler"]["_schedulers"][2]["milestones"].find(2)->as_int() == 2);
  CHECK(tree["optimizer"]["param_groups"][0]["amsgrad"].as_bool());
  CHECK(tree["optimizer"]["param_groups"][0]["initial_lr"].as_double() == before->scheduler.base_lr);
  CHECK(tree["model"].metadata()["bn"]["version"].as_int() == 2);
}

namespace {

struct Partly {
  Frozen<Linear<4, 8>> hidden;
  Linear<8, 3> out;
};
struct FrozenCheckpoint {
  Partly model;
  Adam<Partly> optimizer;
};

}  // namespace

TEST_CASE("positions count frozen parameters, or do not") {
  auto const c = make_zeros<FrozenCheckpoint>();
  c->optimizer.step_count = 3;
  find(c->optimizer, "exp_avg.out.bias").as<float>()[1] = 5;
  save_torch("frozen.pt", *c);
  Value const tree = read("frozen.pt");
  CHECK(tree["optimizer"]["param_groups"][0]["params"].size() == 4);
  CHECK(tree["optimizer"]["state"].find(0) == nullptr);
  CHECK(same(*load<FrozenCheckpoint>("frozen.pt"), *c));
  // torch.optim.Adam(p for p in net.parameters() if p.requires_grad)
  Value const& state = tree["optimizer"]["state"];
  Value const& group = tree["optimizer"]["param_groups"][0];
  std::vector<ValueItem> options(group.items().begin(), group.items().end());
  options.back().value = Value::list({Value(0), Value(1)});
  save_torch("trained.pt",
             Value::dict(
                 {{Value("model"), tree["model"]},
                  {Value("optimizer"),
                   Value::dict({{Value("state"), Value::dict({{Value(0), *state.find(2)}, {Value(1), *state.find(3)}})},
                                {Value("param_groups"), Value::list({Value::dict(options)})}})}}));
  CHECK(same(*load<FrozenCheckpoint>("trained.pt"), *c));
}

namespace {

struct Snapshot {
  Small model;
  std::uint64_t epoch;
  double best;
};
/// A network may be called so, too, and have numbers; but then not as a whole object.
struct Wrapper {
  Snapshot inner;
  Linear<3, 2> head;
};
struct Cycle {
  Adam<Small> optimizer;
  OneCycleLR scheduler;
};

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (Error const& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a model beside numbers is a checkpoint, as PyTorch's users write it") {
  auto const c = make_zeros<Snapshot>();
  c->model.out.bias(2) = 3;
  c->epoch = 4;
  c->best = 0.5;
  save("progress.pt", *c);
  Value const tree = read("progress.pt");
  CHECK(tree.size() == 3);
  CHECK(tree["epoch"].as_int() == 4);
  CHECK(tree["model"].metadata().is_dict());
  CHECK(load<Small>("progress.pt", {.at = "model"})->out.bias(2) == 3);
  CHECK(load<Snapshot>("progress.pt")->epoch == 4);
  CHECK_THAT(error_of([&] { save("progress.safetensors", *c); }), Catch::Contains("is a checkpoint with numbers"));
  CHECK_THAT(
      error_of([&] { save_torch("less.pt", Value::dict({{Value("model"), tree["model"]}})), load("less.pt", *c); }),
      Catch::Contains("Missing key(s) in state_dict: \"epoch\", \"best\""));
  // A flat file, as earlier versions wrote it, has the tensors.
  std::vector<ValueItem> flat;
  for (ValueItem const& i : tree["model"].items())
    flat.push_back({Value("model." + std::string(i.key.as_string())), i.value});
  save_torch("flat.pt", Value::dict(flat));
  c->model.out.bias(2) = 0;
  load("flat.pt", *c);
  CHECK(c->model.out.bias(2) == 3);
  CHECK(c->epoch == 4);
  save("wrapper.pt", *make_zeros<Wrapper>());
  CHECK(read("wrapper.pt").find("inner.model.out.bias") != nullptr);
}

TEST_CASE("a moving average is PyTorch's AveragedModel") {
  auto const before = make_zeros<ExponentialAverage<Small>>();
  before->decay = 0.75;
  before->n_averaged = 5;
  before->average->out.bias(1) = 2;
  save("average.pt", *before);
  Value const tree = read("average.pt");
  CHECK(tree["n_averaged"].tensor().describe() == "i64 ()");
  CHECK(tree.find("module.out.bias") != nullptr);
  CHECK(tree.find("decay") == nullptr);
  auto const after = load<ExponentialAverage<Small>>("average.pt");
  CHECK(after->decay == 0.75);
  CHECK(after->n_averaged == 5);
  CHECK(after->average->out.bias(1) == 2);
  // A network alone has no use for the count.
  CHECK(load<Small>("average.pt", {.strip_prefix = {"module."}})->out.bias(1) == 2);
}

TEST_CASE("a OneCycleLR has its rates with its optimizer") {
  auto const c = make_zeros<Cycle>();
  c->scheduler = {.max_lr = 0.1, .total_steps = 20, .three_phase = true, .last_epoch = 3};
  save("cycle.pt", *c);
  Value const tree = read("cycle.pt");
  // PyTorch's own has less.
  auto const only = [&](std::vector<std::string_view> const& keys) {
    std::vector<ValueItem> items;
    for (ValueItem const& i : tree["scheduler"].items()) {
      if (std::find(keys.begin(), keys.end(), i.key.as_string()) != keys.end()) items.push_back(i);
    }
    return Value::dict(items);
  };
  Value const theirs = only({"total_steps", "_schedule_phases", "_anneal_func_type", "cycle_momentum", "last_epoch"});
  save_torch("theirs.pt", Value::dict({{Value("optimizer"), tree["optimizer"]}, {Value("scheduler"), theirs}}));
  auto const got = load<Cycle>("theirs.pt");
  for (std::uint64_t const epoch : {0, 3, 5, 7, 12, 19}) {
    CHECK(got->scheduler.lr_at(epoch) == Approx(c->scheduler.lr_at(epoch)).epsilon(1e-13));
    CHECK(got->scheduler.momentum_at(epoch) == Approx(c->scheduler.momentum_at(epoch)).epsilon(1e-13));
  }
  CHECK(got->scheduler.last_epoch == 3);
  CHECK(got->scheduler.three_phase);
  save_torch("theirs.pt", theirs);
  OneCycleLR alone;
  CHECK_THAT(
      error_of([&] { load("theirs.pt", alone); }),
      Catch::Contains("the file is a OneCycleLR's, whose rates are expected in the param_groups of an optimizer"));
  Value const broken = only({"total_steps", "_schedule_phases", "last_epoch"});
  save_torch("theirs.pt", Value::dict({{Value("optimizer"), tree["optimizer"]}, {Value("scheduler"), broken}}));
  CHECK_THAT(error_of([&] { load("theirs.pt", *c); }), Catch::Contains("scheduler is a OneCycleLR's"));
}

namespace {

/// A user's own, which counts with a smaller number.
struct Heavy {
  double lr = 0.5;
  bool momentum = true;
  std::uint32_t step_count = 0;
  std::uint32_t beside = 0xffffffff;
  State<Small> velocity;
};
struct HeavyRun {
  Heavy optimizer;
  MultiStepLR<2> scheduler;
};

}  // namespace

TEST_CASE("numbers of a checkpoint have any size") {
  auto const c = make_zeros<HeavyRun>();
  c->optimizer.step_count = 7;
  c->optimizer.beside = 0xffffffff;
  c->scheduler.milestones = {3, ~std::uint64_t{0}};  // never
  save_torch("heavy.pt", *c);
  CHECK(read("heavy.pt")["optimizer"]["state"][0]["step"].tensor().as<float>()[0] == 7);
  CHECK(same(*load<HeavyRun>("heavy.pt"), *c));

  auto const cycle = make_zeros<Cycle>();
  cycle->scheduler.total_steps = ~std::uint64_t{0};
  save_torch("long.pt", *cycle);
  Value const tree = read("long.pt");
  std::vector<ValueItem> schedule;
  for (ValueItem const& item : tree["scheduler"].items()) {
    // what PyTorch makes of its arguments is all that it keeps
    if (item.key.as_string() != "pct_start") schedule.push_back(item);
  }
  save_torch("long.pt", Value::dict({{Value("optimizer"), tree["optimizer"]},
                                     {Value("scheduler"), Value::dict(std::move(schedule))}}));
  CHECK_NOTHROW(try_load<Cycle>("long.pt"));
}

TEST_CASE("the extension of a name chooses the format") {
  Small net{};
  net.out.bias(2) = 3;
  save("named.pt", net);
  save("named.pth", net);
  save("named.safetensors", net, {.metadata = {{"format", "pt"}}});
  save("named.ashlar", net);
  CHECK(read_file("named.pt").substr(0, 2) == "PK");
  CHECK(read_file("named.pth").substr(0, 2) == "PK");
  CHECK(read_file("named.safetensors").find("__metadata__") < 32);
  for (char const* name : {"named.pt", "named.pth", "named.safetensors", "named.ashlar"}) {
    CHECK(load<Small>(name)->out.bias(2) == 3);
  }
  auto const done = try_save("metadata.pt", net, {.metadata = {{"a", "b"}}});
  REQUIRE(!done);
  CHECK(done.error().problems() == Lines{"SaveOptions::metadata: the format has no place for it"});
}

TEST_CASE("a checkpoint is not saved where its numbers would be lost") {
  auto const c = make_zeros<AdamCheckpoint>();
  auto const done = try_save("checkpoint.safetensors", *c);
  REQUIRE(!done);
  CHECK(done.error().headline() ==
        "checkpoint.safetensors: .safetensors has tensors only, and Checkpoint<MLP<4, 8, 3, float>, "
        "Adam<MLP<4, 8, 3, float>>> is a checkpoint with numbers: save it as .ashlar or .pt");
}

TEST_CASE("a partial load leaves what is missing, and takes nothing that is something else") {
  auto const net = make_zeros<Small>();
  save_torch("model.pt",
             Value::dict({{Value("model"), torch_state_dict(*net)}, {Value("more"), torch_state_dict(*net)}}));
  AdamCheckpoint c{};
  c.epoch = 7;
  c.model.out.bias(0) = 7;
  auto const report = load("model.pt", c, {.partial = true});
  CHECK(c.epoch == 7);
  CHECK(c.model.out.bias(0) == 0);
  CHECK(report.loaded == Lines{"model.hidden.weight", "model.hidden.bias", "model.out.weight", "model.out.bias"});
  save_torch("other.pt", Value::dict({{Value("model"), Value(3)}, {Value("epoch"), Value("7")}}));
  CHECK(problems_of<AdamCheckpoint>("other.pt", {.partial = true}) ==
        Lines{"model is the integer 3, not a dict", "epoch is the string '7', no number for u64"});
}

TEST_CASE("a load onto a device asks for the device first") {
  Small net{};
  net.out.bias(2) = 3;
  save("device.ashlar", net);
  CHECK(load<Small>("device.ashlar", Cpu{})->out.bias(2) == 3);
  auto const there = try_load<Small>("device.ashlar", Cuda{1000});
  REQUIRE(!there);
  CHECK(there.error().code() == Errc::device);
  CHECK(there.error().headline().find("cuda:1000 cannot be used") == 0);
}
