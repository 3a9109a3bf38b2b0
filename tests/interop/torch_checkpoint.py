"""Training that PyTorch begins, Ashlar goes on with from PyTorch's checkpoint, and PyTorch from Ashlar's.

Each optimizer and schedule runs three steps there, three here, three there again, and nine there alone: parameters,
what the optimizer remembers, and rates have to agree. Runs itself with /usr/bin/python3, for which Debian has PyTorch
(python3-torch).  SPDX-License-Identifier: BSL-1.0
"""
import os
import pathlib
import subprocess
import sys

if os.environ.get("ASHLAR_TORCH_CHILD") != "1":
    python = os.environ.get("ASHLAR_TORCH_PYTHON", "/usr/bin/python3")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        print(f"{python} has no PyTorch (Debian: python3-torch): checkpoints are not tested against it")
        sys.exit(77)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    sys.exit(subprocess.run([python, __file__], env={**environment, "ASHLAR_TORCH_CHILD": "1"}).returncode)

import torch  # noqa: E402
from torch import nn, optim  # noqa: E402
from torch.optim import lr_scheduler as lrs  # noqa: E402

torch.manual_seed(0)


class Run:
    def __init__(self, make_optimizer, make_scheduler, freeze):
        self.net = nn.Module()
        self.net.a = nn.Linear(3, 2)
        self.net.b = nn.Linear(2, 2)
        self.net.a.requires_grad_(not freeze)
        parameters = self.net.parameters() if freeze != "left out" else self.net.b.parameters()
        self.optimizer = make_optimizer(parameters)
        self.scheduler = make_scheduler(self.optimizer)
        self.epoch = 0

    def train(self, steps):
        for _ in range(steps):
            for first, p in enumerate(self.net.parameters()):
                g = (self.epoch + 1) * 0.25 - (first + torch.arange(float(p.numel()))) * 0.5
                p.grad = g.reshape(p.shape) if p.requires_grad else None
            self.optimizer.step()
            self.scheduler.step()
            self.epoch += 1

    def save(self, name):
        torch.save({"model": self.net.state_dict(), "optimizer": self.optimizer.state_dict(),
                    "scheduler": self.scheduler.state_dict(), "epoch": self.epoch, "note": "by PyTorch"}, name)

    def load(self, name):
        c = torch.load(name, **({"weights_only": False} if torch.__version__ >= "2" else {}))
        self.net.load_state_dict(c["model"], strict=True)
        self.optimizer.load_state_dict(c["optimizer"])
        self.scheduler.load_state_dict(c["scheduler"])
        self.epoch = c["epoch"]


def remembered(run):
    """Of plain SGD, PyTorch 1.13 remembers that there is nothing."""
    return {(i, key): torch.as_tensor(value).float() for i, entry in run.optimizer.state_dict()["state"].items()
            for key, value in entry.items() if value is not None}


def same(name, a, b):
    """Float arithmetic in another order of operations: a few of float's 1.2e-7 after nine steps."""
    for (key, x), (_, y) in zip(a.net.state_dict().items(), b.net.state_dict().items()):
        assert torch.allclose(x, y, rtol=2e-6, atol=2e-7), (name, key, x, y)
    x, y = remembered(a), remembered(b)
    assert x.keys() == y.keys(), (name, x, y)
    for key in x:
        assert torch.allclose(x[key], y[key], rtol=2e-6, atol=2e-7), (name, key, x[key], y[key])
    lr_x, lr_y = (r.optimizer.param_groups[0]["lr"] for r in (a, b))
    assert abs(lr_x - lr_y) <= 1e-12 * lr_x, (name, lr_x, lr_y)
    betas = [r.optimizer.param_groups[0].get("betas", (0.5,))[0] for r in (a, b)]
    assert abs(betas[0] - betas[1]) <= 1e-12, (name, betas)
    assert a.scheduler.last_epoch == b.scheduler.last_epoch and a.epoch == b.epoch, name


def sequential(optimizer):
    return lrs.SequentialLR(optimizer, [lrs.LinearLR(optimizer, 0.5, total_iters=4), lrs.StepLR(optimizer, 2, 0.5)], [4])


