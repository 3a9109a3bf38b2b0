# Example: reads a trained network from Python. Nothing of Ashlar is used here but the schema it generated, compiled by
# flatc, with the packages flatbuffers and numpy.  SPDX-License-Identifier: BSL-1.0
#
# usage: read_digits.py FOLDER_OF_GENERATED_CODE FILE.ashlar DATA_FOLDER
# Prints the predicted digit of each held-out row, a line each.
import struct
import sys

import numpy

generated, path, data = sys.argv[1:4]
sys.path.insert(0, generated)
from ashlar.model.Classifier import Classifier  # made by: flatc --python classifier.fbs

file = numpy.memmap(path, dtype=numpy.uint8, mode="r")
manifest_offset, manifest_length, data_offset = struct.unpack_from("<III", file, 8)  # the 64-byte prologue
model = Classifier.GetRootAs(file[manifest_offset:manifest_offset + manifest_length].tobytes(), 0)


def array(tensor):
    """The elements of a tensor, in the mapped file."""
    shape = [tensor.Shape(d) for d in range(tensor.ShapeLength())]
    begin = data_offset + tensor.Offset()
    return file[begin:begin + tensor.Bytes()].view(numpy.float32).reshape(shape)


rows = numpy.loadtxt(data + "/digits.csv", delimiter=",", dtype=numpy.float32)
held_out = numpy.loadtxt(data + "/digits_test_rows.txt", dtype=numpy.int64).ravel()
held_out.sort()
x = rows[held_out, :64] / 16

hidden = numpy.maximum(x @ array(model.Hidden().Weight()).T + array(model.Hidden().Bias()), 0)
logits = hidden @ array(model.Output().Weight()).T + array(model.Output().Bias())
print("\n".join(str(digit) for digit in logits.argmax(axis=1)))
