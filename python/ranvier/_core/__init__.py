"""The engine. On import this module puts the extension module of the best SIMD level in its own place.

`ranvier._core` is then that module, whatever its level; `__init__.pyi`, generated from the bindings, describes it.
"""

from __future__ import annotations

import importlib
import sys

from ranvier._simd import choose_level

_name = f"ranvier._core_{choose_level()}"
try:
    _module = importlib.import_module(_name)
except ImportError as error:
    raise ImportError(
        f"ranvier's engine module {_name} could not be loaded: {error}; install ranvier again with 'pip install .' "
        "(the OpenMP run-time library of the compiler, for GCC libgomp.so.1, must be there too)"
    ) from error
sys.modules[__name__] = _module
