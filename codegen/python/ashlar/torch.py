"""The same with torch tensors: ashlar.torch.load_file, save_file.  SPDX-License-Identifier: BSL-1.0"""
import numpy as np
import torch

from . import _file


def _tensor(array, dtype, key):
    if dtype == "bf16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    if dtype in ("u16", "u32", "u64") and not hasattr(torch, "uint16"):
        if dtype == "u64" and array.size and array.max() >= 2**63:
            raise TypeError(f"{key}: PyTorch {torch.__version__} has no integers of that size")
        array = array.astype(np.int32 if dtype == "u16" else np.int64)
    return torch.from_numpy(array)


def load_file(path):
    """All tensors of a file, copied out of it; tied keys give one tensor.

    u16, u32 and u64 come as signed integers that hold them where PyTorch has no such dtypes (before 2.3).
    """
    file = _file.File(path)
    known = {}
    for key in file:
        stored = file.alias_of(key) or key
        if stored not in known:
            known[stored] = _tensor(np.array(file[key]), file.dtype(key), key)
    return {key: known[file.alias_of(key) or key] for key in file}


def save_file(tensors, path, metadata=None, model="", kinds=None):
    """Writes a state_dict. Tensors that share memory and shape are stored once, tied.

    Other values, as the number of an epoch, are written as ashlar.save_file does.
    """
    arrays, dtypes = {}, {}
    for key, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            arrays[key] = tensor
            continue
        tensor = tensor.detach().cpu()
        tensor = tensor if tensor.is_contiguous() else tensor.contiguous()
        if tensor.dtype == torch.bfloat16:
            arrays[key], dtypes[key] = tensor.view(torch.int16).numpy().view(np.uint16), "bf16"
        else:
            arrays[key] = tensor.numpy()
    _file.save_file(arrays, path, metadata, model, kinds, dtypes)
