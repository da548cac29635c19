"""
Files: the .rv archive and the safetensors format.
"""
from __future__ import annotations
import os
import ranvier._core
import typing
__all__: list[str] = ['FORMAT_VERSION', 'read_archive', 'read_safetensors', 'write_archive', 'write_safetensors']
def read_archive(path: os.PathLike | str | bytes) -> tuple[dict[str, str], dict[str, list[tuple[str, ranvier._core.Tensor]]]]:
    """
    Reads a .rv archive whole: (JSON text by entry name, lists of (tensor name, Tensor) by entry name).
    
    Checksums, sizes, offsets and names are verified. ValueError, starting with the path, says what is wrong with a foreign,
    truncated, corrupted, oversized or too new file; OSError when it cannot be opened.
    """
def read_safetensors(path: os.PathLike | str | bytes) -> tuple[list[tuple[str, ranvier._core.Tensor]], dict[str, str]]:
    """
    Reads a file in the safetensors format: (list of (name, Tensor), metadata).
    
    Reads F32, F64, I32, I64 and BOOL; F16 and BF16 become float32. ValueError, starting with the path, says what is wrong
    with the file; OSError when it cannot be opened.
    """
def write_archive(path: os.PathLike | str | bytes, json_entries: dict[str, str], tensor_groups: dict[str, list[tuple[str, ranvier._core.Tensor]]]) -> None:
    """
    Writes a .rv archive: a zip of stored entries, replaced in one step or not at all.
    
    json_entries maps entry names ending in ".json" to JSON text, tensor_groups names ending in ".safetensors" to lists of
    (tensor name, Tensor). An entry "metadata.json" is added, or completed, with format, format_version and ranvier_version.
    
    ValueError: a wrong or doubled name, text that is not JSON. OSError: the file cannot be written; what was there before is
    untouched.
    """
def write_safetensors(path: os.PathLike | str | bytes, tensors: list[tuple[str, ranvier._core.Tensor]], metadata: dict[str, str] = {}) -> None:
    """
    Writes a file in the safetensors format, replaced in one step or not at all.
    
    tensors is a list of (name, Tensor) with names unique; metadata maps str to str. ValueError: a doubled name. OSError: the
    file cannot be written.
    """
FORMAT_VERSION: int = 1
