"""The .pt files that weights.cpp writes, read by PyTorch: torch.load(weights_only=True), strict load_state_dict, Adam.

Runs itself with /usr/bin/python3, for which Debian has PyTorch (python3-torch).  SPDX-License-Identifier: BSL-1.0
"""
import os
import pathlib
import subprocess
import sys

if os.environ.get("ASHLAR_TORCH_CHILD") != "1":
    python = os.environ.get("ASHLAR_TORCH_PYTHON", "/usr/bin/python3")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        print(f"{python} has no PyTorch (Debian: python3-torch): what torch.load makes of our files is not tested")
        sys.exit(77)
    subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "weights"], check=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    sys.exit(subprocess.run([python, __file__], env={**environment, "ASHLAR_TORCH_CHILD": "1"}).returncode)

import torch  # noqa: E402
from torch import nn  # noqa: E402

version = tuple(int(p) for p in torch.__version__.split(".")[:2])


def load(name, floats=False):
    """floats: the file holds Python floats, which the weights_only loader of 1.13 does not take, not even PyTorch's."""
    return torch.load(name, weights_only=not floats or version >= (2, 0))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 256)
        self.bn = nn.BatchNorm1d(256)
        self.outputs = nn.ModuleList([nn.Linear(256, 10), nn.Linear(256, 10)])
        self.embed = nn.Embedding(7, 20)
        self.head = nn.Linear(20, 7, bias=False)
        self.head.weight = self.embed.weight


# ---- a network -------------------------------------------------------------------------------------------------------
net = Net()
state = load("net.pt")
assert list(state) == list(net.state_dict())
assert state._metadata["bn"] == net.state_dict()._metadata["bn"]
assert state["embed.weight"].data_ptr() == state["head.weight"].data_ptr()
print(net.load_state_dict(state, strict=True))
for i, (key, value) in enumerate(net.state_dict().items()):
    i = min(i, list(state).index("embed.weight"))
    assert value.dtype == state[key].dtype, key
    assert torch.equal(value.reshape(-1), (1000 * i + torch.arange(value.numel())).to(value.dtype)), key
    assert state[key].is_contiguous() and not state[key].requires_grad
# Saved again by PyTorch, the file says the same.
torch.save(net.state_dict(), "again.pt")
assert all(torch.equal(a, b) for a, b in zip(load("again.pt").values(), state.values()))
if version >= (2, 1):
    mapped = torch.load("net.pt", weights_only=True, mmap=True)
    assert all(torch.equal(mapped[k], state[k]) for k in state)

# ---- checkpoints that optimizers go on from, to the same third step ----------------------------------------------------
for name, make in {"adam": torch.optim.Adam, "amsgrad": torch.optim.Adam, "adamw": torch.optim.AdamW,
                   "sgd": torch.optim.SGD, "plain_sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop,
                   "centered": torch.optim.RMSprop}.items():
    checkpoint = load(name + ".pt", floats=True)
    assert checkpoint["epoch"] == 2 and checkpoint["loss"] == 0.25
    model = nn.Linear(3, 2)
    model.load_state_dict(checkpoint["model"], strict=True)
    optimizer = make(model.parameters(), lr=1)
    optimizer.load_state_dict(checkpoint["optimizer"])
    model.weight.grad = 3 - torch.arange(6.0).reshape(2, 3)
    model.bias.grad = torch.tensor([0.5, -2])
    optimizer.step()
    for key, expected in load(name + "_third.pt").items():
        assert torch.allclose(model.state_dict()[key], expected, rtol=1e-6, atol=1e-7), (name, key)

# ---- other values -----------------------------------------------------------------------------------------------------
values = load("values.pt")
assert values["integers"][14:19] == [-2**55, 2**63 - 1, -2**63, 2**63, -2**63 - 1], values["integers"]
assert values["integers"][-1] == -2**128 and values["dtype"] is torch.float16 and values["text"][0] == "\u00fc"
assert values["shared_a"] is values["shared_b"] and values["keys"][(1, "x")] == "tuple"
more = load("more_values.pt", floats=True) if version < (2, 0) else torch.load("more_values.pt", weights_only=False)
assert more["bytes"] == b"\0\1\xff\x80 abc" and more["device"] == torch.device("cuda:1")

views = load("views.pt")
whole = torch.arange(12.0).reshape(3, 4)
assert torch.equal(views["transposed"], whole.T) and views["transposed"].stride() == (1, 4)
assert torch.equal(views["column"], whole[:, 2]) and torch.equal(views["repeated"], torch.tensor([[10.0, 11]] * 5))
assert views["whole"].data_ptr() == views["transposed"].data_ptr()
assert isinstance(views["parameter"], nn.Parameter) and views["parameter"].requires_grad
assert isinstance(views["frozen"], nn.Parameter) and not views["frozen"].requires_grad
assert views["leaf"].requires_grad and views["leaf"].is_leaf and views["empty"].shape == (0, 3)

dtypes = load("dtypes.pt")
names = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
         "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
         "c64": torch.complex64, "c128": torch.complex128}
if version >= (2, 3):
    dtypes = load("all_dtypes.pt")
    names.update({"u16": torch.uint16, "u32": torch.uint32, "u64": torch.uint64, "f8_e4m3fn": torch.float8_e4m3fn,
                  "f8_e5m2": torch.float8_e5m2})
assert dtypes.keys() == names.keys()
for name, tensor in dtypes.items():
    raw = bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist()) if name != "bool" else bytes(
        tensor.view(-1).tolist())
    assert tensor.dtype == names[name] and raw == bytes(i % 2 for i in range(len(raw))), name

many = load("many.pt")
assert len(many) == 66001 and all(int(many[str(i)]) == i % 256 for i in range(0, 66000, 997))
assert torch.equal(many["large"], torch.arange(1 << 20, dtype=torch.float32))
# ---- what PyTorch writes, read and written again by us -----------------------------------------------------------------
def same(a, b):
    if isinstance(a, torch.Tensor):
        return (type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.stride() == b.stride()
                and a.requires_grad == b.requires_grad and torch.equal(a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a == b and type(a) is type(b)


for p in net.parameters():
    p.grad = torch.ones_like(p)
adam = torch.optim.Adam(net.parameters(), lr=0.01)
adam.step()
base = torch.arange(24.0).reshape(4, 6)
trees = {"net": net.state_dict(), "views": {"t": base.T, "row": base[1], "half": base[::2, 1:3], "whole": base},
         "tensor": torch.tensor(3.5), "parameter": nn.Parameter(torch.ones(2)), "list": [1, (2.5, "x"), None, {3: True}],
         "dtypes": [base.to(d) for d in names.values() if d is not torch.bool],
         "checkpoint": {"model": net.state_dict(), "optimizer": adam.state_dict(), "epoch": 3, "loss": 0.125}}
for name, tree in trees.items():
    for zipped in (True, False):
        torch.save(tree, "theirs.pt", _use_new_zipfile_serialization=zipped)
        subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "rewrite", "theirs.pt", "ours.pt"], check=True)
        ours = torch.load("ours.pt", weights_only=False) if version >= (1, 13) else torch.load("ours.pt")
        assert same(tree, ours), (name, zipped, tree, ours)
assert ours["model"]._metadata == net.state_dict()._metadata
assert ours["model"]["embed.weight"].data_ptr() == ours["model"]["head.weight"].data_ptr()
print("PyTorch", torch.__version__, "takes every file")
