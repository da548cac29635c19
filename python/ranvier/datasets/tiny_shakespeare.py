"""Tiny Shakespeare: 1.1 million characters of his plays, 65 different ones.

Put together by A. Karpathy for "The Unreasonable Effectiveness of Recurrent Neural Networks" (2015),
https://github.com/karpathy/char-rnn; the plays are in the public domain.
"""

from __future__ import annotations

from ranvier.datasets import _fetch
from ranvier.datasets._fetch import File

__all__ = ["load_data"]

MIRRORS = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
)
FILES = (File("tinyshakespeare.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", 1_115_394),)


def load_data() -> str:
    """Loads the text as one string of 1,115,394 characters.

    The file is looked for in `$RANVIER_DATASETS/text`, in `$RANVIER_DATASETS` and in the cache folder
    (`~/.cache/ranvier/text`), and else downloaded once (1.1 MB). Its content is verified every time.

    Customary: the first 90 % to learn from, the last 10 % (111,540 characters) to validate on.

    Raises:
        ConnectionError: the file is not there and cannot be downloaded; says where to put it.
        ValueError: the file has other content.
    """
    (content,) = _fetch.load("text", FILES, MIRRORS)
    return content.decode("ascii")
