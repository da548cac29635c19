"""Files of data sets: found in a folder of the user, in the cache, or downloaded into it; verified every time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = "RANVIER_DATASETS"


@dataclass(frozen=True)
class File:
    """A file by its name (as mirrors have it), and the SHA-256 and size of its content.

    The content is the uncompressed one, as the same data are around in differently compressed files; with `stored`,
    where only that checksum is published, it is the file as mirrors have it.
    """

    name: str
    sha256: str
    size: int
    stored: bool = False


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
    """The path of a file that is there, compressed or not, else `None`; it may also lie in the user's folder itself."""
    names = (file.name,) if file.stored else (file.name, file.name.removesuffix(".gz"))
    first, *others = folders(dataset)
    for folder in [first, first.parent, *others] if others else [first]:
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def load(dataset: str, files: Sequence[File], mirrors: Sequence[str]) -> list[bytes]:
    """The contents of `files`, downloaded first where they are missing; a damaged file of the cache is fetched again.

    Args:
        dataset: name of the data set and of its folder.
        files: what to load.
        mirrors: addresses, tried in order; the file's name is appended to those that end with a slash.

    Raises:
        ValueError: a file in the user's own folder has other content.
        ConnectionError: a file is missing and no mirror delivers it; says where to put it.
    """
    contents = []
    for file in files:
        path = find(dataset, file)
        if path is None:
            contents.append(_download(dataset, file, files, mirrors, folders(dataset)[0], ""))
            continue
        try:
            contents.append(read_verified(path, file, dataset))
        except ValueError as error:
            if path.parent != cache_folder() / dataset:  # what the user put there is not ours to replace
                raise ValueError(f"{error} Replace the file, or delete it to have it downloaded.") from None
            print(f"{error} It is downloaded again.")
            contents.append(_download(dataset, file, files, mirrors, path.parent, f"where one is damaged: {error}"))
    return contents


def read_verified(path: Path, file: File, dataset: str = "") -> bytes:
    """The content of `path`; complaints name `dataset`, by default the folder.

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
            compressed = not file.stored and raw.read(2) == b"\x1f\x8b"
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
        name = file.name if file.stored else file.name.removesuffix(".gz")
        raise ValueError(
            f"[{dataset or path.parent.name}] {path}: expected the {file.size:,} bytes of {name} "
            f"(SHA-256 {file.sha256}), received {problem}."
        )
    return content


def _download(
    dataset: str, file: File, files: Sequence[File], mirrors: Sequence[str], folder: Path, damage: str
) -> bytes:
    import http.client

    from ranvier.datasets._download import download

    reasons = []
    for mirror in mirrors:
        try:
            return download(mirror + file.name if mirror.endswith("/") else mirror, folder / file.name, file)
        except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            reasons.append(f"{mirror}: {error}")
    missing = [other.name for other in files if other is file or find(dataset, other) is None]
    they, them = ("the files", "them") if missing[1:] else ("the file", "it")
    raise ConnectionError(
        f"[{dataset}] expected {', '.join(missing)} in {folder}, {damage or f'{they} not being there'}, and no mirror "
        f"delivered {file.name} ({'; '.join(reasons) or 'no mirror known'}). Without a network, fetch {they} elsewhere "
        f"and put {them} into {folder}, or set {ENVIRONMENT} to a folder that has {them} in {dataset}/."
    )
