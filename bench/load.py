"""What Python's libraries take to open the files of load.cpp.  SPDX-License-Identifier: BSL-1.0

usage: load.py FILE.safetensors FILE.pt REPETITIONS
Prints a line for each contestant that is installed: name and version, tab, least milliseconds; -1 for one that the
installed version does not have.
"""
import sys
import time

sys.path.pop(0)  # the folder of this file, whose cuda.py PyTorch would take for NVIDIA's
safetensors_file, torch_file, repetitions = sys.argv[1], sys.argv[2], int(sys.argv[3])


def measure(name, version, run, count):
    times = []
    for _ in range(count + 1):  # the first one loads code
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    print(f"{name} {version}\t{min(times[1:]) * 1e3:.6f}", flush=True)


def open_only():
    with safetensors.safe_open(safetensors_file, framework):
        pass


def open_all():
    with safetensors.safe_open(safetensors_file, framework) as f:
        return [f.get_tensor(key) for key in f.keys()]


try:
    import torch
except ImportError:
    torch = None
try:
    import safetensors
    framework = "np"
    measure("safe_open", safetensors.__version__, open_only, 100 * repetitions)
    measure("safe_open, tensors for NumPy", safetensors.__version__, open_all, repetitions)  # copies them
    if torch is not None:
        framework = "pt"
        measure("safe_open, tensors for PyTorch", safetensors.__version__, open_all, 10 * repetitions)  # maps them
except ImportError:
    pass
if torch is not None:
    measure("torch.load", torch.__version__, lambda: torch.load(torch_file), repetitions)
    if tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 1):
        measure("torch.load(mmap=True)", torch.__version__,
                lambda: torch.load(torch_file, mmap=True, weights_only=True), repetitions)
    else:
        print(f"torch.load(mmap=True), of 2.1 {torch.__version__}\t-1")
