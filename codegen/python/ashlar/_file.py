"""Opening and writing .ashlar files.  SPDX-License-Identifier: BSL-1.0"""
import os
import tempfile
from collections.abc import Mapping

import numpy as np

from ._format import (DTYPES, KINDS, MAX_MANIFEST, NUMPY, FormatError, Row, bfloat16, check_rows, data_offset_for,
                      decode_prologue, encode_prologue, fingerprint_of, layout_text)
from ._manifest import read_manifest, write_manifest
from ._xxh3 import xxh3_64


class File(Mapping):
    """An .ashlar file, read-only: key -> array, in the order of the state_dict.

    Arrays lie in the file's own pages and are read when they are touched. Keys of tied tensors give the same array. bf16
    comes as ml_dtypes.bfloat16 if that is installed, else as its bits (uint16). Opening checks everything but the data:
    see verify(). Errors are FormatError and OSError.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length, offset, fingerprint, checksum = decode_prologue(file.read(64), size)
            manifest = file.read(length)
        if len(manifest) != length or xxh3_64(manifest) != checksum:
            raise FormatError("the manifest is damaged: its checksum does not fit")
        rows, self.metadata, self.model, self.library_version, layout, self.modules = read_manifest(manifest)
        raw = np.memmap(path, np.uint8, "r")
        self._data = raw[offset:]
        check_rows(rows, len(self._data))
        if layout != layout_text(rows, len(self._data), self.modules) or fingerprint_of(layout) != fingerprint:
            raise FormatError("the layout text or its fingerprint differs from the list of tensors and modules")
        if raw[64 + length:offset].any():
            raise FormatError("bytes that are not zero between manifest and data")
        self.layout = layout.decode()
        self._rows = {r.key: r for r in rows}
        self._arrays = {}

    def __getitem__(self, key):
        row = self._rows[key]
        stored = row.alias_of or key
        if stored not in self._arrays:
            array = self._data[row.offset:row.offset + row.bytes].view(np.ndarray)
            self._arrays[stored] = array.view(NUMPY[row.dtype]).reshape(row.shape)
        return self._arrays[stored]

    def __iter__(self):
        return iter(self._rows)

    def __len__(self):
        return len(self._rows)

    def dtype(self, key):
        """'f32', 'bf16', ..."""
        return DTYPES[self._rows[key].dtype]

    def kind(self, key):
        """'parameter', 'buffer', 'constant' or 'scalar'"""
        return KINDS[self._rows[key].kind]

    def alias_of(self, key):
        """The key that stores the elements of a tied one, else None."""
        return self._rows[key].alias_of

    def verify(self):
        """Reads all data. A list of what is wrong with it: checksums, padding, bools."""
        problems = []
        end = 0
        stored = (r for r in self._rows.values() if r.alias_of is None)
        for r in sorted(stored, key=lambda r: (r.offset, r.bytes)):
            raw = self._data[r.offset:r.offset + r.bytes]
            if self._data[end:r.offset].any():
                problems.append(f"padding before {r.key} is not zero")
            if xxh3_64(raw) != r.checksum:
                problems.append(f"{r.key} is damaged: its checksum does not fit")
            elif DTYPES[r.dtype] == "bool" and (raw > 1).any():
                problems.append(f"{r.key} holds a value that is no bool")
            end = r.offset + r.bytes
        if self._data[end:].any():
            problems.append("padding at the end is not zero")
        return problems


def load_file(path):
    """All arrays of a file by key: see File."""
    return dict(File(path))


def _dtype_of(array, key):
    if array.dtype.type is bfloat16:
        return DTYPES.index("bf16")
    for i, dtype in enumerate(NUMPY):
        if DTYPES[i] != "bf16" and array.dtype.newbyteorder("<") == dtype:
            return i
    raise TypeError(f"{key}: {array.dtype} is no dtype of an .ashlar file")


def save_file(tensors, path, metadata=None, model="", kinds=None, dtypes=None):
    """Writes a dict of arrays; the file replaces what has the path once it is complete and on the disk.

    Python numbers become scalars (i64, f64, bool), arrays parameters; kinds says otherwise by key, as "buffer". An array
    that stands under several keys is stored once, tied. dtypes={"w": "bf16"} says that uint16 bits are bf16.
    """
    rows, arrays, known = [], [], {}
    end = 0
    for key, value in tensors.items():
        number = isinstance(value, (bool, int, float))
        array = np.asarray(value) if not number else np.asarray(value, {bool: "?", int: "<i8"}.get(type(value), "<f8"))
        array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        dtype = _dtype_of(array, key)
        if (dtypes or {}).get(key) == "bf16" and array.dtype == np.dtype("<u2"):
            dtype = DTYPES.index("bf16")
        kind = KINDS.index((kinds or {}).get(key, "scalar" if number else "parameter"))
        same = (array.__array_interface__["data"][0], array.shape, dtype)
        if array.size and not number and same in known:
            first = known[same]
            first.aliases.append((len(rows), key))
            rows.append(Row(key, first.kind, dtype, array.shape, first.offset, first.bytes, alias_of=first.key))
            continue
        alignment = NUMPY[dtype].itemsize if kind == KINDS.index("scalar") else 64
        offset = (end + alignment - 1) // alignment * alignment
        end = offset + array.nbytes
        row = Row(key, kind, dtype, array.shape, offset, array.nbytes)
        row.checksum = xxh3_64(array.reshape(-1).view(np.uint8))
        rows.append(row)
        arrays.append((row, array))  # keeps it alive, so that no other array gets its address
        known[same] = row
    length = (end + 63) // 64 * 64
    check_rows(rows, length)
    layout = layout_text(rows, length)
    manifest = write_manifest(rows, metadata or {}, model, "0.1.0", layout)
    if len(manifest) > MAX_MANIFEST:
        raise FormatError("keys and metadata take more than the 64 MiB that a manifest may have")
    front = data_offset_for(len(manifest))

    path = os.path.realpath(os.fspath(path))
    handle, temporary = tempfile.mkstemp(".tmp", "." + os.path.basename(path)[:180] + ".", os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(encode_prologue(manifest, length, fingerprint_of(layout)) + manifest)
            for row, array in arrays:
                file.write(bytes(front + row.offset - file.tell()))
                file.write(memoryview(array.reshape(-1).view(np.uint8)))
            file.write(bytes(front + length - file.tell()))
            file.flush()
            os.fchmod(file.fileno(), os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask())
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
