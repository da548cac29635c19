"""Write each epoch's results as a line of a CSV file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, Any

from ranvier.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes `epoch` and the entries of `logs` (sorted by name) as one line per epoch; `NA` where one is missing.

    The columns are those of the first epoch, with their `val_` twins when it had no validation, or those of the file
    that is appended to.

    Args:
        filename: path of the file.
        separator: between columns. Default `","`.
        append: add to an existing file instead of starting it anew; also what a resumed training needs.
            Default `False`.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None
        self._needs_header = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Opens the file."""
        import csv

        self._close()
        self.keys, self._needs_header = None, True
        if self.append and os.path.exists(self.filename):
            with open(self.filename, newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.sep), None)
            if header:
                self.keys, self._needs_header = header[1:], False
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Writes a line and hands it to the system, so that the file can be watched."""
        import csv

        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self._file is None:
            raise RuntimeError("[CSVLogger] expected on_train_begin before on_epoch_end; the file is not open.")
        writer = csv.writer(self._file, delimiter=self.sep)
        if self._needs_header:
            writer.writerow(["epoch", *self.keys])
            self._needs_header = False
        writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Closes the file."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def get_state(self) -> dict[str, Any]:
        """The columns."""
        return {"keys": self.keys}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues with the same columns."""
        self.keys = state["keys"]


def _cell(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str) and getattr(value, "ndim", 1) > 0:
        return f"[{', '.join(map(str, value))}]"
    return value
