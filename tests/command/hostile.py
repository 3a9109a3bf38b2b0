"""Broken and malicious files: an error that says why, no crash, no hang.  SPDX-License-Identifier: BSL-1.0"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import time

import _console

folder = pathlib.Path("files")
folder.mkdir(exist_ok=True)
verdicts = {}  # file -> accept, reject, or None if both are allowed


def allowed(entry):
    return None if entry.get("also_allowed") else entry["verdict"]


golden = _console.GOLDEN
index = json.loads((golden / "hostile" / "pt.json").read_text(encoding="utf-8"))
pack = gzip.decompress((golden / "hostile" / "pt.pack.gz").read_bytes())
for entry in index["files"]:
    path = folder / entry["name"]
    path.write_bytes(pack[entry["at"]:entry["at"] + entry["bytes"]])
    verdicts[path] = allowed(entry)
index = json.loads((golden / "safetensors" / "hostile" / "index.json").read_text(encoding="utf-8"))
for entry in index["files"]:
    verdicts[golden / "safetensors" / "hostile" / entry["file"]] = allowed(entry["ashlar"])
for path in sorted((_console.SOURCE / "tests" / "fuzz" / "corpus").rglob("*")):
    if path.is_file() and not path.suffix:
        verdicts[path] = None
# Every byte of the front of a sound file, changed.
sound = (golden / "io" / "small.ashlar").read_bytes()
for at in [*range(0, 64), *range(64, 2000, 37), 4096, len(sound) - 1]:
    path = folder / f"flip_{at}.ashlar"
    path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x11]) + sound[at + 1:])
    verdicts[path] = "reject"
for length in (0, 1, 7, 63, 64, 65, 4095, 4096, len(sound) - 1):
    path = folder / f"cut_{length}.ashlar"
    path.write_bytes(sound[:length])
    verdicts[path] = "reject"
path = folder / "fifo"
if not path.exists():
    os.mkfifo(path)
verdicts[path] = "reject"

failures = []
limits = ["bash", "-c", 'ulimit -t 60; exec "$@"', "bash", str(_console.COMMAND)]


def run(*words):
    return subprocess.run([*limits, *map(str, words)], capture_output=True, timeout=120, env=_console.environment(),
                          check=False)


def check_text(what, text):
    """No reader may show control characters of a file, which command a terminal."""
    if any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in text):
        failures.append(f"{what}: prints control characters: {text!r}")


# All at once: what one does to the command would be seen in the others.
done = run("verify", "--json", *verdicts)
assert done.returncode == 2, done
for path, report in zip(verdicts, json.loads(done.stdout), strict=True):
    assert report["path"] == str(path)
    if verdicts[path] and report["ok"] != (verdicts[path] == "accept"):
        failures.append(f"verify {path}: is to {verdicts[path]}, but: {report}")
    if not report["ok"]:
        check_text(f"verify {path}", report["headline"] + "".join(report["problems"]))

slowest = (0, "")
for path, verdict in verdicts.items():
    begin = time.monotonic()
    try:
        done = run("inspect", "--json", "--histogram", path)
    except subprocess.TimeoutExpired:
        failures.append(f"{path}: hangs")
        continue
    slowest = max(slowest, (time.monotonic() - begin, path.name))
    error = done.stderr.decode("utf-8", "backslashreplace")
    check_text(f"inspect {path}", error)
    if done.returncode == 0:
        json.loads(done.stdout)
        if error:
            failures.append(f"{path}: succeeds and says {error!r}")
    elif done.returncode != 2:
        failures.append(f"{path}: ended with {done.returncode}\n{error}")
    elif not error.startswith("ashlar: ") or done.stdout:
        failures.append(f"{path}: says {error!r}, and prints {done.stdout[:80]!r}")
print("\n".join(failures))
print(f"{len(verdicts)} files; the slowest took {slowest[0]:.2f} s: {slowest[1]}")
sys.exit(1 if failures else 0)
