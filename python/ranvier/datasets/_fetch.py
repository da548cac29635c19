"""Files of data sets: found in a folder of the user, in the cache, or downloaded into it; verified every time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = "RANVIER_DATASETS"
TIMEOUT = 20.0  # seconds without an answer


@dataclass(frozen=True)
class File:
    """A file by its name (as mirrors have it) and its uncompressed content.

    The content is what is verified: the same data are around in differently compressed files.
    """

    name: str
    sha256: str
    size: int


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/ranvier`, by default `~/.cache/ranvier`."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "ranvier"


def folders(dataset: str) -> list[Path]:
    """Where the files of `dataset` may be: the user's folder, if set, then the cache. Downloads go to the first."""
    override = os.environ.get(ENVIRONMENT)
    found = [Path(override).expanduser() / dataset] if override else []
    return [*found, cache_folder() / dataset]


def find(dataset: str, file: File) -> Path | None:
    """The path of a file that is there, compressed or not, else `None`."""
    for folder in folders(dataset):
        for name in dict.fromkeys((file.name, file.name.removesuffix(".gz"))):
            if (folder / name).is_file():
                return folder / name
    return None


def load(dataset: str, files: Sequence[File], mirrors: Sequence[str]) -> list[bytes]:
    """The uncompressed contents of `files`, downloaded first where they are missing.

    Args:
        dataset: name of the data set and of its folder.
        files: what to load.
        mirrors: addresses that end with a slash, tried in order.

    Raises:
        ValueError: a file that is there has other content.
        ConnectionError: a file is missing and no mirror delivers it; says where to put it.
    """
    contents = []
    for file in files:
        path = find(dataset, file)
        if path is None:
            path = _download(dataset, file, files, mirrors)
        contents.append(read_verified(path, file))
    return contents


def read_verified(path: Path, file: File) -> bytes:
    """The uncompressed content of `path`.

    Raises:
        ValueError: it is damaged, truncated or another file.
    """
    import gzip
    import hashlib
    import zlib

    problem = ""
    content = b""
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream: Any = gzip.GzipFile(fileobj=raw) if compressed else raw
            content = stream.read(file.size + 1)  # never more, whatever a foreign file unpacks to
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        problem = f"a damaged archive ({error})"
    if not problem and len(content) != file.size:
        problem = "more bytes" if len(content) > file.size else f"{len(content):,} bytes"
    if not problem:
        digest = hashlib.sha256(content).hexdigest()
        problem = "" if digest == file.sha256 else f"other content (SHA-256 {digest})"
    if problem:
        raise ValueError(
            f"[{path.parent.name}] {path}: expected the {file.size:,} bytes of {file.name.removesuffix('.gz')} "
            f"(SHA-256 {file.sha256}), received {problem}; delete the file, and it is downloaded again."
        )
    return content


def _download(dataset: str, file: File, files: Sequence[File], mirrors: Sequence[str]) -> Path:
    import http.client

    folder = folders(dataset)[0]
    reasons = []
    for mirror in mirrors:
        try:
            return _download_from(mirror + file.name, folder / file.name, file)
        except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            reasons.append(f"{mirror}: {error}")
    missing = [other.name for other in files if find(dataset, other) is None]
    raise ConnectionError(
        f"[{dataset}] expected {', '.join(missing)} in {folder}, which are not there, and no mirror delivered "
        f"{file.name} ({'; '.join(reasons) or 'no mirror known'}). Without a network, fetch the files elsewhere and "
        f"put them into {folder}, or set {ENVIRONMENT} to a folder that has them in {dataset}/."
    )


def _download_from(url: str, path: Path, file: File) -> Path:
    import tempfile
    import urllib.request

    from ranvier.utils.progress import ProgressBar

    path.parent.mkdir(parents=True, exist_ok=True)
    request = urllib.request.Request(url, headers={"User-Agent": "ranvier"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        length = int(response.headers.get("Content-Length") or 0)
        print(f"Downloading {url}")
        bar = ProgressBar(-(-length // 1024) or None, "auto", unit="kB")
        bar.begin()
        # Complete and verified before it gets its name: nobody ever sees half a file.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            received = 0
            with os.fdopen(handle, "wb") as out:
                while chunk := response.read(1 << 16):
                    received += len(chunk)
                    if received > 2 * file.size + 1024:
                        raise ValueError("the answer is larger than the file can be")
                    out.write(chunk)
                    bar.update(received // 1024)
                out.flush()
                os.fsync(out.fileno())
            if received < length:
                raise ValueError(f"the answer ended after {received:,} of {length:,} bytes")
            read_verified(Path(temporary), file)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:  # also Ctrl-C
            bar.close()
            Path(temporary).unlink(missing_ok=True)
            raise
        bar.update(-(-received // 1024))
        bar.finish()
    return path
