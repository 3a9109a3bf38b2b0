"""Sessions with each subcommand, and those in docs/command.md.  SPDX-License-Identifier: BSL-1.0

usage: golden.py [--update]   with --update, what the command prints now is written into the sessions: look at the diff.
"""
import pathlib
import re
import sys

import _console

update = "--update" in sys.argv
failed = []


def check(sessions, name):
    """The sessions, one after the other in one folder, as they go now; notes where that is not as written down."""
    folder, now = pathlib.Path("session"), []
    _console.lay_out(folder)
    for session in sessions:
        fresh = _console.replay(session, folder)
        lines = _console.differences(session, fresh, name)
        if lines and not update:
            failed.append(name)
            print("\n".join(lines))
        now.append(fresh if lines else session)
    return now


for page in sorted((_console.SOURCE / "tests" / "command").glob("*.txt")):
    text = page.read_text(encoding="utf-8")
    (now,) = check([text], page.name)
    if update:
        page.write_text(now, encoding="utf-8")

# What one block of a page writes, the next may read.
page = _console.SOURCE / "docs" / "command.md"
text = page.read_text(encoding="utf-8")
blocks = re.findall(r"```console\n(.*?)```", text, re.S)
assert blocks, f"{page} has no sessions"
now = check(blocks, page.name)
if update:
    fresh = iter(now)
    page.write_text(re.sub(r"```console\n.*?```", lambda _: f"```console\n{next(fresh)}```", text, flags=re.S),
                    encoding="utf-8")

sys.exit(1 if failed else 0)
