"""ashlar.torch: torch tensors out of .ashlar files that C++ wrote, and into files that C++ takes; what setuptools packs.

Runs itself with /usr/bin/python3, for which Debian has PyTorch (python3-torch).  SPDX-License-Identifier: BSL-1.0
"""
import os
import pathlib
import shutil
import subprocess
import sys

program = pathlib.Path(os.environ["ASHLAR_BIN_DIR"]) / "python_package"

if os.environ.get("ASHLAR_TORCH_CHILD") != "1":
    try:
        import flatbuffers
        import setuptools  # noqa: F401
    except ImportError as e:
        print(e)
        sys.exit(77)

    # The package as pip would build it, from pyproject.toml alone; its own folder stays clean.
    shutil.rmtree("checkout", ignore_errors=True)
    shutil.rmtree("built", ignore_errors=True)
    shutil.copytree(pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"]) / "codegen" / "python", "checkout",
                    ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    setup = "import setuptools; setuptools.setup()"
    built = str(pathlib.Path("built").resolve())
    subprocess.run([sys.executable, "-c", setup, "-q", "build_py", "--build-lib", built, "egg_info", "--egg-base", built],
                   cwd="checkout", check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    assert {p.name for p in pathlib.Path("built/ashlar").iterdir()} == {
        p.name for p in pathlib.Path("checkout/ashlar").iterdir()}
    requires = pathlib.Path("built/ashlar.egg-info/requires.txt").read_text()
    always, *optional = requires.split("\n\n")  # in an order that depends on setuptools
    assert sorted(always.split()) == ["flatbuffers>=2.0", "numpy>=1.21"] and "[torch]\ntorch" in map(str.strip, optional)

    subprocess.run([program], check=True)  # cpp.ashlar
    python = os.environ.get("ASHLAR_TORCH_PYTHON", "/usr/bin/python3")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
        print(f"{python} has no PyTorch (Debian: python3-torch): ashlar.torch is not tested")
        sys.exit(77)
    # That interpreter has PyTorch and NumPy, but perhaps no flatbuffers.
    shutil.copytree(pathlib.Path(flatbuffers.__file__).parent, "built/flatbuffers")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    environment.update(ASHLAR_TORCH_CHILD="1", PYTHONPATH=built)
    sys.exit(subprocess.run([python, __file__], env=environment).returncode)

import torch  # noqa: E402

import ashlar  # noqa: E402
import ashlar.torch  # noqa: E402

file = ashlar.File("cpp.ashlar")
tensors = ashlar.torch.load_file("cpp.ashlar")
assert list(tensors) == list(file)
assert tensors["first.weight"].dtype == torch.float32 and tensors["first.weight"][2, 3] == 11
assert tensors["small"].dtype == torch.bfloat16 and tensors["small"].flatten()[0] == 59
assert tensors["mask"].dtype == torch.bool and tensors["empty"].shape == (0, 4) and tensors["step"].shape == ()
assert tensors["again.weight"].data_ptr() == tensors["first.weight"].data_ptr()
tensors["first.weight"][0, 0] += 1  # a copy: the file is as it was
assert ashlar.torch.load_file("cpp.ashlar")["first.weight"][0, 0] == tensors["first.weight"][0, 0] - 1
tensors["first.weight"][0, 0] -= 1

# C++ takes the file and finds what it wrote: kinds, ties, bf16.
kinds = {key: file.kind(key) for key in file}
unsigned = {key: file[key] for key in file if file.dtype(key)[0] == "u" and file.dtype(key) != "u8"}
assert int(tensors["step"]) == 2**60 and unsigned
ashlar.torch.save_file({**tensors, **unsigned}, "torch.ashlar", {"who": "torch"}, "Model", kinds)
subprocess.run([program, "torch.ashlar"], check=True)
assert ashlar.File("torch.ashlar").metadata == {"who": "torch"}

# A module's state_dict: parameters that need gradients, transposed and expanded views, one tensor under two keys.
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
base = torch.arange(6.0).reshape(2, 3)
state = {**net.state_dict(), "weight": net[0].weight, "t": base.t(), "wide": torch.tensor([1.5]).expand(4), "slice": base[1:]}
ashlar.torch.save_file(state, "state.ashlar")
saved = ashlar.File("state.ashlar")
assert saved.verify() == [] and saved.alias_of("weight") == "0.weight" and saved.alias_of("slice") is None
again = ashlar.torch.load_file("state.ashlar")
assert list(again) == list(state)
assert all(torch.equal(again[k], state[k]) and again[k].dtype == state[k].dtype for k in state)
print(len(tensors), "and", len(state), "tensors")
