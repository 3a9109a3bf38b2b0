"""What convert writes, read by others: the safetensors package, the Python reader, PyTorch.  SPDX-License-Identifier: BSL-1.0"""
import json
import os
import pathlib
import struct
import subprocess
import sys

import _console

try:
    import numpy as np
    import safetensors
    from safetensors.numpy import load_file
except ImportError as e:
    print(e)
    sys.exit(77)

sys.path.insert(0, str(_console.SOURCE / "codegen" / "python"))
import ashlar  # noqa: E402

TORCH_PYTHON = os.environ.get("ASHLAR_TORCH_PYTHON", "/usr/bin/python3")
PYTORCH = _console.GOLDEN / "pytorch"
FLAT = ["mlp_zip", "mlp_legacy", "mlp_deflated", "batchnorm", "tied", "views", "views_legacy", "channels_last", "empty",
        "many_keys", "storage_slices", "zero_d", "rank_6", "real_pnet", "parameters", "dtypes_all", "special_values",
        "odd_names"]
# Keys that .ashlar files do not take: empty, with empty parts or control characters.
ONLY_BETWEEN_OTHERS = {"odd_names"}


def run(*arguments):
    done = subprocess.run([_console.COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False,
                          env=_console.environment(), timeout=120)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def inspect(path):
    return {t["key"]: t for t in json.loads(run("inspect", path, "--json", "--stats"))["tensors"]}


# ---- every way through the three formats comes back to the same -----------------------------------------------------------
WAYS = [("ashlar",), ("safetensors",), ("pt",), ("ashlar", "safetensors", "pt"), ("safetensors", "ashlar", "pt"),
        ("pt", "ashlar", "safetensors")]
count = 0
for name in FLAT:
    origin = PYTORCH / f"{name}.pt"
    for way in WAYS:
        if name in ONLY_BETWEEN_OTHERS and "ashlar" in way:
            continue
        before = origin
        for step, extension in enumerate(way):
            after = pathlib.Path(f"{name}.{step}.{extension}")
            run("convert", before, after, "--quiet")
            run("verify", after)
            before = after
            count += 1
        run("diff", origin, before)
        truth = PYTORCH / f"{name}.safetensors"
        if truth.exists():
            run("diff", before, truth)

# ---- the safetensors package and the Python reader see what inspect says ----------------------------------------------------
for name in FLAT:
    run("convert", PYTORCH / f"{name}.pt", "x.safetensors", "--quiet")
    expected = inspect(PYTORCH / f"{name}.pt")
    with safetensors.safe_open("x.safetensors", "np") as file:
        assert file.metadata()["format"] == "pt"
    if not any(t["dtype"] == "bf16" for t in expected.values()):  # numpy has none
        arrays = load_file("x.safetensors")
        for key, array in arrays.items():
            assert list(array.shape) == expected[key]["shape"], (name, key)
            if "stats" in expected[key] and array.size and np.isfinite(array).all():
                assert float(array.min()) == expected[key]["stats"]["min"], (name, key)
        dropped = set(expected) - set(arrays)
        assert all("tied_to" in expected[key] or name == "tied" for key in dropped), (name, dropped)
    if name in ONLY_BETWEEN_OTHERS:
        continue
    run("convert", PYTORCH / f"{name}.pt", "x.ashlar", "--quiet", "--model", "Net", "--metadata", "who=convert")
    file = ashlar.File("x.ashlar")
    assert file.verify() == [] and file.model == "Net" and file.metadata == {"who": "convert"} and not file.modules
    assert sorted(file) == sorted(expected), name
    for key, t in expected.items():
        assert list(file[key].shape) == t["shape"] and file.dtype(key) == t["dtype"], (name, key)
        assert file.kind(key) == t["kind"], (name, key)
        stats = t.get("stats")
        if stats and t["dtype"] not in ("bf16", "bool") and file[key].size:
            good = file[key][np.isfinite(file[key])].astype(np.float64)
            if good.size and abs(good).max() < 1e100:
                assert np.isclose(good.mean(), stats["mean"]) and np.isclose(good.std(), stats["std"]), (name, key)
            assert (file[key] == 0).sum() == stats["zeros"] and np.isnan(file[key]).sum() == stats["nan"]

# ---- what Python writes -------------------------------------------------------------------------------------------------------
arrays = {"a.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "a.bias": np.zeros(3, np.float16), "n": np.int64(7)}
ashlar.save_file(arrays, "python.ashlar", kinds={"n": "scalar"})
run("verify", "python.ashlar")
run("convert", "python.ashlar", "python.safetensors", "--dtype", "f32", "--transpose", "a.weight")
back = load_file("python.safetensors")
assert np.array_equal(back["a.weight"], arrays["a.weight"].T) and back["a.bias"].dtype == np.float32 and back["n"] == 7

# ---- the schema is that of the manifest: flatc reads it through that alone -----------------------------------------------------
flatc = os.environ.get("ASHLAR_FLATC", "")
if flatc and not flatc.endswith("NOTFOUND"):
    pathlib.Path("ashlar.fbs").write_text(run("schema", "--fixed"))
    assert pathlib.Path("ashlar.fbs").read_text() == (_console.SOURCE / "schemas" / "ashlar.fbs").read_text()
    run("convert", PYTORCH / "batchnorm.pt", "net.ashlar", "--quiet")
    for path in ("net.ashlar", _console.GOLDEN / "io" / "small.ashlar"):
        pathlib.Path("net.fbs").write_text(run("schema", path))
        raw = pathlib.Path(path).read_bytes()
        pathlib.Path("net.bin").write_bytes(raw[64:64 + struct.unpack("<I", raw[12:16])[0]])
        subprocess.run([flatc, "--json", "--strict-json", "--raw-binary", "net.fbs", "--", "net.bin"], check=True)
        tree = json.loads(pathlib.Path("net.json").read_text())
        keys = [t["key"] for t in tree["header"]["tensors"]]
        assert sorted(keys) == sorted(k for k, t in inspect(path).items() if "tied_to" not in t)
        part = "bn" if path == "net.ashlar" else "first"
        assert tree[part]["weight"]["key"] == f"{part}.weight"
    assert tree["layers"][1]["bias"]["shape"] == [3]
else:
    print("skipped: there is no flatc to read manifests by their schemas")

# ---- PyTorch ------------------------------------------------------------------------------------------------------------------
TORCH = """
import collections, sys, torch
for name in sys.argv[1:]:
    before, after = torch.load(name + ".0"), torch.load(name + ".1", weights_only=True)
    assert list(before) == list(after), (name, list(before), list(after))
    for key in before:
        assert before[key].dtype == after[key].dtype and before[key].shape == after[key].shape, (name, key)
        assert torch.equal(before[key].nan_to_num(1), after[key].nan_to_num(1)), (name, key)
    assert isinstance(after, collections.OrderedDict) and "" in after._metadata, name
net = torch.nn.Sequential(collections.OrderedDict(conv=torch.nn.Conv2d(3, 4, 3, bias=False), bn=torch.nn.BatchNorm2d(4)))
net.load_state_dict(torch.load("batchnorm.1"), strict=True)
assert torch.load("batchnorm.1")._metadata["bn"] == {"version": 2}
tied = torch.load("tied.1")
assert tied["encoder.weight"].data_ptr() == tied["decoder.weight"].data_ptr()
"""
readable = ["mlp_zip", "batchnorm", "tied", "channels_last", "empty", "zero_d", "rank_6"]
for name in readable:
    (pathlib.Path(name + ".0")).write_bytes((PYTORCH / f"{name}.pt").read_bytes())
    run("convert", PYTORCH / f"{name}.pt", "way.ashlar", "--quiet")
    run("convert", "way.ashlar", name + ".1", "--to", "pt", "--quiet")
done = subprocess.run([TORCH_PYTHON, "-c", "import torch"], capture_output=True, check=False)
if done.returncode:
    print(f"skipped: {TORCH_PYTHON} has no PyTorch to load what was written")
else:
    subprocess.run([TORCH_PYTHON, "-W", "ignore", "-c", TORCH, *readable], check=True)
print(f"{count} files converted")
