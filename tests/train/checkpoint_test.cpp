// tests/train/checkpoint_test.cpp: PyTorch's training checkpoints as a struct, and a struct as PyTorch's checkpoint.
// tests/interop/torch_checkpoint.py has real PyTorch go on from ours, and us from its own.
// SPDX-License-Identifier: BSL-1.0
#include <ashlar/core/rng.hpp>
#include <ashlar/grad/tape.hpp>
#include <ashlar/io/load_to.hpp>
#include <ashlar/io/read.hpp>
#include <ashlar/io/safetensors.hpp>
#include <ashlar/io/torch_state.hpp>
#include <ashlar/io/torch_write.hpp>
#include <ashlar/nn/activation.hpp>
#include <ashlar/nn/chain.hpp>
#include <ashlar/nn/linear.hpp>
#include <ashlar/nn/loss.hpp>
#include <ashlar/reflect/lookup.hpp>
#include <ashlar/train.hpp>

#include "support/checkpoints.hpp"
#include "support/close.hpp"
#include "support/digits.hpp"
#include "support/file.hpp"
#include "support/json.hpp"
#include "support/safetensors.hpp"

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

std::string data(std::string const& name) { return ASHLAR_TEST_DATA "/" + name; }
struct Longer {
  Linear<4, 8> hidden;
  Linear<8, 3> out;
  Linear<3, 3> more;
};
LoadOptions const fixture_names{.rename = {{"lr_scheduler", "scheduler"}}};

/// A tensor of the tree has the elements of the truth.
template <std::size_t N, class T>
void check_values(std::span<T, N> x, SafeTensors const& truth, std::string const& key) {
  CAPTURE(key);
  auto const expected = truth.values<std::remove_const_t<T>>(key);
  REQUIRE(expected.size() == x.size());
  CHECK(std::memcmp(expected.data(), x.data(), x.size_bytes()) == 0);
}

}  // namespace

TEST_CASE("a checkpoint of PyTorch is one load") {
  SafeTensors const truth(data("pytorch/checkpoint_adam.safetensors"));
  for (char const* name : {"pytorch/checkpoint_adam.pt", "pytorch/checkpoint_adam_legacy.pt"}) {
    CAPTURE(name);
    AdamCheckpoint c{};
    auto const report = load(data(name), c, fixture_names);
    CHECK(c.epoch == 5);
    CHECK(c.optimizer.lr == 0.0025);
    CHECK(c.optimizer.betas == std::array{0.9, 0.99});
    CHECK(c.optimizer.eps == 1e-8);
    CHECK(c.optimizer.weight_decay == 1e-4);
    CHECK_FALSE(c.optimizer.maximize);
    CHECK(c.optimizer.step_count == 5);
    CHECK(c.scheduler.step_size == 2);
    CHECK(c.scheduler.gamma == 0.5);
    CHECK(c.scheduler.base_lr == 0.01);
    CHECK(c.scheduler.last_epoch == 5);
    check_values(c.model.hidden.weight.span(), truth, "model/hidden.weight");
    check_values(c.model.out.bias.span(), truth, "model/out.bias");
    check_values(c.optimizer.exp_avg->hidden.weight.span(), truth, "optimizer/state/0/exp_avg");
    check_values(c.optimizer.exp_avg_sq->hidden.bias.span(), truth, "optimizer/state/1/exp_avg_sq");
    check_values(c.optimizer.exp_avg->out.bias.span(), truth, "optimizer/state/3/exp_avg");
    CHECK(report.unused == Lines{"loss"});
    CHECK(report.kept.empty());
  }
}

TEST_CASE("a part of a checkpoint is loaded from where it lies") {
  auto const adam = load<Adam<Small>>(data("pytorch/checkpoint_adam.pt"), {.at = "optimizer"});
  CHECK(adam->step_count == 5);
  auto const schedule = load<StepLR>(data("pytorch/checkpoint_adam.pt"), {.at = "lr_scheduler"});
  CHECK(schedule->base_lr == 0.01);
  auto const adamw = load<AdamW<Small>>(data("pytorch/optimizer_adamw.pt"));
  CHECK(adamw->weight_decay == 0.01);
  SafeTensors const truth(data("pytorch/optimizer_adamw.safetensors"));
  check_values(adamw->exp_avg_sq->out.weight.span(), truth, "state/2/exp_avg_sq");
  using Sgd = Checkpoint<Small, SGD<Small>>;
  auto const sgd = load<Sgd>(data("pytorch/checkpoint_sgd.pt"), fixture_names);
  CHECK(sgd->optimizer.momentum == 0.9);
  CHECK(sgd->optimizer.step_count == 1);  // more than 0, which is all that SGD asks
  SafeTensors const buffers(data("pytorch/checkpoint_sgd.safetensors"));
  check_values(sgd->optimizer.momentum_buffer->hidden.bias.span(), buffers, "optimizer/state/1/momentum_buffer");
}

