"""The .pt files that weights.cpp writes, read by Python's own zip and pickle modules.  SPDX-License-Identifier: BSL-1.0

Needs no PyTorch: torch_load.py is the test with it.
"""
import collections
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import zipfile

try:
    import numpy as np
except ImportError as e:
    print(e)
    sys.exit(77)

DTYPES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2",
          "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
          "BoolStorage": "?", "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16"}
V3 = {"uint16": "<u2", "uint32": "<u4", "uint64": "<u8", "float8_e4m3fn": "u1", "float8_e5m2": "u1"}


class Reader(pickle.Unpickler):
    """Tensors become arrays; parameters, devices and dtypes tuples."""

    def __init__(self, archive):
        super().__init__(archive.open("archive/data.pkl"))
        self.archive = archive

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("_codecs", "encode"):
            return lambda text, encoding: text.encode(encoding)
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch.storage", "UntypedStorage"):
            return "u1"
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.view
        if (module, name) == ("torch._utils", "_rebuild_tensor_v3"):
            return lambda storage, *rest: self.view(storage.view(V3[rest[-1][1]]), *rest[:-1])
        if module == "torch._utils" or (module, name) == ("torch", "device"):
            return lambda *args: (name, *args)
        if module == "torch":
            return ("dtype", name)
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid):
        kind, dtype, key, location, numel = pid
        assert kind == "storage" and location == "cpu", pid
        storage = np.frombuffer(self.archive.read(f"archive/data/{key}"), dtype)
        assert len(storage) == numel, pid
        return storage

    @staticmethod
    def view(storage, offset, size, stride, requires_grad, hooks):
        assert hooks == {}
        return np.lib.stride_tricks.as_strided(storage[offset:], size, [s * storage.itemsize for s in stride])


def load(name):
    raw = pathlib.Path(name).read_bytes()
    with zipfile.ZipFile(name) as archive:
        assert archive.testzip() is None, "CRC-32"
        for info in archive.infolist():
            names, extras = struct.unpack("<HH", raw[info.header_offset + 26:info.header_offset + 30])
            assert (info.header_offset + 30 + names + extras) % 64 == 0, info
            assert info.compress_type == 0
        assert archive.read("archive/version") == b"3\n" and archive.read("archive/byteorder") == b"little"
        return Reader(archive).load(), len(archive.infolist())


subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "weights"], check=True)

net, records = load("net.pt")
keys = [f"hidden.{k}" for k in ("weight", "bias")]
keys += [f"bn.{k}" for k in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
keys += [f"outputs.{i}.{k}" for i in (0, 1) for k in ("weight", "bias")] + ["embed.weight", "head.weight"]
assert list(net) == keys, list(net)
for i, key in enumerate(keys):
    i = min(i, keys.index("embed.weight"))
    assert np.array_equal(net[key].reshape(-1), 1000 * i + np.arange(net[key].size)), key
assert records == 3 + len(keys) - 1, records
assert net._metadata == {m: {"version": 2 if m == "bn" else 1}
                         for m in ("", "hidden", "bn", "outputs", "outputs.0", "outputs.1", "embed", "head")}

values, _ = load("values.pt")
assert values["integers"] == [
    0, 1, 255, 256, 65535, 65536, -1, -128, -129, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**55, -2**55, 2**63 - 1,
    -2**63, 2**63, -2**63 - 1, 2**100, -2**100, -2**128], values["integers"]
assert values["text"] == "\u00fc \"quoted\"\n" and values["none"] is None
assert values["true"] is True and values["false"] is False and values["dtype"] == ("dtype", "float16")
assert values["empty"] == [(), [], {}] and values["tuples"] == [(1,), (1, 2), (1, 2, 3, 4)]
assert values["keys"] == {7: "seven", -1: "minus", (1, "x"): "tuple", None: "none"}
assert values["shared_a"] is values["shared_b"] and values["shared_a"][0] == 1
more, _ = load("more_values.pt")
assert repr(more["floats"]) == "[0.1, -0.0, 5e-324, 1e+308]" and more["bytes"] == b"\0\1\xff\x80 abc"
assert more["device"] == ("device", "cuda", 1) and more["cpu"] == ("device", "cpu")

adam, _ = load("adam.pt")
assert list(adam["model"]) == ["weight", "bias"] and adam["model"]._metadata == {"": {"version": 1}}
state, group = adam["optimizer"]["state"], adam["optimizer"]["param_groups"][0]
assert list(state) == [0, 1] and list(state[0]) == ["step", "exp_avg", "exp_avg_sq"] and state[1]["step"] == 2
assert group == {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1, "maximize": False,
                 "amsgrad": False, "params": [0, 1]}, group
assert np.allclose(state[1]["exp_avg"], [0.1 * 0.5 * 1.9, 0.1 * -2 * 1.9], rtol=0.01)  # and a little weight decay
assert adam["loss"] == 0.25 and adam["epoch"] == 2
assert load("plain_sgd.pt")[0]["optimizer"]["state"] == {}

views, records = load("views.pt")
whole = np.arange(12, dtype=np.float32).reshape(3, 4)
assert records == 3 + 2  # one storage for all views, and one for the tensor of no elements
for name, expected in [("whole", whole), ("transposed", whole.T), ("column", whole[:, 2]),
                       ("repeated", np.array([[10, 11]] * 5)), ("leaf", whole[:, 2]), ("empty", np.zeros((0, 3)))]:
    assert np.array_equal(views[name], expected), name
for name, grad in [("parameter", True), ("frozen", False)]:
    kind, data, requires_grad, hooks = views[name]
    assert kind == "_rebuild_parameter" and np.array_equal(data, whole) and requires_grad is grad and hooks == {}

dtypes, _ = load("all_dtypes.pt")
for name, array in dtypes.items():
    assert array.shape == (2, 3) and array.tobytes() == bytes(i % 2 for i in range(array.nbytes)), name
assert len(dtypes) == 17

many, records = load("many.pt")
assert records == 3 + 66001 and all(int(many[str(i)]) == i % 256 for i in range(66000))
assert np.array_equal(many["large"], np.arange(1 << 20))
print("read", sum(p.stat().st_size for p in pathlib.Path().glob("*.pt")), "bytes of .pt files")
