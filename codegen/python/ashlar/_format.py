"""What every .ashlar file keeps to: the first 64 bytes, dtypes, keys, the layout text.  SPDX-License-Identifier: BSL-1.0

The C++ headers say why: io/prologue.hpp, io/rules.hpp, reflect/fingerprint.hpp.
"""
import struct
from dataclasses import dataclass, field
from typing import List, Optional, Tuple

import numpy as np

from ._xxh3 import xxh3_64

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

MAGIC = b"\x89ASHLR"
MAX_MANIFEST = 64 << 20
KINDS = ["parameter", "buffer", "constant", "scalar"]
DTYPES = ["f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "bool", "u64", "u32", "u16"]
NUMPY = [np.dtype(d) for d in ("<f8", "<f4", "<f2", bfloat16 or "<u2", "<i8", "<i4", "<i2", "i1", "u1", "?", "<u8",
                               "<u4", "<u2")]  # without ml_dtypes, bf16 as its bits


class FormatError(ValueError):
    """The bytes are not an .ashlar file, or are damaged."""


@dataclass
class Row:
    """One key: a stored tensor, or another name of one."""
    key: str
    kind: int
    dtype: int
    shape: Tuple[int, ...]
    offset: int
    bytes: int
    checksum: int = 0
    alias_of: Optional[str] = None
    aliases: List[Tuple[int, str]] = field(default_factory=list)  # position among all keys, key


def data_offset_for(manifest_length):
    return (64 + manifest_length + 4095) // 4096 * 4096


def encode_prologue(manifest, data_length, fingerprint):
    offset = data_offset_for(len(manifest))
    head = struct.pack("<6sHIII", MAGIC, 1, 64, len(manifest), offset)
    tail = struct.pack("<QQ16sQ", data_length, offset + data_length, fingerprint, xxh3_64(manifest))
    return head + struct.pack("<I", xxh3_64(head + tail) & 0xFFFFFFFF) + tail


def decode_prologue(raw, file_length):
    """(manifest length, data offset, fingerprint, manifest checksum)"""
    if raw[:6] != MAGIC:
        raise FormatError("not an .ashlar file: the first bytes are not \\x89ASHLR")
    if len(raw) < 64:
        raise FormatError(f"the file is cut off after {len(raw)} bytes")
    _, version, at, length, offset, checksum, data, stated, fingerprint, manifest = struct.unpack("<6sHIIIIQQ16sQ", raw)
    if checksum != xxh3_64(raw[:20] + raw[24:]) & 0xFFFFFFFF:
        raise FormatError("the first 64 bytes are damaged: their checksum does not fit")
    if version != 1:
        raise FormatError(f"format version {version}, but this package reads version 1")
    if at != 64 or not 0 < length <= MAX_MANIFEST or offset != data_offset_for(length):
        raise FormatError(f"a manifest of {length} bytes at byte {at}, data at byte {offset}")
    if stated != offset + data or stated != file_length:
        raise FormatError(f"the file has {file_length} bytes but states {stated}")
    return length, offset, fingerprint, manifest


def layout_text(rows, data_bytes, modules=()):
    lines = [f"ashlar layout 1\t{data_bytes}\n"]
    for r in rows:
        if r.alias_of is not None:
            lines.append(f"{r.key}\t= {r.alias_of}\n")
        else:
            shape = ",".join(map(str, r.shape))
            lines.append(f"{r.key}\t{KINDS[r.kind]}\t{DTYPES[r.dtype]}\t{shape}\t{r.offset}\n")
    lines += [f"{key}\tversion\t{version}\n" for key, _, version in modules if version != 1]
    return "".join(lines).encode()


def fingerprint_of(text):
    """FNV-1a with 128 bits, low byte first."""
    h = 0x6C62272E07BB014262B821756295C58D
    for byte in text:
        h = ((h ^ byte) * ((1 << 88) | 0x13B)) & ((1 << 128) - 1)
    return h.to_bytes(16, "little")


def check_key(key):
    raw = key.encode()  # raises for lone surrogates
    parts = key.split(".")
    if not 0 < len(raw) <= 1024 or len(parts) > 32 or not all(parts):
        raise FormatError(f"no key: {key[:200]!r} (1 to 1024 bytes, at most 32 parts between dots, none empty)")
    if any(b < 0x20 or b == 0x7F for b in raw):
        raise FormatError(f"the key {key[:200]!r} has a control character")


def check_rows(rows, data_length):
    """The rules that a list of rows keeps to, whoever made it."""
    end = 0
    seen = set()
    for r in rows:
        check_key(r.key)
        if r.key in seen:
            raise FormatError(f"{r.key!r} stands twice in the list of keys")
        seen.add(r.key)
    for r in sorted((r for r in rows if r.alias_of is None), key=lambda r: (r.offset, r.bytes)):
        if len(r.shape) > (1 if r.kind == 3 else 8):
            raise FormatError(f"{r.key!r} has {len(r.shape)} dimensions")
        size, empty = NUMPY[r.dtype].itemsize, 0 in r.shape
        for extent in r.shape:
            size *= extent or 1
        if size > 1 << 62 or r.bytes != (0 if empty else size):
            raise FormatError(f"{r.key!r} has {r.bytes} bytes, but {DTYPES[r.dtype]} {r.shape} takes {size}")
        if r.offset % (NUMPY[r.dtype].itemsize if r.kind == 3 else 64):
            raise FormatError(f"{r.key!r} lies at byte {r.offset}, which is not aligned")
        if r.offset < end:
            raise FormatError(f"{r.key!r} overlaps another tensor")
        end = r.offset + r.bytes
        if end > data_length:
            raise FormatError(f"{r.key!r} ends at byte {end} of a data segment of {data_length}")
