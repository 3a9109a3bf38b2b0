#!/usr/bin/env python3
"""Copies training fixtures into tests/golden/training, without what no test reads.  SPDX-License-Identifier: BSL-1.0

usage: trim.py FIXTURES      FIXTURES holds the files recorded with PyTorch: full_batch_*, minibatch_*, ...

f64 files are copied as they are. Of the f32 runs over all rows the losses and the state after step 10 are kept: f64 is
held to every recorded step, so f32 need only end in the right place. Of the f32 runs in batches the JSON is kept.
"""
import json
import pathlib
import shutil
import struct
import sys

WHOLE = ["conv_init.safetensors", "conv_bn_sgd_f64.safetensors", "mlp_init.safetensors", "digits_split.safetensors",
         "resume_adam.pt", "resume_adam.after.safetensors", "resume_adam.json", "lr_schedules.json",
         "optim_units.json", "optim_units.safetensors"]
OPTIMIZERS = ["sgd_momentum", "adam", "adamw"]


def trim(source, target, keep):
    """Writes the tensors whose names `keep` accepts, in the order of the source."""
    raw = source.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    data = b""
    out = {}
    for name, entry in header.items():
        if name == "__metadata__" or not keep(name):
            continue
        begin, end = entry["data_offsets"]
        out[name] = {**entry, "data_offsets": [len(data), len(data) + end - begin]}
        data += raw[8 + length + begin:8 + length + end]
    text = json.dumps(out, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    fixtures = pathlib.Path(sys.argv[1])
    golden = pathlib.Path(__file__).parent / "training"
    for name in WHOLE:
        shutil.copyfile(fixtures / name, golden / name)
    for optimizer in OPTIMIZERS:
        for name in [f"full_batch_{optimizer}_f64.safetensors", f"minibatch_{optimizer}_f64.final.safetensors",
                     f"minibatch_{optimizer}.json"]:
            shutil.copyfile(fixtures / name, golden / name)
        name = f"full_batch_{optimizer}_f32.safetensors"
        trim(fixtures / name, golden / name, lambda key: key == "loss" or key.startswith("step10/state/"))


if __name__ == "__main__":
    main()