TEST_CASE("a run that PyTorch began goes on to where PyTorch came") {
  using Net = MLP<64, 128, 10, double>;
  auto const c = load<Checkpoint<Net, Adam<Net>>>(data("training/resume_adam.pt"), fixture_names);
  Digits const digits;
  auto const all = digits.rows("train_index");
  auto const rows = std::span(all).first(200);
  auto const x = digits.inputs<double>(rows);
  auto const y = digits.labels(rows);
  auto grads = zeros_like(c->model);
  Tape tape(c->model, *grads);
  std::vector<double> losses;
  for (; c->epoch < 10; ++c->epoch) {
    zero_grad(*grads);
    losses.push_back(tape.backward(cross_entropy(tape(x), y)));
    c->optimizer.step(c->model, *grads);
    c->scheduler.step(c->optimizer);
  }
  // The bound of trace_test.cpp: shares of the largest element, sums taken in another order.
  SafeTensors const after(data("training/resume_adam.after.safetensors"));
  auto const check = [&](std::span<double> got, std::string const& key) {
    CAPTURE(key);
    CHECK(worst_of_scale(got, after.values<double>(key)) <= 1e-12);
  };
  auto const check_net = [&](Net& net, std::string const& front, std::array<char const*, 4> names,
                             std::string const& back) {
    check(net.hidden.weight.span(), front + names[0] + back);
    check(net.hidden.bias.span(), front + names[1] + back);
    check(net.out.weight.span(), front + names[2] + back);
    check(net.out.bias.span(), front + names[3] + back);
  };
  check_net(c->model, "step10/state/", {"hidden.weight", "hidden.bias", "out.weight", "out.bias"}, "");
  check_net(*c->optimizer.exp_avg, "step10/optimizer/", {"0", "1", "2", "3"}, "/exp_avg");
  check_net(*c->optimizer.exp_avg_sq, "step10/optimizer/", {"0", "1", "2", "3"}, "/exp_avg_sq");
  Json const recorded = parse_json(read_file(data("training/resume_adam.json")));
  auto const expected = recorded["loss_before_each_step"].numbers();
  expect_close(losses, std::vector<double>(expected.begin() + 5, expected.end()), 1e-12, 0);
  CHECK(c->optimizer.lr == 0.000625);
}

TEST_CASE("what does not fit is said at once, in the words of the library") {
  CHECK(
      problems_of<AdamCheckpoint>(data("pytorch/checkpoint_adam.pt")) ==
      Lines{"the file has no scheduler; what it has beside is \"lr_scheduler\", \"loss\": LoadOptions::rename can say "
            "what is meant"});
  using Sgd = Checkpoint<Small, SGD<Small>>;
  CHECK(problems_of<Sgd>(data("pytorch/checkpoint_adam.pt"), fixture_names) ==
        Lines{"Missing key(s) in state_dict: \"optimizer.momentum\", \"optimizer.dampening\".",
              "optimizer.state has exp_avg, which SGD<MLP<4, 8, 3, float>> does not keep",
              "optimizer.state has exp_avg_sq, which SGD<MLP<4, 8, 3, float>> does not keep",
              "optimizer.param_groups has betas, which is a tuple of 2 elements: not so in SGD<MLP<4, 8, 3, float>>",
              "optimizer.param_groups has eps, which is the float 1e-08: not so in SGD<MLP<4, 8, 3, float>>"});
  using Wider = MLP<4, 9, 3, float>;
  Lines const wider = problems_of<Checkpoint<Wider, Adam<Wider>>>(data("pytorch/checkpoint_adam.pt"), fixture_names);
  CHECK(wider.size() == 9);
  CHECK(wider[3] ==
        "size mismatch for optimizer.exp_avg.hidden.weight: copying a param with shape (8, 4) from "
        "checkpoint, the shape in current model is (9, 4) (Linear<4, 9>)");
  CHECK(problems_of<Adam<Longer>>(data("pytorch/checkpoint_adam.pt"), {.at = "optimizer"}) ==
        Lines{"param_groups: 4 parameters in the file, 6 in Adam<Longer>"});
  CHECK(problems_of<Adam<Small>>(data("pytorch/optimizer_adamw.pt")) ==
        Lines{"param_groups has decoupled_weight_decay, which is the bool True: not so in Adam<MLP<4, 8, 3, float>>"});
}

