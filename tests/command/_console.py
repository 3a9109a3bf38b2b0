"""Sessions with the command, and whether they still go as written down.  SPDX-License-Identifier: BSL-1.0

A session is text in which a line `$ COMMAND` is followed by what it prints, stdout and stderr as they come, and by
`[exit N]` if its status is not 0. Commands run in bash, all of a session in one folder that begins with copies of FILES.
"""
import difflib
import os
import pathlib
import re
import shutil
import subprocess

SOURCE = pathlib.Path(os.environ["ASHLAR_SOURCE_DIR"])
COMMAND = pathlib.Path(os.environ["ASHLAR_COMMAND"])
GOLDEN = SOURCE / "tests" / "golden"
FILES = {
    "mlp.pt": "pytorch/mlp_zip.pt", "old.pt": "pytorch/mlp_legacy.pt", "checkpoint.pt": "pytorch/checkpoint_adam.pt",
    "norm.pt": "pytorch/batchnorm.pt", "tied.pt": "pytorch/tied.pt", "views.pt": "pytorch/views.pt",
    "special.pt": "pytorch/special_values.pt", "values.pt": "pytorch/python_values.pt", "one.pt": "pytorch/tensor.pt",
    "complex.pt": "pytorch/dtype_c64.pt", "compiled.pt": "pytorch/prefix_both.pt", "dtypes.safetensors": "pytorch/dtypes_all.safetensors",
    "empty.safetensors": "safetensors/no_tensors.safetensors",
    "mlp.safetensors": "safetensors/mlp.safetensors", "small.ashlar": "io/small.ashlar",
    "versions.ashlar": "io/versions_2.ashlar", "flipped.pt": "pytorch/bad_flipped_payload.pt",
    "cut.pt": "pytorch/bad_truncated_zip.pt", "text.pt": "pytorch/bad_not_pt.pt", "module.pt": "pytorch/module_whole.pt",
}


def environment(**more):
    """Plain output wherever the test runs: no locale, no terminal's width."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("LC_") and k not in ("LANG", "NO_COLOR", "COLUMNS")}
    return env | {"PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"} | more


def lay_out(folder):
    """An empty folder with copies of FILES."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, origin in FILES.items():
        shutil.copyfile(GOLDEN / origin, folder / name)


def run(command, folder="."):
    """What a command prints, and [exit N]. The version of the library that wrote a file is X."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False)
    out = done.stdout.decode()
    if out and not out.endswith("\n"):
        out += "\n"
    return out + (f"[exit {done.returncode}]\n" if done.returncode else "")


def without_version(text):
    return re.sub(r"(ashlar) \d+\.\d+\.\d+", r"\1 X", text)


def replay(session, folder):
    """The session as it goes today."""
    lines, now, at = session.split("\n"), [], 0
    while at < len(lines):
        line = lines[at]
        at += 1
        now.append(line)
        if not line.startswith("$ "):
            continue
        now += run(line[2:], folder).split("\n")[:-1]
        while at < len(lines) and lines[at] != "" and not lines[at].startswith("$ ") or inside_output(lines, at):
            at += 1
    return "\n".join(now)


def inside_output(lines, at):
    """A blank line ends a command's output only if a command, or nothing, comes next."""
    if at >= len(lines) or lines[at].startswith(("$ ", "#")):
        return False
    rest = next((line for line in lines[at:] if line != ""), "$ ")
    return not rest.startswith(("$ ", "#"))


def differences(old, new, name):
    return list(difflib.unified_diff(without_version(old).split("\n"), without_version(new).split("\n"), name,
                                     "as it goes now", lineterm=""))
