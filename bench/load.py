"""What Python's libraries take to open the files of load.cpp.  SPDX-License-Identifier: BSL-1.0

usage: load.py FILE.safetensors FILE.pt REPETITIONS
Prints a line for each contestant that is installed: name, tab, version, tab, least milliseconds.
"""
import sys
import time

safetensors_file, torch_file, repetitions = sys.argv[1], sys.argv[2], int(sys.argv[3])


def measure(name, version, run, count):
    times = []
    for _ in range(count + 1):  # the first one loads code
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    print(f"{name}\t{version}\t{min(times[1:]) * 1e3:.6f}", flush=True)


def open_all():
    with safetensors.safe_open(safetensors_file, "np") as f:
        return [f.get_tensor(key) for key in f.keys()]


def open_only():
    with safetensors.safe_open(safetensors_file, "np"):
        pass


try:
    import safetensors
    measure("safe_open", safetensors.__version__, open_only, 30 * repetitions)
    measure("safe_open and all tensors", safetensors.__version__, open_all, repetitions)
except ImportError:
    pass
try:
    import torch
    measure("torch.load", torch.__version__, lambda: torch.load(torch_file), repetitions)
    if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 1):
        measure("torch.load(mmap=True)", torch.__version__, lambda: torch.load(torch_file, mmap=True, weights_only=True),
                repetitions)
except ImportError:
    pass
