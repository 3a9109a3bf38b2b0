#!/usr/bin/env python3
"""Packs a corpus of hostile files into two files for the tests.  SPDX-License-Identifier: BSL-1.0

usage: pack.py CORPUS KIND   CORPUS: the folder of index.json; KIND: pt or safetensors. Writes KIND.json and KIND.pack.gz
beside this script: all files one behind the other, and what a reader has to do with each.
"""
import gzip
import hashlib
import io
import json
import pathlib
import sys
import zipfile
import zlib


def with_crc(tensor, data):
    """A tensor whose bytes are given by their SHA-256 gets a CRC-32, which the tests can compute, of the same bytes."""
    if "sha256_of_bytes" in tensor:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            records = [archive.read(name) for name in archive.namelist()]
        (content,) = [r for r in records if hashlib.sha256(r).hexdigest() == tensor["sha256_of_bytes"]]
        tensor = {k: v for k, v in tensor.items() if k != "sha256_of_bytes"} | {"crc32": zlib.crc32(content)}
    return tensor


def main():
    corpus, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
    index = json.loads((corpus / "index.json").read_text(encoding="utf-8"))
    out, pack = {"limits": index["limits"], "topics": index["topics"], "files": [], "derived": []}, b""
    for entry in index["files"]:
        folder, name = entry["file"].split("/")
        if folder != kind:
            continue
        data = (corpus / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        expected = {k: v for k, v in entry["ashlar"].items() if k != "why"}
        if "tensors" in expected:
            expected["tensors"] = [with_crc(t, data) for t in expected["tensors"]]
        out["files"].append({"name": name, "at": len(pack), "bytes": len(data), **expected})
        pack += data
    for entry in index["derived"]:
        if entry["kind"] == kind:
            out["derived"].append({k: v for k, v in entry.items() if k not in ("kind", "reference")})
    here = pathlib.Path(__file__).parent
    lines = ",\n".join(json.dumps(e, separators=(",", ":")) for e in out.pop("files"))
    head = json.dumps(out, separators=(",", ":"))[:-1]
    (here / f"{kind}.json").write_text(f'{head},"files":[\n{lines}\n]}}\n', encoding="utf-8")
    (here / f"{kind}.pack.gz").write_bytes(gzip.compress(pack, 9, mtime=0))


if __name__ == "__main__":
    main()
