"""Promise 17: code that flatc generates for Python, C++, Rust and TypeScript reads a saved model by its members.

SPDX-License-Identifier: BSL-1.0
"""
import importlib
import os
import pathlib
import subprocess
import sys

try:
    import numpy as np
    import flatbuffers  # noqa: F401
except ImportError as e:
    print(e)
    sys.exit(77)

from _ashlar_file import AshlarFile

flatc = os.environ["ASHLAR_FLATC"]
source = pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"])
here = pathlib.Path.cwd()


def generate(*flags, fixed=()):
    subprocess.run([flatc, *flags, "-I", source / "schemas", *fixed, "model.fbs"], check=True)


def check(name, actual, expected):
    if not np.array_equal(actual, expected):
        sys.exit(f"{name}: {actual} is not {expected}")


subprocess.run([pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "typed_view"], check=True)
generate("--python", "-o", "python", fixed=[source / "schemas" / "ashlar.fbs"])  # --gen-all would leave imports out
generate("--ts", "--gen-all", "-o", "ts")
generate("--rust", "--gen-all", "-o", "rust")
generate("--cpp", "--scoped-enums", "--include-prefix", "ashlar/schema", "-o", "cpp")

# ---- Python ----------------------------------------------------------------------------------------------------------
sys.path.insert(0, str(here / "python"))
MLP = importlib.import_module("ashlar.model.MLP").MLP
file = AshlarFile("model.ashlar")
assert MLP.MLPBufferHasIdentifier(file.manifest, 0)
net = MLP.GetRootAs(file.manifest)

position = 0


def dense(name, table, inputs, outputs):
    global position
    n = inputs * outputs
    check(name + ".weight", file.array(table.Weight()),
          np.arange(position, position + n, dtype=np.float32).reshape(outputs, inputs))
    check(name + ".bias", file.array(table.Bias()), -np.arange(position + n, position + n + outputs, dtype=np.float32))
    position += n + outputs


assert file.array(net.Step()) == 123456789012345
assert file.array(net.Rate()) == 0.25
dense("hidden", net.Hidden(), 20, 256)
dense("output", net.Output(), 256, 10)
encoder = net.Encoder()
assert encoder.LayersLength() == 3
for i in range(3):
    dense(f"encoder.layers.{i}", encoder.Layers(i), 4, 4)
dense("encoder.class", encoder.Class_(), 4, 4)
dense("encoder.0", encoder.M0(), 4, 2)
dense("encoder.block 0", encoder.Block0(), 4, 2)
assert file.array(net.NumBatchesTracked()) == -7
check("mask", file.array(net.Mask()), [False, True, False, True, False])
assert net.Again().Key() == b"output.weight" and net.Again().Aliases(0) == b"again"

header = net.Header()
assert header.Model() == b"MLP" and header.Metadata(0).Value() == b"typed_view"
flat = {header.Tensors(i).Key().decode(): header.Tensors(i) for i in range(header.TensorsLength())}
assert len(flat) == 20, sorted(flat)
check("flat", file.array(flat["encoder.block 0.bias"]), file.array(encoder.Block0().Bias()))

# ---- C++: what flatc generates verifies and reads it --------------------------------------------------------------------
(here / "read.cpp").write_text(r"""
#include "cpp/model_generated.h"
#include <cstdio>
#include <vector>
int main() {
  std::vector<unsigned char> bytes(1 << 20);
  std::FILE* const in = std::fopen("model.ashlar", "rb");
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), in));
  unsigned length;
  __builtin_memcpy(&length, bytes.data() + 12, 4);
  flatbuffers::Verifier verifier(bytes.data() + 64, length);
  if (!ashlar::model::VerifyMLPBuffer(verifier)) return 1;
  auto const* const net = ashlar::model::GetMLP(bytes.data() + 64);
  if (net->encoder()->layers()->size() != 3) return 2;
  return net->header()->tensors()->Get(4) == net->hidden()->weight() && net->again() == net->output()->weight() ? 0 : 3;
}
""")
subprocess.run([os.environ["ASHLAR_CXX"], *os.environ["ASHLAR_CXXFLAGS"].split(), "read.cpp", "-o", "read"], check=True)
subprocess.run([here / "read"], check=True)

# ---- Rust and TypeScript: generated ---------------------------------------------------------------------------------------
for pattern in ("rust/*.rs", "ts/**/*.ts"):
    assert list(here.glob(pattern)), pattern
print("read", position, "elements by member")
