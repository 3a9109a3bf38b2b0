"""The .safetensors files that weights.cpp writes, read by the safetensors package.

SPDX-License-Identifier: BSL-1.0
"""
import os
import pathlib
import subprocess
import sys

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import save_file
except ImportError as e:
    print(f"{e}: what the safetensors package makes of our files is not tested")
    sys.exit(77)

subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "weights"], check=True)


def load(name):
    with safe_open(name, "np") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


net, metadata = load("net.safetensors")
keys = [f"hidden.{k}" for k in ("weight", "bias")]
keys += [f"bn.{k}" for k in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
keys += [f"outputs.{i}.{k}" for i in (0, 1) for k in ("weight", "bias")] + ["embed.weight"]
assert metadata == {"format": "pt", "head.weight": "embed.weight"}, metadata
assert set(net) == set(keys), set(net)
for i, key in enumerate(keys):
    assert np.array_equal(net[key].reshape(-1), 1000 * i + np.arange(net[key].size)), key
assert net["hidden.weight"].shape == (256, 20) and net["bn.num_batches_tracked"].shape == ()
assert net["bn.num_batches_tracked"].dtype == np.int64

# The package writes the same bytes, but for the blanks that align the data.
save_file(net, "package.safetensors", metadata)
ours, theirs = (pathlib.Path(n).read_bytes() for n in ("net.safetensors", "package.safetensors"))


def parts(raw):
    end = 8 + int.from_bytes(raw[:8], "little")
    return raw[8:end].rstrip(b" "), raw[end:]


assert parts(ours)[1] == parts(theirs)[1]
assert sorted(parts(ours)[0]) == sorted(parts(theirs)[0])  # the package's metadata are in no order
assert (8 + int.from_bytes(ours[:8], "little")) % 64 == 0

whole = np.arange(12, dtype=np.float32).reshape(3, 4)
views, _ = load("views.safetensors")
for name, expected in [("whole", whole), ("transposed", whole.T), ("column", whole[:, 2]),
                       ("repeated", np.array([[10, 11]] * 5)), ("empty", np.zeros((0, 3)))]:
    assert np.array_equal(views[name], expected) and views[name].shape == expected.shape, name

# NumPy lacks some dtypes, so the names and sizes are looked at.
with safe_open("dtypes.safetensors", "np") as file:
    dtypes = {key: file.get_slice(key).get_dtype() for key in file.keys()}
assert dtypes == {"f64": "F64", "f32": "F32", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "i16": "I16",
                  "i8": "I8", "u8": "U8", "bool": "BOOL", "u64": "U64", "u32": "U32", "u16": "U16", "c64": "C64",
                  "f8_e4m3fn": "F8_E4M3", "f8_e5m2": "F8_E5M2"}, dtypes
print("the safetensors package takes every file")
