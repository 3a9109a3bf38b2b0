#!/usr/bin/env python3
"""Checks what clang-format does not.  SPDX-License-Identifier: BSL-1.0

usage: lint.py   in the root of the source tree; prints one line for each finding, exits 1 if there is any.
"""
import pathlib
import re
import sys
import textwrap

FOLDERS = ["include", "tests", "examples", "bench", "codegen", "cmake", "schemas"]
CODE = {".hpp", ".cpp", ".cuh", ".cu", ".cmake", ".fbs"}
# Which folders of include/ashlar a folder may include. Headers at the root may include all.
MAY_INCLUDE = {
    "core": {"core"},
    "reflect": {"core", "reflect"},
    "kernels": {"core", "kernels"},
    "grad": {"core", "reflect", "kernels", "grad", "nn"},
    "nn": {"core", "reflect", "kernels", "grad", "nn"},
    "train": {"core", "reflect", "kernels", "grad", "nn", "train"},
    "cuda": {"core", "reflect", "kernels", "grad", "nn", "train", "cuda"},
    "io": {"core", "reflect", "schema", "io"},
    "schema": {"core", "reflect", "schema"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]ashlar/([a-z_]+)/')


def findings(path, text):
    lines = text.split("\n")
    golden_schema = path.parts[0] == "schemas" and path.name != "ashlar.fbs"
    generated = golden_schema or "generated" in path.name or "golden" in path.parts
    if generated:
        return
    terse = path.parts[:2] == ("tests", "compile_fail")  # their first lines are statements
    if path.suffix in CODE and not terse and "SPDX-License-Identifier: BSL-1.0" not in "\n".join(lines[:12]):
        yield 1, "no SPDX-License-Identifier: BSL-1.0"
    first_directive = next((line for line in lines if line.startswith("#")), "")
    # A header that is included several times on purpose begins with #ifndef ASHLAR_..., which it defines nowhere.
    if path.suffix in {".hpp", ".cuh"} and not first_directive.startswith(("#pragma once", "#ifndef ASHLAR_")):
        yield 1, "no #pragma once"
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end"
    folder = path.parts[2] if path.parts[:2] == ("include", "ashlar") and len(path.parts) > 3 else None
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            yield number, "not ASCII"
        if line != line.rstrip():
            yield number, "blank at the end of the line"
        if "\t" in line:
            yield number, "tab"
        match = INCLUDE.match(line)
        if match and folder in MAY_INCLUDE and match[1] not in MAY_INCLUDE[folder] and match[1] in MAY_INCLUDE:
            yield number, f"{folder} may not include {match[1]}: dependencies point downward only"


def drifted(page, examples):
    """C++ blocks of a page that are not, line for line, the text of an example, which may stand further to the right."""
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(r"```cpp\n(.*?)```", text, re.S):
        shown = [textwrap.indent(block[1].rstrip(), " " * n) for n in (0, 2, 4)]
        if not any(form in example for form in shown for example in examples):
            yield text.count("\n", 0, block.start()) + 1, "this C++ block is not the text of an example"


def main():
    count = 0
    examples = [p.read_text(encoding="utf-8") for p in sorted(pathlib.Path("examples").rglob("*"))
                if p.suffix in {".cpp", ".hpp", ".cu"}]
    for page in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md"))]:
        for number, sentence in drifted(page, examples):
            print(f"{page}:{number}: {sentence}")
            count += 1
    paths = [pathlib.Path("run"), pathlib.Path("CMakeLists.txt")]
    for folder in FOLDERS:
        paths += [p for p in sorted(pathlib.Path(folder).rglob("*"))
                  if p.suffix in CODE | {".py"} or p.name == "CMakeLists.txt"]
    for path in paths:
        for number, sentence in findings(path, path.read_text(encoding="utf-8")):
            print(f"{path}:{number}: {sentence}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
