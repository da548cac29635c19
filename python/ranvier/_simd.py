"""Chooses the SIMD level: which of the engine's modules, one per instruction set, is loaded on this processor.

The choice is made before anything of the engine is loaded, because a module's global initialisers already use its
instructions.
"""

from __future__ import annotations

import importlib.util
import os
import sys

# Flags each x86-64 level adds (psABI), as Linux spells them; cmake/RanvierLevels.cmake has the same table.
_FLAGS: dict[str, frozenset[str]] = {
    "v2": frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}),
    "v3": frozenset({"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}),
    "v4": frozenset({"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}),
}


def cpu_flags(path: str = "/proc/cpuinfo") -> frozenset[str] | None:
    """Instruction set flags of the first processor; None when the system does not say.

    Linux lists a flag only when the kernel saves the registers that go with it, so no second check is needed.
    """
    text = b""
    try:
        # Unbuffered, and only as far as the first processor: the whole file takes milliseconds on large machines.
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(4096):
                text += chunk
                start = text.find(b"\nflags")
                if start >= 0 and (end := text.find(b"\n", start + 1)) >= 0:
                    return frozenset(text[start:end].decode("ascii", "replace").partition(":")[2].split())
    except OSError:
        return None
    return frozenset() if text else None


def supported_levels(flags: frozenset[str] | None) -> list[str]:
    """Levels a processor with these flags runs, best first; "portable" runs everywhere.

    With no flags known only the lowest x86-64 level is trusted.
    """
    levels = ["portable"]
    if flags is None:
        return ["v2", *levels]
    for level, needed in _FLAGS.items():
        if not needed <= flags:
            break
        levels.insert(0, level)
    return levels


def built_levels() -> list[str]:
    """Levels this installation has a module for, best first."""
    levels = [*reversed(_FLAGS), "portable"]
    return [level for level in levels if importlib.util.find_spec(f"ranvier._core_{level}") is not None]


def choose_level() -> str:
    """The best level that is built and supported, or the one the environment variable RANVIER_SIMD names.

    Raises:
        ImportError: no module fits, or the level asked for is unknown, not built or not supported.
    """
    built = built_levels()
    supported = supported_levels(cpu_flags())
    usable = [level for level in supported if level in built]
    if not built:
        raise ImportError(
            f"ranvier has no engine module for Python {sys.version_info.major}.{sys.version_info.minor} in this "
            "installation; install it again with 'pip install .' from its source folder"
        )
    wanted = os.environ.get("RANVIER_SIMD")
    if wanted:
        if wanted not in built:
            raise ImportError(
                f"RANVIER_SIMD: expected one of {', '.join(built)} (the levels of this installation), "
                f"received '{wanted}'; unset it to let ranvier choose"
            )
        if wanted not in usable:
            raise ImportError(
                f"RANVIER_SIMD={wanted}: this processor supports only {', '.join(usable) or 'none'} of the levels "
                f"{', '.join(built)} of this installation; unset it to let ranvier choose"
            )
        return wanted
    if not usable:
        raise ImportError(
            f"ranvier was built for {', '.join(built)}, and this processor supports only {', '.join(supported)}; "
            "build it on this machine with 'pip install . -Ccmake.define.RANVIER_LEVELS=native'"
        )
    return usable[0]
