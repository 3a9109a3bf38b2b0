"""The data segment of an .ashlar file, for code that flatc generated.  SPDX-License-Identifier: BSL-1.0

All there is to know beyond the schema: 64 bytes of prologue, then the FlatBuffer, then the data.
"""
import struct

import numpy as np

DTYPES = ["<f8", "<f4", "<f2", "<u2", "<i8", "<i4", "<i2", "i1", "u1", "?", "<u8", "<u4", "<u2"]  # bf16 as its bits


class AshlarFile:
    """manifest: the bytes for GetRootAs; array(tensor): a numpy view of what a Tensor table describes."""

    def __init__(self, path):
        self.mapped = np.memmap(path, dtype=np.uint8, mode="r")
        magic, version, at, length, data, _, data_length, size = struct.unpack("<6sHIIIIQQ", bytes(self.mapped[:40]))
        if magic != b"\x89ASHLR" or version != 1 or size != len(self.mapped) or data + data_length != size:
            raise ValueError(f"{path}: not an .ashlar file of version 1")
        self.manifest = bytes(self.mapped[at:at + length])
        self.data = self.mapped[data:data + data_length]

    def array(self, tensor):
        shape = [tensor.Shape(i) for i in range(tensor.ShapeLength())]
        raw = self.data[tensor.Offset():tensor.Offset() + tensor.Bytes()]
        return raw.view(DTYPES[tensor.Dtype()]).reshape(shape)
