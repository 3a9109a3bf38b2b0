"""PyTorch modules generated from C++ types: imported, compared key by key with the networks that were saved, and run.

What they are is held against tests/golden/torch_module first, which needs no PyTorch. The rest runs itself with
/usr/bin/python3, for which Debian has it (python3-torch).  SPDX-License-Identifier: BSL-1.0
"""
import importlib
import os
import pathlib
import subprocess
import sys

BIN = pathlib.Path(os.environ["ASHLAR_BIN_DIR"])
GOLDEN = pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"]) / "tests" / "golden" / "torch_module"

if os.environ.get("ASHLAR_TORCH_CHILD") != "1":
    subprocess.run([BIN / "torch_module"], check=True)
    for golden in sorted(GOLDEN.glob("*.py")):
        assert pathlib.Path(golden.name).read_text() == golden.read_text(), f"{golden.name} is another one now"
    # The same by ashlar_torch_module(), which CMake has run.
    assert (BIN / "mlp.py").read_text() == pathlib.Path("mlp.py").read_text()
    assert pathlib.Path("defaults.py").read_text() == pathlib.Path("conv_net.py").read_text()
    python = os.environ.get("ASHLAR_TORCH_PYTHON", "/usr/bin/python3")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        print(f"{python} has no PyTorch (Debian: python3-torch): whether it takes the generated modules is not tested")
        sys.exit(77)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    sys.exit(subprocess.run([python, __file__], env={**environment, "ASHLAR_TORCH_CHILD": "1"}).returncode)

import json  # noqa: E402
import struct  # noqa: E402

import torch  # noqa: E402

sys.path.insert(0, os.getcwd())


def module(file, name):
    return getattr(importlib.import_module(file), name)()


def safetensors(path):
    raw = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    out = {}
    for key, entry in json.loads(raw[8:8 + length]).items():
        if key != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            out[key] = torch.frombuffer(bytearray(raw[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return out


def check_state(file, name):
    net, saved = module(file, name), torch.load(f"{file}.pt", weights_only=True)
    state = net.state_dict()
    assert list(state) == list(saved), (file, list(state), list(saved))
    for key, tensor in saved.items():
        assert state[key].shape == tensor.shape and state[key].dtype == tensor.dtype, (file, key)
    net.load_state_dict(saved, strict=True)
    assert all(torch.equal(net.state_dict()[key], tensor) for key, tensor in saved.items())
    # What is one tensor in C++ is one in PyTorch.
    tied = {}
    for key, tensor in saved.items():
        tied.setdefault(tensor.data_ptr(), []).append(key)
    for keys in tied.values():
        assert len({net.state_dict()[key].data_ptr() for key in keys}) == 1, keys
    assert len({t.data_ptr() for t in net.state_dict().values()}) == len(tied)
    return net.eval()


for file, name in (("mlp", "MLP"), ("conv_net", "ConvNet"), ("chain", "Chain")):
    net = check_state(file, name)
    io = safetensors(f"{file}.io.safetensors")
    with torch.no_grad():
        y = net(io["x"])
    # f32 on both sides: sums of at most 256 products in another order.
    worst = ((y - io["y"]).abs() / (1e-6 + 1e-5 * io["y"].abs())).max().item()
    assert y.shape == io["y"].shape and worst < 1 and y.abs().max() > 0.01, (file, worst)
    print(f"{name}: {worst:.2g} of the tolerance")

net = check_state("members", "Members")
assert net.decoder is net.words and net.blocks[1].again is net.words and net.list[2] is net.list[0]
scale = getattr(net, "a-b")
assert (scale.epoch, scale.rate, scale.on, scale.fixed.shape) == (3, 0.5, True, (2, 2))
assert [b for b, _ in scale.named_buffers()] == ["steps", "mean"]
assert net.lstm.batch_first and net.rnn.nonlinearity == "relu" and net.words.padding_idx == 0
assert not net.frozen.weight.requires_grad and not net.half_frozen.hidden.bias.requires_grad
assert net.up.output_padding == (1, 1) and net.groups.num_groups == 2
assert net.attention.num_heads == 2 and net.attention.batch_first and net.encoder.norm_first
assert isinstance(net.each, torch.nn.InstanceNorm1d) and net.each.track_running_stats
assert net.half_frozen.hidden.weight.requires_grad and net.norm.eps == 1e-12
try:
    net(torch.zeros(1, 4))
    raise SystemExit("the forward of a struct that is no chain did not raise")
except NotImplementedError as e:
    assert "write the forward of Members" in str(e)
print("Members:", len(net.state_dict()), "keys")
