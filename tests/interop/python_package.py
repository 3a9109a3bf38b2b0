"""codegen/python reads what C++ writes, and C++ what codegen/python writes.  SPDX-License-Identifier: BSL-1.0"""
import os
import pathlib
import random
import subprocess
import sys

try:
    import numpy as np
    import flatbuffers  # noqa: F401
except ImportError as e:
    print(e)
    sys.exit(77)

source = pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"])
sys.path.insert(0, str(source / "codegen" / "python"))
import ashlar  # noqa: E402
from ashlar._xxh3 import xxh3_64  # noqa: E402

CHECKSUMS = {  # by libxxhash
    0: 0x2d06800538d394c2, 1: 0xc44bdff4074eecdb, 3: 0xc3489259e968ad9e, 4: 0xd3d60c1519014e89,
    8: 0xb88dee77f6bf6980, 9: 0x03688dcad730d826, 16: 0x9da23836adf2be1e, 17: 0xf34c3c9cf5a112d1,
    32: 0x99cb9ad0f1a11fbe, 33: 0xc077b45492d29cde, 64: 0xfaecd52effbb854f, 65: 0xfd2b8a4f15d954d0,
    96: 0x8f8a0c940d32e958, 97: 0x92b3a831febf71ac, 128: 0x4c659b745f435148, 129: 0xb85222b83902b6e5,
    240: 0xd6dfbf67b0675b54, 241: 0xc614c8c3575348c1, 1024: 0xf22ef3dc84ff47ea, 1025: 0x43f869a83769a435,
    1088: 0x40d71f037cd0c530, 2048: 0x3d2649f662a2e191, 2049: 0x4583128afa3a2985, 5000: 0xce29a19460ee1bfc}

program = pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "python_package"
assert f'version = "{ashlar.__version__}"' in (source / "include/ashlar/version.hpp").read_text()
assert f'version = "{ashlar.__version__}"' in (source / "codegen/python/pyproject.toml").read_text()

# ---- from C++ to Python -------------------------------------------------------------------------------------------------
subprocess.run([program], check=True)
file = ashlar.File("cpp.ashlar")
assert file.model == "Model" and file.metadata == {"who": "C++"} and file.verify() == []
assert file["step"] == 2**60 and file["rate"] == 0.1 and file["ready"] and file["pair"].tolist() == [-1, 2]
assert file["first.weight"].shape == (3, 4) and file["first.weight"][2, 3] == 11
assert file["layers.1.bias"].tolist() == [36, 37, 38] and file["block 0.weight"][0, 0] == 39
assert file["count"] == -7 and file["mask"].tolist() == [False, True, False]
assert file["empty"].shape == (0, 4) and file["empty"].dtype == np.float64
assert file.dtype("small") == "bf16" and file["small"].tobytes()[:2] == np.float32(59).tobytes()[2:]
assert file["again.weight"] is file["first.weight"] and file.alias_of("again.bias") == "first.bias"
assert file.kind("count") == "buffer" and file.kind("mask") == "constant" and file.kind("step") == "scalar"
assert not file["first.weight"].flags.writeable
assert file.modules[0] == ("", "Model", 1) and ("first", "Dense<4, 3>", 1) in file.modules
arrays = ashlar.load_file("cpp.ashlar")
assert list(arrays) == list(file)

versions = ashlar.File(source / "tests/golden/io/versions_2.ashlar")  # a layer of version 2
assert versions.verify() == [] and ("norm", "Norm", 2) in versions.modules

# ---- and back ---------------------------------------------------------------------------------------------------------
kinds = {key: file.kind(key) for key in file}
bf16 = {"small": "bf16"}
ashlar.save_file(arrays, "python.ashlar", {"who": "Python", "\u00fc": "\u20ac"}, "Model", kinds, bf16)
subprocess.run([program, "python.ashlar"], check=True)
again = ashlar.File("python.ashlar")
rows = [[line.split("\t")[:4] for line in f.layout.split("\n")[1:]] for f in (file, again)]
assert rows[0] == rows[1] and again.verify() == []  # but for the offsets
assert again.alias_of("again.weight") == "first.weight" and again.metadata["\u00fc"] == "\u20ac"
# Another order, and plain Python numbers for scalars.
shuffled = dict(sorted(arrays.items(), reverse=True))
shuffled.update(rate=0.1, ready=True)
ashlar.save_file(shuffled, "python.ashlar", kinds=kinds, dtypes=bf16)
subprocess.run([program, "python.ashlar"], check=True)
ashlar.save_file({}, "empty.ashlar")
assert dict(ashlar.File("empty.ashlar")) == {}

for bad in ("", ".", "a..b", "a\n", "x" * 1025, ".".join("x" * 33)):
    try:
        ashlar.save_file({bad: np.zeros(1)}, "bad.ashlar")
        sys.exit(f"took the key {bad!r}")
    except ashlar.FormatError:
        assert not os.path.exists("bad.ashlar")

# ---- damage -----------------------------------------------------------------------------------------------------------
raw = pathlib.Path("python.ashlar").read_bytes()
random.seed(1)
places = [*range(64 * 8), *(random.randrange(len(raw) * 8) for _ in range(1500))]
for bit in places:
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    pathlib.Path("flipped.ashlar").write_bytes(flipped)
    try:
        assert ashlar.File("flipped.ashlar").verify(), f"bit {bit} is not noticed"
    except ashlar.FormatError:
        pass
for length in (0, 1, 63, 64, 100, 4095, 4096, len(raw) - 1):
    pathlib.Path("cut.ashlar").write_bytes(raw[:length])
    try:
        ashlar.File("cut.ashlar")
        sys.exit(f"took {length} bytes")
    except ashlar.FormatError:
        pass

# ---- the checksum, at lengths around those where its algorithm changes: tensors of bytes that C++ has hashed -----------
for n, expected in CHECKSUMS.items():
    assert xxh3_64(bytes(i * 7 % 251 for i in range(n))) == expected, n
print("read and wrote", len(file), "keys; found", len(places), "flipped bits")
