"""Fashion-MNIST and CIFAR from small files of their formats, downloads that break, and archives one cannot trust."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dataset_server import Server
from ranvier.datasets import _fetch, cifar10, cifar100, fashion_mnist
from ranvier.datasets._download import ATTEMPTS, download
from ranvier.datasets._fetch import File
from ranvier.datasets._tar import read_members

RNG = np.random.default_rng(0)


def tar_gz(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def stored(name: str, content: bytes) -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content), stored=True)


def records(count: int, *classes: int) -> np.ndarray:
    labels = [RNG.integers(0, n, (count, 1)) for n in classes]
    return np.concatenate([*labels, RNG.integers(0, 256, (count, 3072))], axis=1).astype(np.uint8)


CIFAR10 = {name: records(2, 10) for name in [*cifar10.TRAIN, *cifar10.TEST]}
CIFAR100 = {name: records(3, 20, 100) for name in [*cifar100.TRAIN, *cifar100.TEST]}
IMAGES = {
    "train-images-idx3-ubyte.gz": RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8),
    "train-labels-idx1-ubyte.gz": np.array([3, 1, 4, 1, 5], dtype=np.uint8),
    "t10k-images-idx3-ubyte.gz": RNG.integers(0, 256, (2, 4, 4), dtype=np.uint8),
    "t10k-labels-idx1-ubyte.gz": np.array([9, 2], dtype=np.uint8),
}
FILES = {
    cifar10.ARCHIVE.name: tar_gz(
        {"cifar-10-batches-bin/readme.html": b"x"} | {n: a.tobytes() for n, a in CIFAR10.items()}
    ),
    cifar100.ARCHIVE.name: tar_gz({n: a.tobytes() for n, a in reversed(CIFAR100.items())}),
} | {
    name: gzip.compress(bytes([0, 0, 8, a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes(), mtime=0)
    for name, a in IMAGES.items()
}


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(FILES)
    yield running
    running.close()


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no override, no proxy, no mirror, and small files in place of the real ones."""
    monkeypatch.delenv(_fetch.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(stored(name, FILES[name]) for name in IMAGES))
    for module, count in ((cifar10, 2), (cifar100, 3)):
        monkeypatch.setattr(module, "ARCHIVE", stored(module.ARCHIVE.name, FILES[module.ARCHIVE.name]))
        monkeypatch.setattr(module, "TRAIN", dict.fromkeys(module.TRAIN, count))
        monkeypatch.setattr(module, "TEST", dict.fromkeys(module.TEST, count))
    set_mirrors(monkeypatch, "http://127.0.0.1:9/nobody/")


def set_mirrors(monkeypatch: pytest.MonkeyPatch, *mirrors: str) -> None:
    for module in (fashion_mnist, cifar10, cifar100):
        monkeypatch.setattr(module, "MIRRORS", mirrors)


# --- what is returned ------------------------------------------------------------------------------------------------