RUNS = {
    "adam": (lambda p: optim.Adam(p, 0.01, weight_decay=0.1), lambda o: lrs.StepLR(o, 2, 0.5), False),
    "amsgrad": (lambda p: optim.Adam(p, 0.01, amsgrad=True), lambda o: lrs.MultiStepLR(o, [2, 4, 4], 0.5), False),
    "adamw": (lambda p: optim.AdamW(p, 0.01), lambda o: lrs.CosineAnnealingLR(o, 12, 1e-3), False),
    "sgd": (lambda p: optim.SGD(p, 0.1, 0.9, weight_decay=0.01, nesterov=True), lambda o: lrs.ExponentialLR(o, 0.9),
            False),
    "plain_sgd": (lambda p: optim.SGD(p, 0.1), lambda o: lrs.LambdaLR(o, lambda e: 1 / (1 + e)), False),
    "rmsprop": (lambda p: optim.RMSprop(p, 0.01, momentum=0.5), lambda o: lrs.LinearLR(o, 0.5, total_iters=5), False),
    "centered": (lambda p: optim.RMSprop(p, 0.01, centered=True), sequential, False),
    "adagrad": (lambda p: optim.Adagrad(p, 0.1, 0.01, initial_accumulator_value=0.5),
                lambda o: lrs.CosineAnnealingWarmRestarts(o, 2, 2, 0.01), False),
    "fresh_adagrad": (lambda p: optim.Adagrad(p, 0.1, initial_accumulator_value=0.5), lambda o: lrs.StepLR(o, 2, 0.5),
                      False),
    "frozen": (lambda p: optim.Adam(p, 0.01), lambda o: lrs.PolynomialLR(o, 20, 2), "kept"),
    "trained": (lambda p: optim.Adam(p, 0.01), lambda o: lrs.PolynomialLR(o, 20, 2), "left out"),
}
if torch.__version__ >= "2":  # an older one pickles a method of its OneCycleLR
    RUNS["onecycle"] = (lambda p: optim.AdamW(p, 0.01), lambda o: lrs.OneCycleLR(o, 0.1, total_steps=12), False)
    RUNS["phases"] = (lambda p: optim.SGD(p, 0.01, 0.9),
                      lambda o: lrs.OneCycleLR(o, 0.1, total_steps=15, three_phase=True, anneal_strategy="linear",
                                               pct_start=0.2, cycle_momentum=False), False)


def ours(name):
    subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "checkpoint", name], check=True)


for name, (make_optimizer, make_scheduler, freeze) in RUNS.items():
    alone = Run(make_optimizer, make_scheduler, freeze)
    if name != "fresh_adagrad":
        alone.train(3)
    alone.save(f"{name}_theirs.pt")
    ours(name)
    alone.train(3)
    # A file of ours counts frozen parameters as positions.
    resumed = Run(make_optimizer, make_scheduler, "kept" if freeze else False)
    resumed.load(f"{name}_ours.pt")
    if freeze != "left out":
        same(name, alone, resumed)
    resumed.train(3)
    alone.train(3)
    if freeze == "left out":
        for (key, x), (_, y) in zip(alone.net.state_dict().items(), resumed.net.state_dict().items()):
            assert torch.allclose(x, y, rtol=2e-6, atol=2e-7), (name, key, x, y)
    else:
        same(name, alone, resumed)


def average():
    """A moving average of a network: an AveragedModel with its network in `module`, and a count."""
    net = Run(lambda p: optim.SGD(p, 0.1), lambda o: lrs.StepLR(o, 2), False).net
    made = optim.swa_utils.AveragedModel(net, avg_fn=lambda mean, p, n: mean + 0.25 * (p - mean))
    return net, made


net, there = average()
there.update_parameters(net)
net.a.weight.data += 1
there.update_parameters(net)
torch.save({"model": net.state_dict(), "average": there.state_dict(), "epoch": 2}, "averaged_theirs.pt")
ours("averaged")
for _ in range(3):
    net.a.weight.data[0, 0] += 1
    net.b.bias.data[1] -= 0.5
    there.update_parameters(net)
got = torch.load("averaged_ours.pt", **({"weights_only": True} if torch.__version__ >= "2" else {}))
assert got["epoch"] == 5 and set(got) == {"model", "average", "epoch"}, got
_, here = average()
here.load_state_dict(got["average"], strict=True)
assert int(here.n_averaged) == int(there.n_averaged) == 5
for (key, x), (_, y) in zip(there.state_dict().items(), here.state_dict().items()):
    assert torch.allclose(x.float(), y.float(), rtol=2e-6, atol=2e-7), ("averaged", key, x, y)

torch.save({"model": net.state_dict(), "epoch": 7, "scores": [0.5, 0.125]}, "progress_theirs.pt")
ours("progress")
net.b.bias.data[1] -= 0.5
got = torch.load("progress_ours.pt", **({"weights_only": True} if torch.__version__ >= "2" else {}))
assert got["epoch"] == 8 and got["scores"] == (0.5, 0.25), got
fresh, _ = average()
fresh.load_state_dict(got["model"], strict=True)
assert all(torch.equal(x, y) for x, y in zip(net.state_dict().values(), fresh.state_dict().values()))
print("PyTorch", torch.__version__, "and Ashlar go on from each other's checkpoints:", ", ".join(RUNS), "averaged, progress")
