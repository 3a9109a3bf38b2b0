#!/usr/bin/env python3
"""Judges one compile-fail source.  SPDX-License-Identifier: BSL-1.0

usage: check.py compiles|refused SOURCE g++|clang|nvcc COMPILER FLAG...

`compiles`: the source must compile as it is. `refused`: with -DASHLAR_MUST_FAIL the compiler must fail, and its output
must be what the source's leading comments state:
  // expect: TEXT           TEXT is in the output; expect(g++): and so on, for one compiler, adds to the plain ones
  // forbid: TEXT           TEXT is not in the output; also forbid(g++):
  // errors: N              exactly N lines are errors; also errors(g++):
  // first: no              an expected text may stand anywhere; otherwise it belongs to the first error: its line, what
                            introduces it ("In instantiation of ..."), or the notes that follow it
The compiler's echo of source lines is off, so that what matches is the message. A sentence that the library hands to
clang in pieces (include/ashlar/core/refuse.hpp says why) is joined before it is compared.
"""
import os
import re
import subprocess
import sys

QUIET = {
    "g++": ["-fno-diagnostics-show-caret", "-fdiagnostics-color=never", "-fmessage-length=0", "-fmax-errors=0"],
    "clang": ["-fno-caret-diagnostics", "-fno-color-diagnostics", "-fmessage-length=0", "-ferror-limit=0",
              "-ftemplate-backtrace-limit=0"],
    "nvcc": ["-Xcompiler", "-fno-diagnostics-show-caret,-fdiagnostics-color=never,-fmessage-length=0,-fmax-errors=0"],
}
SYNTAX = {"g++": ["-fsyntax-only"], "clang": ["-fsyntax-only"], "nvcc": ["-x", "cu", "-c", "-o", os.devnull]}
DIRECTIVE = re.compile(r"^// (expect|forbid|errors|first)(?:\(([^)]*)\))?: (.*)$")
ERROR = re.compile(r"(^|[ :])(fatal )?error( [A-Z]?#?\d+(-D)?)?:")
INTRODUCTION = re.compile(r"In file included from|^ {4,}from |: In (instantiation|substitution|function|member|constructor"
                          r"|lambda|copy|destructor|static)|required (from|by)|in .constexpr. expansion of|At global scope")
PIECES = re.compile(r'"\}+, (?:ashlar::)?text<\d+>\{+"')


def directives(source, compiler):
    """The statements of the source that hold for this compiler: {name: [text, ...]}."""
    found = {"expect": [], "forbid": [], "errors": [], "first": []}
    with open(source, encoding="utf-8") as text:
        for line in text:
            match = DIRECTIVE.match(line.rstrip())
            if match and match[2] in (None, compiler):
                found[match[1]].append(match[3].strip())
    return found


def first_diagnostic(lines):
    """The lines up to, and not including, the second error and what introduces it."""
    errors = [i for i, line in enumerate(lines) if ERROR.search(line)]
    end = len(lines)
    if len(errors) > 1:
        end = errors[1]
        while end > errors[0] + 1 and INTRODUCTION.search(lines[end - 1]):
            end -= 1
    return lines[:end]


def judge(stated, status, lines):
    """What is wrong with the compiler's answer: a list of sentences, empty if nothing is."""
    wrong = []
    if not stated["expect"]:
        wrong.append("the source has no `// expect:` line for this compiler")
    if status == 0:
        wrong.append("it compiles, though it must not")
    first = stated["first"][-1:] != ["no"]
    where = first_diagnostic(lines) if first else lines
    for text in stated["expect"]:
        if not any(text in line for line in where):
            elsewhere = first and any(text in line for line in lines)
            wrong.append(f"expected{', but not with the first error' if elsewhere else ''}: {text}")
    for text in stated["forbid"]:
        if any(text in line for line in lines):
            wrong.append(f"forbidden, but there: {text}")
    if stated["errors"]:
        count = sum(1 for line in lines if ERROR.search(line))
        if count != int(stated["errors"][-1]):
            wrong.append(f"expected {stated['errors'][-1]} errors, found {count}")
    if any("internal compiler error" in line for line in lines):
        wrong.append("the compiler crashed")
    return wrong


def main():
    mode, source, compiler, *command = sys.argv[1:]
    command += [*QUIET[compiler], *SYNTAX[compiler], source]
    if mode == "refused":
        command.append("-DASHLAR_MUST_FAIL")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    lines = PIECES.sub(" ", done.stdout).splitlines()
    if mode == "refused":
        wrong = judge(directives(source, compiler), done.returncode, lines)
    else:
        wrong = ["it does not compile without ASHLAR_MUST_FAIL"] if done.returncode != 0 else []
    for sentence in wrong:
        print(f"{source}: {sentence}")
    if wrong:
        print(" ".join(command))
        print("\n".join(lines[:200]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
