#!/usr/bin/env python3
"""Counts the templates that four units instantiate, and compares with the baseline.  SPDX-License-Identifier: BSL-1.0

usage: count.py [--refresh] COMPILER FLAG...     the flags are those of ashlar::headers; CTest calls it as compile_cost
Seconds depend on the machine, and this number does not: clang 19 counts the same every time. More than 3 % above
instantiations.json fails, 1 % is a warning. Whoever has a reason for more says it in the commit that refreshes the file:
  cmake --build build/clang --target refresh_compile_cost
Exit status 77: another compiler or standard library than those of the baseline.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from measure import HERE, layers

BASELINE = HERE / "instantiations.json"
FAILS, WARNS = 1.03, 1.01


def environment(compiler, flags):
    """What the counts depend on beside our own headers: "clang 19, libstdc++ 12"."""
    macros = subprocess.run([compiler, *flags, "-x", "c++", "-E", "-dM", "-"], input="#include <string_view>\n",
                            capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"#define (__clang_major__|_GLIBCXX_RELEASE) (\d+)", macros))
    return f"clang {found.get('__clang_major__')}, libstdc++ {found.get('_GLIBCXX_RELEASE')}"


def count(compiler, flags, source, folder):
    trace = folder / "trace.json"
    subprocess.run([compiler, *flags, "-fsyntax-only", "-Xclang", f"-ftime-trace={trace}", "-Xclang",
                    "-ftime-trace-granularity=0", source], check=True)
    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    return sum(event["name"] in ("InstantiateClass", "InstantiateFunction") and event["ph"] == "X" for event in events)


def main():
    arguments = sys.argv[1:]
    refresh = arguments[:1] == ["--refresh"]
    compiler, *flags = arguments[refresh:]
    baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {"units": {}}
    where = environment(compiler, flags)
    if not refresh and where != baseline["environment"]:
        print(f"the baseline is of {baseline['environment']}, and this is {where}")
        return 77
    counts = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        generated = folder / "layers_50.cpp"
        generated.write_text(layers(50), encoding="utf-8")
        for name in ("mlp_infer", "mlp_save_load_compiled", "mlp_save_load"):
            counts[name] = count(compiler, flags, HERE / f"{name}.cpp", folder)
        counts["layers_50"] = count(compiler, flags, generated, folder)
    worst = 0
    for unit, now in counts.items():
        before = baseline["units"].get(unit, now)
        worst = max(worst, now / before)
        print(f"{unit}: {now}, was {before} ({100 * (now / before - 1):+.1f} %)")
    if refresh:
        text = json.dumps({"environment": where, "units": counts}, indent=2)
        BASELINE.write_text(text + "\n", encoding="utf-8")
    elif worst > FAILS:
        print("FAILED: more than 3 % above the baseline")
        return 1
    elif worst > WARNS:
        print("warning: more than 1 % above the baseline")
    return 0


if __name__ == "__main__":
    sys.exit(main())
