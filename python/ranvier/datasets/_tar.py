"""Files inside a .tar.gz, read in memory: nothing is written to disk, whatever names an archive has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_SLACK = 1 << 20  # headers, padding and the small text files beside the data


def read_members(archive: bytes, members: Mapping[str, int], name: str) -> list[np.ndarray]:
    """The bytes of the files called `members`, in that order, as read-only uint8 arrays.

    Args:
        archive: content of the .tar.gz file.
        members: path inside the archive -> size in bytes.
        name: name of the archive, for messages.

    Raises:
        ValueError: a damaged archive, one that unpacks to much more than `members`, or a file that is missing, no
            ordinary file, there twice or of another size.
    """
    import gzip
    import io
    import tarfile
    import zlib

    limit = sum(members.values()) + _SLACK
    found: dict[str, np.ndarray] = {}
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(archive)).read(limit + 1)
        if len(content) > limit:
            raise ValueError(f"[{name}] expected at most {limit:,} bytes unpacked, received more.")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            for member in tar:
                size = members.get(member.name)
                if size is None:
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.name in found:
                    kind = "it twice" if member.name in found else f"a member of type {member.type!r}"
                    raise ValueError(f"[{name}] expected {member.name} once, as an ordinary file, received {kind}.")
                if member.size != size or member.offset_data + size > len(content):
                    raise ValueError(
                        f"[{name}] expected {size:,} bytes of {member.name}, received "
                        f"{min(member.size, len(content) - member.offset_data):,}."
                    )
                found[member.name] = np.frombuffer(content, np.uint8, size, member.offset_data)
    except (tarfile.TarError, EOFError, OSError, zlib.error, OverflowError, UnicodeError) as error:
        raise ValueError(f"[{name}] expected a .tar.gz archive, received a damaged one ({error}).") from None
    missing = [member for member in members if member not in found]
    if missing:
        raise ValueError(f"[{name}] expected the files {', '.join(members)}, received none called {missing[0]}.")
    return [found[member] for member in members]
