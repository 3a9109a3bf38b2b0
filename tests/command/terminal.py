"""The command on a terminal: width, colours, lines, progress; completion scripts.  SPDX-License-Identifier: BSL-1.0"""
import fcntl
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import unicodedata

import _console

GOLDEN = _console.GOLDEN


def on_terminal(*arguments, columns=80, error_too=False, **variables):
    """What the command writes to a terminal of this width, as text with \\n."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = _console.environment(LANG="C.UTF-8", TERM="xterm", **variables)
    child = subprocess.Popen([_console.COMMAND, *map(str, arguments)], stdout=slave, env=env,
                             stderr=slave if error_too else subprocess.DEVNULL)
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        out += piece
    os.close(master)
    child.wait(timeout=60)
    return out.decode().replace("\r\n", "\n")


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


try:
    for end in pty.openpty():
        os.close(end)
except OSError as e:  # a root without /dev/pts
    print(f"there are no terminals here: {e}")
    sys.exit(77)

checkpoint = GOLDEN / "pytorch" / "checkpoint_adam.pt"
plain = subprocess.run([_console.COMMAND, "inspect", str(checkpoint), "--histogram"], capture_output=True, text=True,
                       env=_console.environment(LANG="C.UTF-8"), check=True).stdout
assert plain.isascii() and "\x1b" not in plain and any(len(line) > 100 for line in plain.split("\n"))

wide = on_terminal("inspect", checkpoint, "--histogram", columns=200)
assert "\x1b[1m" in wide and "\u251c\u2500 " in wide and "\u2588" in wide and "|@" not in wide
assert re.sub(r"\x1b\[\d+m", "", wide).count("\n") == plain.count("\n")

for columns in (20, 40, 79, 80, 100):
    text = on_terminal("inspect", checkpoint, columns=columns, NO_COLOR="1")
    assert "\x1b" not in text and "\u2514" in text
    table = text.split("\n\n")[1]
    assert max(map(width, table.split("\n"))) <= columns, (columns, max(table.split("\n"), key=width))
assert "\u2026" in on_terminal("inspect", GOLDEN / "pytorch" / "many_keys.pt", columns=40, NO_COLOR="1")

no_utf8 = on_terminal("inspect", checkpoint, LC_ALL="C")
assert re.sub(r"\x1b\[\d+m", "", no_utf8).isascii()
assert "\x1b" not in on_terminal("inspect", checkpoint, NO_COLOR="1")
assert "\x1b" in on_terminal("inspect", checkpoint, NO_COLOR="")  # as no-color.org has it
refused = on_terminal("verify", GOLDEN / "pytorch/bad_not_pt.pt", error_too=True)
assert refused.startswith("\x1b[31mashlar:\x1b[0m ")

# Names of odd files: wide and combining characters keep the columns in line, and nothing turns text round.
odd = on_terminal("inspect", GOLDEN / "pytorch/odd_names.pt", columns=120, NO_COLOR="1")
head, *rows = odd.split("\n\n")[1].split("\n")
assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f-\x9f]", odd)

# Progress: only of large files, on stderr, and it is gone in the end.
large = pathlib.Path("large.ashlar")
if not large.exists():
    sys.path.insert(0, str(_console.SOURCE / "codegen" / "python"))
    try:
        import numpy as np
    except ImportError:
        np = None
    if np is not None:
        array = pathlib.Path("large.safetensors")
        header = b'{"x":{"dtype":"F32","shape":[67200000],"data_offsets":[0,268800000]}}'
        with array.open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + 268800000)
        subprocess.run([_console.COMMAND, "convert", array, large, "--quiet"], check=True)
        array.unlink()
if large.exists():
    text = on_terminal("verify", large, error_too=True, NO_COLOR="1")
    assert re.search(r"large.ashlar +\d+ %", text) and "\r\x1b[K" in text, text
    assert re.sub("\r\x1b\\[K[^\r\n]*?%", "", text).endswith("large.ashlar: ok: 1 tensor, 256.4 MiB\n"), text
    assert "%" not in on_terminal("verify", large)
    assert "%" not in on_terminal("verify", GOLDEN / "io/small.ashlar", error_too=True)
    large.unlink()

# A reader that goes away, with SIGPIPE and without.
for prefix in ("", "trap '' PIPE; "):
    done = subprocess.run(["bash", "-c", f"{prefix}for i in 1 2 3 4 5; do '{_console.COMMAND}' inspect "
                           f"'{GOLDEN}/pytorch/many_keys.pt' --json | true; echo ${{PIPESTATUS[0]}}; done"],
                          capture_output=True, text=True, env=_console.environment(), check=True)
    assert set(done.stdout.split()) <= {"0", "141"} and done.stderr == "", done

# Scripts that shells take, and what they propose.
here = pathlib.Path(".")
for shell in ("bash", "zsh", "fish", "man"):
    script = subprocess.run([_console.COMMAND, "completion", shell], capture_output=True, text=True, check=True).stdout
    (here / f"completion.{shell}").write_text(script)
    for word in ("inspect", "convert", "strip", "bf16"):
        assert word in script, (shell, word)


def proposed(line):
    """By bash."""
    words = line.split(" ")
    text = (f"source completion.bash; COMP_WORDS=({' '.join(w or chr(39) * 2 for w in words)}); "
            f"COMP_CWORD={len(words) - 1}; _ashlar; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout.split()


assert proposed("ashlar ver") == ["verify"]
assert proposed("ashlar convert --dtype b") == ["bf16"]
assert set(proposed("ashlar diff --")) == {"--only", "--atol", "--rtol", "--ignore-dtype", "--quiet", "--json", "--help"}
assert "completion.zsh" in proposed("ashlar inspect completion")
assert proposed("ashlar completion f") == ["fish"]
for shell, words in (("zsh", ["-f", "-n"]), ("fish", ["-n"])):
    if shutil.which(shell):
        subprocess.run([shell, *words, f"completion.{shell}"], check=True)
    else:
        print(f"skipped: there is no {shell} to read completion.{shell}")
if shutil.which("groff"):
    done = subprocess.run(["groff", "-man", "-ww", "-Tascii", "completion.man"], capture_output=True, text=True, check=True)
    assert done.stderr == "" and "CONVERT" in done.stdout.upper(), done.stderr
else:
    print("skipped: there is no groff to read completion.man")
