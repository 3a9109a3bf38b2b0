# Writes conv_transpose2d_output_padding, bce, some activations and mha_kdim, of f64, beside itself.  SPDX-License-Identifier: BSL-1.0
#
# PyTorch 2.15.0 on a CPU, seed 0. output_padding beyond the stride, which a dilation allows: elements at the end of y
# that no window reaches. Binary cross-entropy of probabilities that reach 0 and 1, on either side of the target.
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

x = torch.cat([torch.tensor([0.0, 1.0, 0.0, 1.0, 1e-44, 1 - 1e-16]), torch.rand(6)]).double().requires_grad_()
t = torch.cat([torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5, 0.5]), torch.rand(6)]).double().requires_grad_()
y = torch.nn.functional.binary_cross_entropy(x, t, reduction="none")
grad = torch.randn(12).double()
y.backward(grad)
write(pathlib.Path(__file__).parent / "bce.f64.safetensors",
      {"input0": x, "input1": t, "output": y, "grad_output": grad, "grad_input0": x.grad, "grad_input1": t.grad})

x = torch.tensor([0.0, -0.0, 1e-6, -1e-6, 0.3, -0.3, 0.5, -0.5, 0.9, -0.9, 3.0, -3.0, 20.0, -20.0, 100.0, -100.0, 1e4, -1e4])
for name, module in {"selu": torch.nn.SELU(), "celu": torch.nn.CELU(0.7), "hardshrink": torch.nn.Hardshrink(0.3),
                     "softshrink": torch.nn.Softshrink(0.3), "tanhshrink": torch.nn.Tanhshrink()}.items():
    layer(name, module, x)

attention = torch.nn.MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True).double()
inputs = [torch.randn(2, n, features).double().requires_grad_() for n, features in ((3, 4), (4, 3), (4, 5))]
with torch.no_grad():
    attention.in_proj_bias.copy_(torch.randn(12))
y, _ = attention(*inputs)
grad = torch.randn(y.shape).double()
y.backward(grad)
tensors = {"output": y, "grad_output": grad}
for i, x in enumerate(inputs):
    tensors |= {f"input{i}": x, f"grad_input{i}": x.grad}
for key, parameter in attention.named_parameters():
    tensors |= {"param." + key: parameter, "grad_param." + key: parameter.grad}
write(pathlib.Path(__file__).parent / "mha_kdim.f64.safetensors", tensors)
