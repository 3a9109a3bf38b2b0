#!/usr/bin/env python3
"""Registers, shared memory and spills of every kernel, kept as golden files.  SPDX-License-Identifier: BSL-1.0

usage: ptxas.py run NVCC ARGUMENT...     runs nvcc -Xptxas -v and writes what ptxas says next to the object file
       ptxas.py check  BUILD GOLDEN      compares the units below BUILD with GOLDEN/UNIT.txt; a spill is an error
       ptxas.py update BUILD GOLDEN      writes them

Where the golden files are another nvcc's, spills alone are judged.
"""
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(\w+)'")
SPILL = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
NOISE = re.compile(r"^ptxas info|^\s+\d+ bytes stack frame|^\s*$")


def run(command):
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    lines = result.stderr.splitlines()
    for line in lines:
        if result.returncode != 0 or not NOISE.match(line):
            print(line, file=sys.stderr)
    if result.returncode == 0 and "-o" in command:
        target = pathlib.Path(command[command.index("-o") + 1])
        target.with_suffix(".ptxas").write_text("".join(line + "\n" for line in lines if NOISE.match(line)))
    return result.returncode


def short(names):
    """Demangled, without what all of them have."""
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    out = []
    for line in text.splitlines():
        line = re.sub(r"ashlar::kernels::|cuda::detail::|cuda::|device::|cuda_test::", "", line)
        line = re.sub(r"\(\(unsigned int\)(\d+)\)|\(unsigned int\)(\d+)", lambda m: m[1] or m[2], line)
        line = re.sub(r"\b18446744073709551615ul\b", "at_run_time", line)
        line = re.sub(r"\b(\d+)(u|ul)\b", r"\1", line)
        match = re.match(r"void run<(.*)>\(", line)
        depth, end = 0, len(line)
        if match:  # the template argument alone: run<Body>(Body) names it twice
            start = len("void run<")
            for at in range(start, len(line)):
                depth += {"<": 1, ">": -1}.get(line[at], 0)
                if depth < 0:
                    end = at
                    break
            line = line[start:end].strip()
        out.append(line)
    return out


def kernels(path):
    """{(kernel, architecture): (registers, shared, spilled)} of one unit."""
    found, entry, spilled = {}, None, 0
    for line in path.read_text().splitlines():
        if match := ENTRY.search(line):
            entry = (match[1], match[2])
        elif match := SPILL.search(line):
            spilled = int(match[2]) + int(match[3])
        elif (match := USED.search(line)) and entry:
            shared = SHARED.search(line)
            found[entry] = (int(match[1]), int(shared[1]) if shared else 0, spilled)
            entry = None
    names = sorted({name for name, _ in found})
    readable = dict(zip(names, short(names)))
    return {(readable[name], arch): numbers for (name, arch), numbers in found.items()}


def page(table, version):
    """The golden file: a kernel, and a line for each architecture."""
    lines = [f"# {version}: registers, bytes of shared memory of each kernel. Written by cmake/ptxas.py update."]
    for kernel in sorted({kernel for kernel, _ in table}):
        lines.append(kernel)
        archs = sorted((int(arch[3:]), numbers) for (name, arch), numbers in table.items() if name == kernel)
        lines.append("  " + "   ".join(f"sm_{arch} {regs} {shared}" for arch, (regs, shared, _) in archs))
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "run":
        return run(sys.argv[2:])
    if len(sys.argv) != 4 or sys.argv[1] not in {"check", "update"}:
        print(__doc__)
        return 2
    build, golden = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    version = re.search(r"V([\d.]+)", subprocess.run(["nvcc", "--version"], capture_output=True, text=True).stdout)
    version = f"nvcc {version[1]}" if version else "nvcc"
    units = sorted(build.rglob("*.ptxas"))
    wrong = 0 if units else 1
    for unit in units:
        name = unit.name.split(".")[0]
        table = kernels(unit)
        for (kernel, arch), (_, _, spilled) in sorted(table.items()):
            if spilled:
                print(f"{name}: {arch}: {spilled} bytes are spilled by {kernel}")
                wrong += 1
        text, file = page(table, version), golden / f"{name}.txt"
        if sys.argv[1] == "update":
            golden.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            continue
        expected = file.read_text() if file.exists() else ""
        if not expected.startswith(f"# {version}:"):
            print(f"{name}: the golden file is not by {version}: counts are not compared")
            wrong += not expected
        elif expected != text:
            wrong += 1
            before, now = expected.splitlines(), text.splitlines()
            for line in [f"- {line}" for line in before if line not in now] + [f"+ {line}" for line in now
                                                                              if line not in before]:
                print(f"{name}: {line[:300]}")
    print(f"{len(units)} units, {wrong} findings; cmake/ptxas.py update BUILD {golden} takes them over"
          if wrong else f"{len(units)} units as in {golden}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