TEST_CASE("a checkpoint with parts that say something else is refused, part by part") {
  auto const net = make_zeros<Small>();
  auto const adam = make_zeros<Adam<Small>>();
  adam->step_count = 2;
  auto const write = [&](Value const& optimizer, Value const& epoch, Value const& schedule) {
    save_torch("parts.pt", Value::dict({{Value("model"), torch_state_dict(*net)},
                                        {Value("optimizer"), optimizer},
                                        {Value("scheduler"), schedule},
                                        {Value("epoch"), epoch}}));
    return problems_of<AdamCheckpoint>("parts.pt");
  };
  Value const good = torch_optimizer_state(*adam, *net);
  Value const schedule = Value::dict({{Value("step_size"), Value(1)},
                                      {Value("gamma"), Value(0.5)},
                                      {Value("base_lrs"), Value::list({Value(1)})},
                                      {Value("last_epoch"), Value(4)}});
  CHECK(write(good, Value(-1), schedule) == Lines{"epoch is the integer -1, no number for u64"});
  CHECK(write(good, Value(1.5), schedule) == Lines{"epoch is the float 1.5, no number for u64"});
  CHECK(write(good, Value("3"), schedule) == Lines{"epoch is the string '3', no number for u64"});
  CHECK(write(Value(3), Value(1), schedule) ==
        Lines{"optimizer is the integer 3, not an optimizer's state_dict: a dict of \"state\" and \"param_groups\""});
  CHECK(write(good, Value(1), Value::list({})) ==
        Lines{"scheduler is a list of 0 elements, not a schedule's state_dict"});

  // Two groups: whose state is whose is known by name alone, and the options have to be the same.
  auto const group = [&](double lr, std::vector<int> ids, std::vector<char const*> names) {
    std::vector<ValueItem> items;
    for (ValueItem const& item : good["param_groups"][0].items()) {
      if (item.key.as_string() == "lr") items.push_back({item.key, Value(lr)});
      else if (item.key.as_string() != "params") items.push_back(item);
    }
    std::vector<Value> id_list;
    std::vector<Value> name_list;
    for (int const i : ids) id_list.emplace_back(i);
    for (char const* n : names) name_list.emplace_back(n);
    items.push_back({Value("params"), Value::list(std::move(id_list))});
    if (!names.empty()) items.push_back({Value("param_names"), Value::list(std::move(name_list))});
    return Value::dict(std::move(items));
  };
  auto const in_groups = [&](Value const& a, Value const& b) {
    return Value::dict({{Value("state"), good["state"]}, {Value("param_groups"), Value::list({a, b})}});
  };
  CHECK(write(in_groups(group(1, {0, 2}, {}), group(1, {1, 3}, {})), Value(1), schedule) ==
        Lines{"optimizer.param_groups: 2 groups without param_names, which do not say whose state is whose"});
  CHECK(
      write(in_groups(group(1, {0, 2}, {"hidden.weight", "out.weight"}), group(2, {1, 3}, {"hidden.bias", "out.bias"})),
            Value(1), schedule) ==
      Lines{"optimizer.param_groups: lr is not the same in all groups, and Adam<MLP<4, 8, 3, float>> has one"});
  save_torch("groups.pt", in_groups(group(1, {0, 2}, {"hidden.weight", "out.weight"}),
                                    group(1, {1, 3}, {"hidden.bias", "out.bias"})));
  CHECK(load<Adam<Small>>("groups.pt")->lr == 1);

  // Each parameter counts its steps there.
  std::vector<ValueItem> state;
  for (ValueItem const& item : good["state"].items()) {
    std::vector<ValueItem> entry(item.value.items().begin(), item.value.items().end());
    if (item.key.as_int() == 3) entry[0].value = Value(7);
    state.push_back({item.key, Value::dict(std::move(entry))});
  }
  CHECK(write(Value::dict({{Value("state"), Value::dict(state)}, {Value("param_groups"), good["param_groups"]}}),
              Value(1), schedule) ==
        Lines{"optimizer.state: out.bias has done 7 steps and others 2, but step_count is one for all"});
  // What was never stepped has no state.
  state.pop_back();
  state.erase(state.begin());
  save_torch("rest.pt",
             Value::dict({{Value("state"), Value::dict(state)}, {Value("param_groups"), good["param_groups"]}}));
  CHECK(load<Adam<Small>>("rest.pt")->step_count == 2);
}

// ---- what we write -------------------------------------------------------------------------------------------------
