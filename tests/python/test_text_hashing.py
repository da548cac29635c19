"""Hashes of categories against published values, and the bins that Keras documents."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ranvier import layers
from ranvier.utils.hashing import fingerprint64, hash_buckets, hash_strings, siphash24

LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]

# farmhash::Fingerprint64 of the reference implementation; lengths on both sides of every change of method.
FINGERPRINTS = {
    0: 0x9AE16A3B2F90404F,
    1: 0xBEC09CC447469D8B,
    3: 0x40B4412E33EEFD64,
    4: 0xF3C7EE05197A7B92,
    7: 0x4FEF0B39C12AA9A4,
    8: 0x0C97ECBC1E9D2626,
    15: 0x2CA35F0A039B4F1B,
    16: 0x7EDA0ED8C837A168,
    17: 0xC9518FE63EBF6127,
    31: 0xBD5CA6EE28FC43CB,
    32: 0xA53F806F23A314E8,
    33: 0xC24F9D7CE864F0E9,
    63: 0x9643C13FC68D469C,
    64: 0x0566266CB579ECA2,
    65: 0x77E0867714E6B0E4,
    100: 0x9E17C36FE4A61B08,
    127: 0xCAA19A12C8273B7E,
    128: 0x666823960B3AC271,
    129: 0x98206B8579BCA083,
    200: 0x6D7105B27CBE2FD7,
    300: 0xDFBCED116079AF13,
}


@pytest.mark.parametrize("length", FINGERPRINTS)
def test_fingerprint64_is_that_of_farmhash(length: int) -> None:
    row = (np.arange(length) * 7 + 3).astype(np.uint8)
    assert int(fingerprint64(row[None])[0]) == FINGERPRINTS[length]


def test_fingerprint64_of_published_rows() -> None:
    # The documentation of BigQuery's FARM_FINGERPRINT.
    wanted = {b"1footrue": -1541654101129638711, b"2applefalse": 2794438866806483259, b"3true": -4880158226897771312}
    found = hash_strings(list(wanted), fingerprint64).astype(np.int64)
    assert found.tolist() == list(wanted.values())


def test_siphash24_is_that_of_the_paper() -> None:
    # Aumasson & Bernstein 2012, appendix A: key 00 01 ... 0f, message 00 01 ... 0e.
    key = bytes(range(16))
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    assert int(siphash24(np.arange(15, dtype=np.uint8)[None], k0, k1)[0]) == 0xA129CA6149BE45E5


def test_many_strings_are_hashed_as_one_by_one() -> None:
    draw = np.random.default_rng(0)
    strings = [draw.bytes(int(n)) for n in draw.integers(0, 150, size=300)] * 2
    together = hash_strings(strings, fingerprint64)
    alone = [int(hash_strings([text], fingerprint64)[0]) for text in strings]
    assert together.tolist() == alone
    assert hash_buckets([], 3).shape == (0,)


# -- Hashing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "inputs", "wanted"),
    [
        ({"num_bins": 3}, LETTERS, [[1], [0], [1], [1], [2]]),
        ({"num_bins": 3, "mask_value": ""}, [["A"], ["B"], [""], ["C"], ["D"]], [[1], [1], [0], [2], [2]]),
        ({"num_bins": 3, "salt": [133, 137]}, LETTERS, [[1], [2], [1], [0], [2]]),
        ({"num_bins": 3, "salt": 133}, LETTERS, [[0], [0], [2], [1], [0]]),
        ({"num_bins": 1}, LETTERS, [[0]] * 5),
        ({"num_bins": 3}, [0, 1, 2, 3, 4], [1, 0, 1, 0, 2]),
        ({"num_bins": 3}, np.array([0.0, 1.0, 2.0, 3.0, 4.0]), [1, 0, 1, 0, 2]),
        ({"num_bins": 3, "salt": [133, 137]}, [[0], [1], [2], [3], [4]], [[1], [1], [2], [0], [1]]),
        ({"num_bins": 2}, np.array(["omar", "stringer", "marlo", "wire", "skywalker"]), [0, 0, 1, 0, 0]),
        ({"num_bins": 3, "mask_value": "omar"}, ["omar", "stringer", "marlo"], [0, 1, 2]),
        ({"num_bins": 3, "output_mode": "one_hot"}, [[0], [1], [4]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
        ({"num_bins": 3, "output_mode": "multi_hot"}, [[0, 1], [2, 4]], [[1, 1, 0], [0, 1, 1]]),
        ({"num_bins": 3, "output_mode": "count"}, [[0, 2], [2, 4]], [[0, 2, 0], [0, 1, 1]]),
    ],
)
def test_hashing_gives_the_bins_of_keras(arguments: dict, inputs: object, wanted: list) -> None:
    layer = layers.Hashing(**arguments)
    found = layer(inputs)
    assert found.numpy().tolist() == wanted
    assert found.dtype == ("int64" if layer.output_mode == "int" else "float32")
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert again(inputs).numpy().tolist() == wanted


def test_hashing_of_negative_and_large_integers_uses_their_digits() -> None:
    values = [-1, 2**62, -(2**63)]
    as_text = layers.Hashing(1000)([str(v) for v in values]).numpy()
    np.testing.assert_array_equal(layers.Hashing(1000)(np.array(values)).numpy(), as_text)


def test_hashing_complains_by_name() -> None:
    with pytest.raises(ValueError, match=r"\[hashing.*\] num_bins: expected a positive int, received 0"):
        layers.Hashing(0)
    with pytest.raises(ValueError, match="salt: expected an int or a pair of ints, received 'x'"):
        layers.Hashing(2, salt="x")
    with pytest.raises(ValueError, match="output_mode: expected one of .*, received 'tf_idf'"):
        layers.Hashing(2, output_mode="tf_idf")
    with pytest.raises(ValueError, match="dtype: expected 'int32' or 'int64'"):
        layers.Hashing(2, dtype="float32")
    with pytest.raises(ValueError, match="expected finite numbers"):
        layers.Hashing(2)(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="sparse: expected False"):
        layers.Hashing(2, output_mode="count", sparse=True)


# -- HashedCrossing ----------------------------------------------------------------------------------------------------


def test_crossing_gives_the_bins_of_keras() -> None:
    first, second = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    cross = layers.HashedCrossing(num_bins=5)
    assert cross((first, second)).numpy().tolist() == [1, 4, 1, 1, 3]
    assert cross([first[:, None], second[:, None]]).numpy().tolist() == [[1], [4], [1], [1], [3]]
    assert int(cross(["A", 101]).numpy()) == 1
    hot = layers.HashedCrossing(num_bins=5, output_mode="one_hot")((first, second)).numpy()
    np.testing.assert_array_equal(hot, np.eye(5)[[1, 4, 1, 1, 3]])
    again = layers.deserialize(layers.serialize(cross))
    assert again((first, second)).numpy().tolist() == [1, 4, 1, 1, 3]


def test_crossing_complains_by_name() -> None:
    cross = layers.HashedCrossing(num_bins=5, name="cross")
    with pytest.raises(ValueError, match=r"\[cross\] expected a list of two or more inputs"):
        cross(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"\[cross\] expected inputs of one shape, received \(2,\) and \(3,\)"):
        cross([np.array([1, 2]), np.array([1, 2, 3])])
    with pytest.raises(ValueError, match=r"\[cross\] x\[0\]: expected shape .* received \(2, 2\)"):
        cross([np.ones((2, 2), int), np.ones((2, 2), int)])
    with pytest.raises(ValueError, match=r"\[cross\] x\[1\]: expected integers or strings, received float64"):
        cross([np.array(["a"]), np.array([0.5])])
