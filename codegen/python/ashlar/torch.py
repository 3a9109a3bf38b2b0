"""The same with torch tensors: ashlar.torch.load_file, save_file.  SPDX-License-Identifier: BSL-1.0"""
import numpy as np
import torch

from . import _file


def load_file(path):
    """All tensors of a file, copied out of it; tied keys give one tensor. u16, u32 and u64 need PyTorch 2.3."""
    file = _file.File(path)
    known = {}
    for key in file:
        stored = file.alias_of(key) or key
        if stored not in known:
            array = np.array(file[key])
            if file.dtype(key) == "bf16":
                known[stored] = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
            else:
                known[stored] = torch.from_numpy(array)
    return {key: known[file.alias_of(key) or key] for key in file}


def save_file(tensors, path, metadata=None, model="", kinds=None):
    """Writes a state_dict. Tensors that share memory and shape are stored once, tied."""
    arrays, dtypes = {}, {}
    for key, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        tensor = tensor if tensor.is_contiguous() else tensor.contiguous()
        if tensor.dtype == torch.bfloat16:
            arrays[key], dtypes[key] = tensor.view(torch.int16).numpy().view(np.uint16), "bf16"
        else:
            arrays[key] = tensor.numpy()
    _file.save_file(arrays, path, metadata, model, kinds, dtypes)
