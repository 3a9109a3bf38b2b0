"""Broken and malicious files: an error that says why, no crash, no hang.  SPDX-License-Identifier: BSL-1.0"""
import gzip
import json
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
    import os
    os.mkfifo(path)
verdicts[path] = "reject"

slowest = (0, "")
failures = []
limits = ["bash", "-c", 'ulimit -t 20; exec "$@"', "bash"]
for path, verdict in verdicts.items():
    for words in (["verify"], ["inspect", "--json", "--histogram"]):
        begin = time.monotonic()
        try:
            done = subprocess.run([*limits, str(_console.COMMAND), *words, str(path)], capture_output=True, timeout=60,
                                  env=_console.environment(), check=False)
        except subprocess.TimeoutExpired:
            failures.append(f"{words[0]} {path}: hangs")
            continue
        slowest = max(slowest, (time.monotonic() - begin, f"{words[0]} {path.name}"))
        error = done.stderr.decode("utf-8", "backslashreplace")
        if done.returncode not in (0, 2):
            failures.append(f"{words[0]} {path}: ended with {done.returncode}\n{error}")
        elif done.returncode == 2 and (not error.startswith("ashlar: ") or done.stdout):
            failures.append(f"{words[0]} {path}: says {error!r}, and prints {done.stdout[:80]!r}")
        elif done.returncode == 0 and error:
            failures.append(f"{words[0]} {path}: succeeds and says {error!r}")
        # What no reader may show: control characters of a file, which command a terminal.
        elif any(ord(c) < 32 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in error):
            failures.append(f"{words[0]} {path}: prints control characters: {error!r}")
        if words[0] == "verify" and verdict and done.returncode != (0 if verdict == "accept" else 2):
            failures.append(f"verify {path}: is to {verdict}, ended with {done.returncode}\n{error}")
        if words[0] == "inspect" and done.returncode == 0:
            json.loads(done.stdout)
print("\n".join(failures))
print(f"{len(verdicts)} files; the slowest took {slowest[0]:.2f} s: {slowest[1]}")
sys.exit(1 if failures else 0)
