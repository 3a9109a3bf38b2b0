# Writes conv_transpose2d_output_padding.f64.safetensors beside itself.  SPDX-License-Identifier: BSL-1.0
#
# PyTorch 2.15.0 on a CPU, seed 0. output_padding beyond the stride, which a dilation allows: elements at the end of y
# that no window reaches.
import json
import pathlib
import struct

import torch


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        part = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {"dtype": "F64", "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def layer(name, module, x):
    module.double()
    given = x.double().requires_grad_()
    y = module(given)
    grad = torch.randn(y.shape).double()
    y.backward(grad)
    tensors = {"input": given, "output": y, "grad_output": grad, "grad_input": given.grad}
    for key, parameter in module.named_parameters():
        tensors["param." + key] = parameter
        tensors["grad_param." + key] = parameter.grad
    write(pathlib.Path(__file__).parent / f"{name}.f64.safetensors", tensors)


torch.manual_seed(0)
layer("conv_transpose2d_output_padding",
      torch.nn.ConvTranspose2d(2, 4, (3, 1), stride=(1, 2), padding=(1, 0), output_padding=(2, 1), groups=2,
                               dilation=(3, 2)),
      torch.randn(1, 2, 2, 3))
