"""Files as Python sees them: bytes laid out by hand, Python's zipfile as a second opinion, errors of the system."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier._core import Tensor, as_tensor, initialize
from ranvier._core import io as engine_io

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "mask": np.array([True, False, True]),
    "scale": np.array(0.1, dtype=np.float64),
    "seed": np.array([2**40, -1], dtype=np.int64),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "café": np.array([[[7]]], dtype=np.int32),
}
DTYPES = {"float32": "F32", "float64": "F64", "int32": "I32", "int64": "I64", "bool": "BOOL"}


def tensors() -> list[tuple[str, Tensor]]:
    return [(name, as_tensor(array)) for name, array in ARRAYS.items()]


def assert_same(loaded: list[tuple[str, Tensor]], names: list[str] | None = None) -> None:
    assert [name for name, _ in loaded] == (list(ARRAYS) if names is None else names)
    for name, tensor in loaded:
        array = np.asarray(tensor)
        assert array.dtype == ARRAYS[name].dtype and array.shape == ARRAYS[name].shape
        np.testing.assert_array_equal(array, ARRAYS[name])


def safetensors_by_hand(arrays: dict[str, np.ndarray[Any, Any]], metadata: dict[str, str]) -> bytes:
    """The format, written down once more from its description."""
    header: dict[str, Any] = {"__metadata__": metadata}
    data = b""
    for name, array in arrays.items():
        begin = len(data)
        data += array.tobytes()
        dtype = DTYPES.get(array.dtype.name, "F16")
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_safetensors_written_by_hand_are_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors_by_hand(ARRAYS, {"by": "hand", "ü": 'a "quote"\n'}))
    loaded, metadata = engine_io.read_safetensors(path)
    assert_same(loaded)
    assert metadata == {"by": "hand", "ü": 'a "quote"\n'}


def test_safetensors_are_laid_out_as_the_format_says(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    engine_io.write_safetensors(path, tensors(), {"by": "ranvier"})
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    data = raw[8 + length :]
    assert header.pop("__metadata__") == {"by": "ranvier"}
    assert list(header) == list(ARRAYS)
    covered = 0
    for item, array in zip(header.values(), ARRAYS.values(), strict=True):
        begin, end = item["data_offsets"]
        assert item["dtype"] == DTYPES[array.dtype.name] and item["shape"] == list(array.shape)
        assert data[begin:end] == array.tobytes()
        assert (8 + length + begin) % array.dtype.itemsize == 0
        covered += end - begin
    assert covered == len(data) and (8 + length) % 64 == 0


def test_every_float16_is_read_as_numpy_reads_it(tmp_path: Path) -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    path = tmp_path / "h.safetensors"
    path.write_bytes(safetensors_by_hand({"h": halves}, {}))
    [(_, tensor)], _ = engine_io.read_safetensors(path)
    array = np.asarray(tensor)
    assert array.dtype == np.float32
    numbers = ~np.isnan(halves)
    np.testing.assert_array_equal(array[numbers].view(np.uint32), halves[numbers].astype(np.float32).view(np.uint32))
    assert np.isnan(array[~numbers]).all()


CONFIG = {"name": "café", "layers": [{"units": 3, "rate": 0.1, "whole": 2.0, "none": None}], "seed": 2**64 - 1}


def write(path: Path) -> None:
    entries = {"config.json": json.dumps(CONFIG), "metadata.json": '{"note": 1}'}
    engine_io.write_archive(path, entries, {"weights.safetensors": tensors(), "optimizer.safetensors": []})


def test_archive_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.rv"
    write(path)
    entries, groups = engine_io.read_archive(str(path))
    assert json.loads(entries["config.json"]) == CONFIG
    assert isinstance(json.loads(entries["config.json"])["layers"][0]["whole"], float)
    metadata = json.loads(entries["metadata.json"])
    assert metadata["format"] == "ranvier" and metadata["format_version"] == 1 and metadata["note"] == 1
    assert list(groups) == ["weights.safetensors", "optimizer.safetensors"]
    assert_same(groups["weights.safetensors"])
    assert groups["optimizer.safetensors"] == []


def test_zipfile_opens_an_archive_and_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.rv")
    write(tmp_path / "b.rv")
    assert (tmp_path / "a.rv").read_bytes() == (tmp_path / "b.rv").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.rv") as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "metadata.json"
        assert json.loads(archive.read("config.json")) == CONFIG
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED and info.date_time == (1980, 1, 1, 0, 0, 0)


@pytest.mark.parametrize("zip64", [False, True])
def test_archive_packed_again_by_zipfile_is_read(tmp_path: Path, zip64: bool) -> None:
    write(tmp_path / "a.rv")
    with zipfile.ZipFile(tmp_path / "a.rv") as old, zipfile.ZipFile(tmp_path / "b.rv", "w") as new:
        for name in old.namelist():
            with new.open(zipfile.ZipInfo(name), "w", force_zip64=zip64) as entry:
                entry.write(old.read(name))
    assert_same(engine_io.read_archive(tmp_path / "b.rv")[1]["weights.safetensors"])


def test_compressed_archive_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.rv", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", '{"format": "ranvier", "format_version": 1}' + " " * 1000)
    with pytest.raises(ValueError, match=r"z\.rv: entry 'metadata.json' is compressed .*zip -0"):
        engine_io.read_archive(tmp_path / "z.rv")


def test_errors_of_the_system_are_os_errors_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        engine_io.read_archive(tmp_path / "missing.rv")
    assert missing.value.filename == str(tmp_path / "missing.rv")
    with pytest.raises(IsADirectoryError):
        engine_io.read_safetensors(tmp_path)
    with pytest.raises(IsADirectoryError):
        engine_io.write_safetensors(tmp_path, tensors())
    with pytest.raises(FileNotFoundError):
        engine_io.write_archive(tmp_path / "no" / "m.rv", {}, {})


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.rv"
    write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"config\.json: line 1, column 2"):
        engine_io.write_archive(path, {"config.json": "{"}, {})
    with pytest.raises(ValueError, match="two tensors named 'mask'"):
        engine_io.write_archive(path, {}, {"w.safetensors": [tensors()[1], tensors()[1]]})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.rv"]


@pytest.mark.parametrize(
    ("entries", "groups", "message"),
    [
        ({"a.json": 3}, {}, r"json_entries: expected a dict of str to str, received 'a.json': 3"),
        ({}, {"w.safetensors": ()}, r"tensor_groups\['w.safetensors'\]: expected a list"),
        ({}, {"w.safetensors": [("a", 3)]}, r"expected \(name, Tensor\) at index 0, received \('a', 3\)"),
    ],
)
def test_wrong_types_are_named(tmp_path: Path, entries: Any, groups: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        engine_io.write_archive(tmp_path / "m.rv", entries, groups)


def test_configurations_take_numpy_scalars() -> None:
    value = np.asarray(initialize("Constant", {"value": np.float32(0.5)}, (2,)))
    np.testing.assert_array_equal(value, np.array([0.5, 0.5], dtype=np.float32))


def endless() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"a": [{"b": {1}}]}, TypeError, r"config\['a'\]\[0\]\['b'\]: expected dict, list, .*received set"),
        ({"a": {3: 4}}, TypeError, r"config\['a'\]: expected keys of type str, received int"),
        ({"a": np.ones(3)}, TypeError, r"config\['a'\]: .*received numpy.ndarray; convert it with .tolist\(\)"),
        ({"a": 1j}, TypeError, r"config\['a'\]: .*received complex"),
        ({"a": 2**64}, ValueError, r"config\['a'\]: expected an integer of at most 64 bits"),
        ({"a": -(2**63) - 1}, ValueError, r"config\['a'\]: expected an integer of at most 64 bits"),
        ({"a": "\ud800"}, ValueError, r"config\['a'\]: expected text that can be written as UTF-8"),
        ({"a": endless()}, ValueError, r"config\['a'\]\[0\]\[0\].*does it contain itself"),
    ],
)
def test_configurations_that_are_not_json_name_the_place(config: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        initialize("Zeros", config, (2,))


def test_nan_and_infinity_survive(tmp_path: Path) -> None:
    engine_io.write_archive(tmp_path / "m.rv", {"state.json": json.dumps([math.nan, math.inf, -math.inf, 5e-324])}, {})
    nan, *others = json.loads(engine_io.read_archive(tmp_path / "m.rv")[0]["state.json"])
    assert math.isnan(nan) and others == [math.inf, -math.inf, 5e-324]
