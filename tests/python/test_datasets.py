"""Data sets: the digits that come along, and MNIST found, fetched, verified or explained."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dataset_server import Server
from ranvier.datasets import _fetch, digits, mnist
from ranvier.datasets._fetch import File
from ranvier.datasets._idx import parse_idx

# --- digits ----------------------------------------------------------------------------------------------------------


def test_digits_have_the_documented_shapes_and_split() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1437, 8, 8) and x_test.shape == (360, 8, 8)
    assert x_train.dtype == x_test.dtype == np.uint8 and y_train.dtype == y_test.dtype == np.int64
    assert x_train.min() == 0 and x_train.max() == 16
    np.testing.assert_array_equal(np.bincount(y_test), [36] * 10)
    # The class counts of the whole file, as its authors give them.
    np.testing.assert_array_equal(
        np.bincount(y_train) + np.bincount(y_test), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )


def test_digits_are_the_same_bytes_for_ever() -> None:
    parts = [array for part in digits.load_data() for array in part]
    content = b"".join(np.ascontiguousarray(part, dtype=np.uint8).tobytes() for part in parts)
    assert hashlib.sha256(content).hexdigest() == "1ce88473da1ee63e74079ef764a1ff502fb7af439f2450924d7da3c7c4952968"


def test_no_digit_is_in_both_parts() -> None:
    (x_train, _), (x_test, _) = digits.load_data()
    train, test = ({image.tobytes() for image in part} for part in (x_train, x_test))
    assert len(train) == 1437 and len(test) == 360 and not train & test


def test_digits_carry_their_licence() -> None:
    text = (Path(digits.__file__).parent / "DIGITS_LICENSE.txt").read_text(encoding="utf-8")
    assert "CC BY 4.0" in text and "Alpaydin" in text and "10.24432/C50P49" in text


# --- the IDX format --------------------------------------------------------------------------------------------------


def idx(array: np.ndarray, code: int = 0x08) -> bytes:
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    ("dtype", "code"), [("u1", 0x08), ("i1", 0x09), (">i2", 0x0B), (">i4", 0x0C), (">f4", 0x0D), (">f8", 0x0E)]
)
def test_idx_files_of_every_type(dtype: str, code: int) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    parsed = parse_idx(idx(array, code), "f")
    np.testing.assert_array_equal(parsed, array)
    assert parsed.dtype.isnative and parsed.flags.writeable and parsed.dtype.itemsize == array.dtype.itemsize


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"\[f\] expected an IDX file .*received bytes \(none\)"),
        (b"\x89PNG\r\n", r"received bytes 89 50 4e 47"),
        (b"\0\0\x07\x01" + bytes(8), r"received bytes 00 00 07 01"),
        (b"\0\0\x08\x00", r"expected 2 axes, received an IDX file of 0"),
        (idx(np.zeros(3, np.uint8)), r"expected 2 axes, received an IDX file of 1"),
        (GOOD[:7], r"expected a header of 12 bytes, received 7: the file is truncated"),
        (GOOD[:-1], r"expected 6 bytes for shape \(2, 3\), received 5: the file is truncated"),
        (GOOD + b"x", r"expected 6 bytes for shape \(2, 3\), received 7: the file is followed by something else"),
        (GOOD[:4] + b"\xff" * 8, r"expected 18,446,744,065,119,617,025 bytes .*truncated"),
    ],
)
def test_what_is_no_idx_file(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(content, "f", axes=2)


def test_every_truncation_is_noticed() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(ValueError, match=r"\[f\]"):
            parse_idx(GOOD[:end], "f")


# --- a small MNIST and a server --------------------------------------------------------------------------------------

ARRAYS = {
    "train-images-idx3-ubyte.gz": np.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype=np.uint8),
    "train-labels-idx1-ubyte.gz": np.array([3, 1, 4, 1, 5], dtype=np.uint8),
    "t10k-images-idx3-ubyte.gz": np.random.default_rng(1).integers(0, 256, (2, 4, 4), dtype=np.uint8),
    "t10k-labels-idx1-ubyte.gz": np.array([9, 2], dtype=np.uint8),
}
CONTENTS = {name: idx(array) for name, array in ARRAYS.items()}
ARCHIVES = {name: gzip.compress(content, mtime=0) for name, content in CONTENTS.items()}


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(ARCHIVES)
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no override, no proxy, and the small MNIST instead of the real one."""
    monkeypatch.delenv(_fetch.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    files = tuple(File(name, hashlib.sha256(c).hexdigest(), len(c)) for name, c in CONTENTS.items())
    monkeypatch.setattr(mnist, "FILES", files)
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/nobody/",))
    return tmp_path / "cache" / "ranvier" / "mnist"


def store(folder: Path, names: tuple[str, ...] = tuple(ARRAYS)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(ARCHIVES[name])


def check_loaded(data: tuple) -> None:
    arrays = [array for part in data for array in part]
    for array, expected in zip(arrays, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == np.uint8


def test_files_in_the_cache_are_read_without_a_network(cache: Path) -> None:
    store(cache)
    check_loaded(mnist.load_data())
    check_loaded(mnist.load_data(path="mnist.npz"))


def test_the_override_comes_first_and_takes_uncompressed_files_too(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    for name in ARRAYS:
        (cache / name).write_bytes(b"must not be read")
    folder = tmp_path / "mine" / "mnist"
    store(folder)
    (folder / "train-images-idx3-ubyte.gz").unlink()
    (folder / "train-images-idx3-ubyte").write_bytes(CONTENTS["train-images-idx3-ubyte.gz"])
    monkeypatch.setenv(_fetch.ENVIRONMENT, str(tmp_path / "mine"))
    check_loaded(mnist.load_data())


def test_the_cache_serves_what_the_override_lacks(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(cache)
    monkeypatch.setenv(_fetch.ENVIRONMENT, str(tmp_path / "empty"))
    check_loaded(mnist.load_data())


def test_differently_compressed_files_are_the_same_data(cache: Path) -> None:
    store(cache)
    name = "t10k-images-idx3-ubyte.gz"
    (cache / name).write_bytes(gzip.compress(CONTENTS[name], compresslevel=1))
    check_loaded(mnist.load_data())


def test_cache_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert _fetch.cache_folder() == tmp_path / "x" / "ranvier"
    for value in ("", "relative/path"):  # the specification: relative paths are ignored
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert _fetch.cache_folder() == tmp_path / ".cache" / "ranvier"


def test_download_once_verified_and_without_leftovers(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.address}/good/",))
    check_loaded(mnist.load_data())
    assert server.requests == [f"/good/{name}" for name in ARRAYS]
    assert sorted(p.name for p in cache.iterdir()) == sorted(ARRAYS)
    out = capsys.readouterr().out
    assert f"Downloading {server.address}/good/train-images-idx3-ubyte.gz\n1/1 - " in out
    check_loaded(mnist.load_data())
    assert len(server.requests) == 4 and capsys.readouterr().out == ""


def test_bad_mirrors_are_passed_over(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("gone", "cut", "foreign", "endless", "good")
    monkeypatch.setattr(mnist, "MIRRORS", tuple(f"{server.address}/{kind}/" for kind in kinds))
    check_loaded(mnist.load_data())
    # "cut" is tried again as long as it brings bytes, and its 20 bytes do not fool the next.
    assert [kind for kind in kinds if f"/{kind}/t10k-labels-idx1-ubyte.gz" in server.requests] == list(kinds)
    assert sorted(p.name for p in cache.iterdir()) == sorted(ARRAYS)


def test_when_no_mirror_helps_the_error_says_what_to_do(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(cache, ("t10k-labels-idx1-ubyte.gz",))
    monkeypatch.setattr(mnist, "MIRRORS", tuple(f"{server.address}/{kind}/" for kind in ("gone", "cut", "foreign")))
    with pytest.raises(ConnectionError) as caught:
        mnist.load_data()
    text = str(caught.value)
    assert "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz in " in text
    assert "t10k-labels" not in text
    assert f"in {cache}," in text and "RANVIER_DATASETS" in text and "mnist/" in text
    assert (
        "404" in text
        and "/cut/: the answer ended after" in text
        and "/foreign/: " in text
        and "received 14 bytes" in text
    )
    assert [p.name for p in cache.iterdir()] == ["t10k-labels-idx1-ubyte.gz"]


def test_no_network_at_all(cache: Path) -> None:
    with pytest.raises(ConnectionError, match=r"\[mnist\] expected train-images.*no mirror delivered.*127.0.0.1:9"):
        mnist.load_data()


def test_a_folder_that_cannot_be_made_is_named(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.parent.mkdir(parents=True)
    cache.parent.write_text("a file in the way")
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.address}/good/",))
    with pytest.raises(ConnectionError, match=rf"Not a directory: '{cache}'.*RANVIER_DATASETS"):
        mnist.load_data()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda archive: archive[: len(archive) // 2], r"received a damaged archive"),
        (lambda archive: b"\x1f\x8b" + bytes(30), r"received a damaged archive"),
        (lambda archive: archive[:30] + bytes([archive[30] ^ 255]) + archive[31:], r"received a damaged archive|other"),
        (lambda archive: b"", r"received 0 bytes"),
        (lambda archive: b"<html>404</html>", r"received 16 bytes"),
        (lambda archive: gzip.compress(gzip.decompress(archive) + b"1"), r"received more bytes"),
        (lambda archive: gzip.compress(bytes(96)), r"received other content \(SHA-256"),
        (lambda archive: gzip.compress(bytes(50_000_000)), r"received more bytes"),
    ],
)
def test_damaged_files_of_the_user_are_named_and_those_of_the_cache_fetched_again(
    cache: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[bytes], bytes],
    message: str,
) -> None:
    pattern = rf"\[mnist\] .*train-images-idx3-ubyte.gz: expected the 96 bytes.*{message}"
    store(cache)
    path = cache / "train-images-idx3-ubyte.gz"
    damaged = damage(ARCHIVES[path.name])
    path.write_bytes(damaged)
    with monkeypatch.context() as user, pytest.raises(ValueError, match=rf"{pattern}.* Replace the file"):
        user.setenv(_fetch.ENVIRONMENT, str(cache.parent))
        user.setenv("XDG_CACHE_HOME", str(cache.parent / "elsewhere"))
        mnist.load_data()
    with pytest.raises(ConnectionError, match=rf"where one is damaged: {pattern}.*Connection refused"):
        mnist.load_data()
    assert path.read_bytes() == damaged and "downloaded again" in capsys.readouterr().out
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.address}/good/",))
    check_loaded(mnist.load_data())
    assert server.requests == [f"/good/{path.name}"]
    assert path.read_bytes() == ARCHIVES[path.name]


def test_an_npz_file_as_keras_stores_it(cache: Path, tmp_path: Path) -> None:
    names = ("x_train", "y_train", "x_test", "y_test")
    path = tmp_path / "mnist.npz"
    np.savez(path, **dict(zip(names, ARRAYS.values(), strict=True)))
    check_loaded(mnist.load_data(path))
    np.savez(path, x_train=np.zeros(3))
    with pytest.raises(ValueError, match=r"mnist.npz: expected an .npz file with x_train, y_train"):
        mnist.load_data(path)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"mnist.npz: expected an .npz file"):
        mnist.load_data(path)


# --- the real one, where it is at hand -------------------------------------------------------------------------------


@pytest.mark.skipif(
    any(_fetch.find("mnist", file) is None for file in mnist.FILES),
    reason="MNIST is neither in RANVIER_DATASETS nor in the cache",
)
def test_the_real_mnist() -> None:
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert x_train.max() == 255 and round(float(x_train.mean()), 4) == 33.3184
    np.testing.assert_array_equal(y_train[:5], [5, 0, 4, 1, 9])
    np.testing.assert_array_equal(np.bincount(y_test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
