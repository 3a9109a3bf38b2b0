"""Opens and writes .ashlar files with NumPy.  SPDX-License-Identifier: BSL-1.0"""
from ._file import File, load_file, save_file
from ._format import FormatError

__all__ = ["File", "FormatError", "load_file", "save_file"]
__version__ = "0.1.0"
