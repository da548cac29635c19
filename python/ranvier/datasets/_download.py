"""One file from one address: a cut download goes on where it stopped, and only a verified file gets its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ranvier.datasets._fetch import File, read_verified

TIMEOUT = 20.0  # seconds without an answer
ATTEMPTS = 5  # connections to one address, as long as each brings some bytes


def download(url: str, path: Path, file: File) -> bytes:
    """Fetches `url` to `path` and returns its verified content.

    What has arrived is kept in `.<name>.part` beside `path` when the connection breaks or the user interrupts; the next
    call asks for the rest alone (HTTP Range, RFC 9110 section 14) and starts again where the server cannot do that.

    Raises:
        OSError, http.client.HTTPException: no connection, a refusal, or too many broken connections.
        ValueError: the answer is another file; nothing is kept of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with _opened_alone(part) as out:
        if path.is_file():  # another process was faster
            with contextlib.suppress(ValueError):
                content = read_verified(path, file)
                part.unlink()
                return content
        try:
            resumed = _transfer_all(url, out, file)
            try:
                content = read_verified(part, file)
            except ValueError:
                out.truncate(0)
                if not resumed:
                    raise
                _transfer_all(url, out, file)  # the beginning was from another file
                content = read_verified(part, file)
        except ValueError:
            out.truncate(0)
            raise
        finally:
            if os.fstat(out.fileno()).st_size == 0:
                part.unlink(missing_ok=True)
        os.fsync(out.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
        return content


@contextlib.contextmanager
def _opened_alone(part: Path) -> Iterator[IO[bytes]]:
    """`part` for reading and appending, locked against other processes where the file system can do that."""
    import fcntl

    while True:
        with part.open("a+b") as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held the lock may have renamed or removed the file meanwhile: then the name is another file now.
            try:
                ours = os.path.samestat(os.fstat(file.fileno()), part.stat())
            except FileNotFoundError:
                ours = False
            if ours:
                yield file
                return


def _transfer_all(url: str, out: IO[bytes], file: File) -> bool:
    """Appends to `out` until the file is complete; returns whether it began with bytes of an earlier call."""
    import http.client

    resumed = os.fstat(out.fileno()).st_size > 0
    for attempt in range(ATTEMPTS):
        before = os.fstat(out.fileno()).st_size
        try:
            restarted = _transfer(url, out, file)
            return resumed and not restarted
        except (OSError, http.client.HTTPException):
            if attempt + 1 == ATTEMPTS or os.fstat(out.fileno()).st_size <= before:
                raise
    raise AssertionError("unreachable")


def _transfer(url: str, out: IO[bytes], file: File) -> bool:
    """One connection; returns whether the server sent the whole file although only the rest was asked for."""
    import urllib.error
    import urllib.request

    from ranvier.utils.progress import ProgressBar

    limit = file.size if file.stored else 2 * file.size + 1024  # what is compressed may grow a little, never so much
    start = out.seek(0, os.SEEK_END)
    headers = {"User-Agent": "ranvier"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416 or not start:  # 416: nothing lies beyond what is there
                raise
        return False
    with response:
        ranges = str(response.headers.get("Content-Range") or "")
        restarted = start > 0 and not (response.status == 206 and ranges.startswith(f"bytes {start}-"))
        if restarted:
            out.truncate(0)
            start = out.seek(0)
        length = start + int(response.headers.get("Content-Length") or -start)
        print(f"Downloading {url}" + (f" from byte {start:,} on" if start else ""))
        bar = ProgressBar(-(-length // 1024) or None, "auto", unit="kB")
        bar.begin(step=start // 1024)
        received = start
        try:
            while chunk := response.read(1 << 16):
                received += len(chunk)
                if received > limit:
                    raise ValueError("the answer is larger than the file can be")
                out.write(chunk)
                out.flush()
                bar.update(received // 1024)
            if received < length:
                raise ConnectionError(f"the answer ended after {received:,} of {length:,} bytes")
        except BaseException:  # also Ctrl-C
            bar.close()
            raise
        bar.update(-(-received // 1024))
        bar.finish()
    return restarted