def test_fashion_mnist(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    set_mirrors(monkeypatch, f"{server.address}/good/")
    for _ in range(2):  # the second time from the cache
        arrays = [array for part in fashion_mnist.load_data() for array in part]
        for array, expected in zip(arrays, IMAGES.values(), strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == np.uint8
    assert len(server.requests) == 4


def planes(records: np.ndarray, labels: int) -> np.ndarray:
    """Pixel by pixel, as the page of the data set describes a record."""
    images = np.zeros((len(records), 32, 32, 3), np.uint8)
    for row in range(32):
        for column in range(32):
            for colour in range(3):
                images[:, row, column, colour] = records[:, labels + 1024 * colour + 32 * row + column]
    return images


def test_cifar10(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    set_mirrors(monkeypatch, f"{server.address}/good/")
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    *train, test = CIFAR10.values()
    np.testing.assert_array_equal(x_train, planes(np.concatenate(train), 1))
    np.testing.assert_array_equal(y_train, np.concatenate(train)[:, :1])
    np.testing.assert_array_equal(x_test, planes(test, 1))
    np.testing.assert_array_equal(y_test, test[:, :1])
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert x_train.flags.c_contiguous and x_train.flags.writeable and y_test.flags.writeable


@pytest.mark.parametrize(("mode", "column"), [("fine", 1), ("coarse", 0)])
def test_cifar100(server: Server, monkeypatch: pytest.MonkeyPatch, mode: str, column: int) -> None:
    set_mirrors(monkeypatch, f"{server.address}/good/")
    (x_train, y_train), (x_test, y_test) = cifar100.load_data(label_mode=mode)
    train, test = CIFAR100.values()
    np.testing.assert_array_equal(x_train, planes(train, 2))
    np.testing.assert_array_equal(x_test, planes(test, 2))
    np.testing.assert_array_equal(y_train, train[:, column : column + 1])
    np.testing.assert_array_equal(y_test, test[:, column : column + 1])
    assert x_train.dtype == np.uint8 and y_train.dtype == y_test.dtype == np.int64  # as in Keras


def test_cifar100_knows_two_label_modes() -> None:
    with pytest.raises(ValueError, match=r"\[cifar100\] label_mode: expected 'fine' or 'coarse', received 'medium'"):
        cifar100.load_data("medium")


@pytest.mark.parametrize(
    ("module", "name"), [(cifar10, "cifar10"), (cifar100, "cifar100"), (fashion_mnist, "fashion_mnist")]
)
def test_without_a_network_the_error_names_the_file_and_the_place(
    module: ModuleType, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = module.FILES[0] if name == "fashion_mnist" else module.ARCHIVE
    place = tmp_path / "ranvier" / name
    with pytest.raises(ConnectionError, match=rf"\[{name}\] expected {file.name}.* in {place}, .*RANVIER_DATASETS"):
        module.load_data()
    assert list(place.iterdir()) == [], "no empty leftovers"
    monkeypatch.setenv(_fetch.ENVIRONMENT, str(tmp_path / "mine"))
    for name_of_file in FILES:
        (tmp_path / "mine" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name / name_of_file).write_bytes(FILES[name_of_file])
    assert len(module.load_data()) == 2


def test_labels_beyond_the_classes_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = {name: array.copy() for name, array in CIFAR10.items()}
    wrong["cifar-10-batches-bin/data_batch_3.bin"][1, 0] = 10
    content = tar_gz({name: array.tobytes() for name, array in wrong.items()})
    monkeypatch.setattr(cifar10, "ARCHIVE", stored("cifar-10-binary.tar.gz", content))
    place = tmp_path / "ranvier" / "cifar10"
    place.mkdir(parents=True)
    (place / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"expected labels below 10 in .*data_batch_3.bin, received 10"):
        cifar10.load_data()


# --- downloads that break --------------------------------------------------------------------------------------------

CONTENT = bytes(RNG.integers(0, 256, 90, dtype=np.uint8))  # four slices of 20 bytes and one of 10
FILE = stored("file.bin", CONTENT)


@pytest.fixture
def mirror() -> Iterator[Server]:
    running = Server({"file.bin": CONTENT})
    yield running
    running.close()


def test_a_cut_download_goes_on_by_itself(mirror: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert download(f"{mirror.address}/slices/file.bin", tmp_path / "file.bin", FILE) == CONTENT
    assert mirror.ranges == [None, "bytes=20-", "bytes=40-", "bytes=60-", "bytes=80-"]
    assert "file.bin from byte 80 on" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_what_arrived_is_kept_for_the_next_call(mirror: Server, tmp_path: Path) -> None:
    path, part = tmp_path / "file.bin", tmp_path / ".file.bin.part"
    with pytest.raises(ConnectionError, match="the answer ended after 20 of 90 bytes"):
        download(f"{mirror.address}/cut/file.bin", path, FILE)
    assert part.read_bytes() == CONTENT[:20] and not path.exists()
    assert len(mirror.requests) == 2, "the second connection began anew and brought no more"
    assert download(f"{mirror.address}/good/file.bin", path, FILE) == CONTENT
    assert mirror.ranges[-1] == "bytes=20-" and not part.exists() and path.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["plain", "confused"])
def test_a_server_that_cannot_resume_sends_everything_again(mirror: Server, tmp_path: Path, kind: str) -> None:
    (tmp_path / ".file.bin.part").write_bytes(CONTENT[:50])
    if kind == "confused":  # says 206 and begins elsewhere: its bytes are of no use
        with pytest.raises(ValueError, match="received 87 bytes"):
            download(f"{mirror.address}/confused/file.bin", tmp_path / "file.bin", FILE)
        assert list(tmp_path.iterdir()) == []
    else:
        assert download(f"{mirror.address}/plain/file.bin", tmp_path / "file.bin", FILE) == CONTENT
        assert len(mirror.requests) == 1


@pytest.mark.parametrize(
    "beginning", [b"?" * 30, b"?" * 90, CONTENT + b"more", CONTENT], ids=["short", "as long", "longer", "complete"]
)
def test_a_beginning_of_another_file_is_thrown_away(mirror: Server, tmp_path: Path, beginning: bytes) -> None:
    (tmp_path / ".file.bin.part").write_bytes(beginning)
    assert download(f"{mirror.address}/good/file.bin", tmp_path / "file.bin", FILE) == CONTENT
    assert len(mirror.requests) == (1 if beginning == CONTENT else 2)
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("nowhere", OSError, "404"),
        ("foreign", ValueError, r"received .* bytes|other content"),
        ("endless", ValueError, "larger than the file can be"),
    ],
)
def test_a_wrong_answer_leaves_nothing(
    mirror: Server, tmp_path: Path, kind: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        download(f"{mirror.address}/{kind}/file.bin", tmp_path / "file.bin", FILE)
    assert list(tmp_path.iterdir()) == []


def test_a_hundred_cuts_are_too_many(tmp_path: Path) -> None:
    content = bytes(2000)
    server = Server({"file.bin": content})
    try:
        with pytest.raises(ConnectionError, match=f"ended after {20 * ATTEMPTS} of 2,000"):
            download(f"{server.address}/slices/file.bin", tmp_path / "file.bin", stored("file.bin", content))
    finally:
        server.close()


def test_two_at_once_download_once(mirror: Server, tmp_path: Path) -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(download(f"{mirror.address}/good/file.bin", tmp_path / "file.bin", FILE))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4 and len(mirror.requests) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


# --- archives --------------------------------------------------------------------------------------------------------

MEMBERS = {"a/one.bin": 600, "a/two.bin": 10}
ONE, TWO = bytes(range(200)) * 3, b"0123456789"
ARCHIVE = tar_gz({"a/two.bin": TWO, "a/readme": b"text", "a/one.bin": ONE})


def test_members_are_read_in_the_order_asked_for() -> None:
    one, two = read_members(ARCHIVE, MEMBERS, "x.tar.gz")
    assert (one.tobytes(), two.tobytes()) == (ONE, TWO)


def special(name: str, kind: bytes, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, 0
        tar.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"", "a damaged one"),
        (b"<html>not found</html>", "a damaged one"),
        (gzip.compress(b"no tar at all" * 100), "a damaged one"),
        (ARCHIVE[:-10], "a damaged one"),
        (gzip.compress(gzip.decompress(ARCHIVE)[:700]), "none called a/one.bin|a damaged one|received"),
        (tar_gz({"a/one.bin": ONE}), "expected the files a/one.bin, a/two.bin, received none called a/two.bin"),
        (tar_gz({"../a/one.bin": ONE, "/a/one.bin": ONE, "a/two.bin": TWO}), "none called a/one.bin"),
        (tar_gz({"a/one.bin": ONE[:-1], "a/two.bin": TWO}), "expected 600 bytes of a/one.bin, received 599"),
        (tar_gz({"a/one.bin": ONE + b"1", "a/two.bin": TWO}), "expected 600 bytes of a/one.bin, received 601"),
        (special("a/one.bin", tarfile.SYMTYPE, "/etc/passwd"), "as an ordinary file, received a member of type b'2'"),
        (special("a/one.bin", tarfile.LNKTYPE, "../../x"), "as an ordinary file, received a member of type b'1'"),
        (special("a/one.bin", tarfile.DIRTYPE), "as an ordinary file, received a member of type b'5'"),
        (special("a/one.bin", tarfile.GNUTYPE_SPARSE), "member of type b'S'|a damaged one"),
        (tar_gz({"a/big": bytes(3 << 20), "a/one.bin": ONE}), "expected at most 1,049,186 bytes unpacked"),
    ],
)
def test_archives_one_cannot_trust(archive: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"\[x.tar.gz\] .*({message})"):
        read_members(archive, MEMBERS, "x.tar.gz")


def test_a_member_that_is_there_twice() -> None:
    doubled = gzip.compress(gzip.decompress(tar_gz({"a/two.bin": TWO}))[:1024] + gzip.decompress(ARCHIVE))
    with pytest.raises(ValueError, match=r"expected a/two.bin once, as an ordinary file, received it twice"):
        read_members(doubled, MEMBERS, "x.tar.gz")


@pytest.mark.parametrize("damage", [lambda b, i: b[:i], lambda b, i: b[:i] + bytes([b[i] ^ 255]) + b[i + 1 :]])
def test_no_damage_escapes(damage: Callable[[bytes, int], bytes]) -> None:
    plain = gzip.decompress(ARCHIVE)[:3072]
    for i in range(0, len(plain), 7):
        try:
            one, two = read_members(gzip.compress(damage(plain, i), 1), MEMBERS, "x.tar.gz")
            assert (len(one), len(two)) == (600, 10)
        except ValueError as error:
            assert str(error).startswith("[x.tar.gz] ")
