"""The progress bar: what is on the screen at the end, in terminals, files, notebooks and broken places."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import time
from typing import Any

import pytest

from ranvier.utils import terminal
from ranvier.utils.progress import ProgressBar, _duration, _value, resolve_verbose


class Terminal(io.StringIO):
    """A terminal with what was written to it; `screen()` is what a person sees."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        lines = []
        for line in self.getvalue().split("\n"):
            seen: list[str] = []
            for part in line.split("\r"):
                seen[: len(part)] = part
            lines.append("".join(seen).rstrip())
        return lines


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")


def run(file: Any, steps: int = 57, epochs: int | None = 2, interval: float = 0.0, **arguments: Any) -> ProgressBar:
    bar = ProgressBar(steps, epochs=epochs, interval=interval, file=file, **arguments)
    for epoch in range(epochs or 1):
        bar.begin(epoch)
        for step in range(1, steps + 1):
            bar.update(step, {"accuracy": 0.9712, "loss": 1 / step})
        bar.finish({"accuracy": 0.9712, "loss": 0.1021, "val_loss": 0.00012})
    return bar


TIME = r"[\d.]+(s|ms|us)"


def test_the_screen_at_the_end_shows_one_full_line_per_epoch() -> None:
    file = Terminal()
    run(file, verbose="auto")
    lines = file.screen()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and lines[4:] == [""]
    for line in (lines[1], lines[3]):
        assert re.fullmatch(
            rf"57/57 ━{{20}} {TIME} {TIME}/step - accuracy: 0.9712 - loss: 0.1021 - val_loss: 1.2000e-04", line
        )


def test_a_running_line_shows_how_far_it_is() -> None:
    file = Terminal()
    bar = ProgressBar(57, 1, epochs=10, file=file)
    bar.begin(2)
    bar.update(29, {"loss": 0.5})
    assert file.screen()[0] == "Epoch 3/10"
    assert re.fullmatch(rf"29/57 ━{{10}}─{{10}} {TIME} {TIME}/step - loss: 0.5000", file.screen()[1])
    assert not file.getvalue().endswith("\n")
    bar.close()
    bar.close()
    assert file.getvalue().endswith("0.5000\n")


def test_a_shorter_line_leaves_nothing_of_the_longer_one() -> None:
    file = Terminal()
    bar = ProgressBar(10, 1, file=file, interval=0)
    bar.begin()
    bar.update(5, {"loss": 1.0, "a_long_name_of_a_metric": 1.0})
    bar.update(6, {"loss": 1.0})
    assert file.screen()[-1].endswith("loss: 1.0000")


def test_draws_are_throttled_and_due_says_when() -> None:
    file = Terminal()
    bar = ProgressBar(10_000, 1, file=file, interval=30.0)
    bar.begin()
    assert bar.due()
    for step in range(1, 10_001):
        bar.update(step, {"loss": 0.0})
        assert not bar.due()
    assert file.getvalue().count("\r") == 1
    bar.finish({"loss": 0.0})
    assert file.getvalue().count("\r") == 2


def test_updates_between_draws_cost_little() -> None:
    bar = ProgressBar(100_000, 1, file=Terminal(), interval=30.0)
    bar.begin()
    start = time.perf_counter()
    for step in range(20_000):
        bar.update(step)
    assert (time.perf_counter() - start) / 20_000 < 20e-6  # about 0.3 us when nothing else runs


def test_time_per_step_leaves_validation_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    file = Terminal()
    bar = ProgressBar(50, 1, file=file)
    bar.begin(step=0)
    clock[0] += 0.05
    bar.update(25)
    assert " 50ms 2.0ms/step" in file.screen()[0]  # 25 steps took 50 ms, the other 25 will take as long
    clock[0] += 0.05
    bar.update(50)
    clock[0] += 3.9
    bar.finish()
    assert file.screen()[0] == "50/50 " + "━" * 20 + " 4.0s 2.0ms/step"


def test_resuming_in_mid_epoch_counts_only_new_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    file = Terminal()
    bar = ProgressBar(100, 1, file=file)
    bar.begin(step=60)
    clock[0] = 1.0
    bar.update(80)
    assert " 80/100 ━━━━━━━━━━━━━━━━──── 1.0s 50ms/step" in file.screen()


@pytest.mark.parametrize("columns", ["100", "60", "40", "12", "3"])
def test_running_lines_never_wrap(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    file = Terminal()
    bar = ProgressBar(1000, 1, file=file, interval=0)
    bar.begin()
    for step in range(1, 50):
        bar.update(step, {"accuracy": 0.5, "loss": 0.25})
    drawn = file.getvalue().split("\r")[1:]
    assert len(drawn) == 49 and all(len(line.rstrip()) < max(int(columns), 4) for line in drawn)
    bar.finish({"accuracy": 0.5, "loss": 0.25})
    assert file.screen()[0].endswith("accuracy: 0.5000 - loss: 0.2500")  # the last line is whole


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo terminal")
def test_the_width_of_a_real_terminal_is_used() -> None:
    import fcntl
    import struct
    import termios

    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
    with os.fdopen(slave, "w", encoding="utf-8") as file:
        assert terminal.width(file) == 44
        bar = ProgressBar(10, "auto", file=file)
        bar.begin()
        bar.update(5, {"loss": 0.5})
        shown = os.read(master, 4096).decode().strip("\r")
    os.close(master)
    assert len(shown) == 43 and re.search(r" 5/10 ━{2,4}─{3,5} .*/step - loss: 0.5000$", shown)


def test_a_file_gets_headline_and_last_line_only() -> None:
    file = io.StringIO()
    run(file, verbose=1)
    lines = file.getvalue().splitlines()
    assert "\r" not in file.getvalue() and len(lines) == 4
    assert lines[0] == "Epoch 1/2" and lines[3].startswith("57/57 ━━━━━━━━━━━━━━━━━━━━ ")


@pytest.mark.parametrize("verbose", [2, "auto"])
def test_one_line_per_epoch(verbose: Any) -> None:
    file = io.StringIO()
    run(file, verbose=verbose)
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        rf"Epoch 2/2 - 57/57 - {TIME} - {TIME}/step - accuracy: 0.9712 - loss: 0.1021 - val_loss: 1.2000e-04", lines[1]
    )
    file = Terminal()
    run(file, epochs=None, verbose=2, unit="sample")
    assert re.match(rf"57/57 - {TIME} - {TIME}/sample - accuracy", file.screen()[0])


def test_silence() -> None:
    file = Terminal()
    bar = run(file, verbose=0)
    bar.close()
    assert file.getvalue() == "" and not bar.due()


def test_unknown_number_of_steps() -> None:
    file = Terminal()
    bar = ProgressBar(None, 1, file=file)
    bar.begin()
    bar.update(3, {"loss": 1.0})
    assert re.fullmatch(rf"3/Unknown {TIME} {TIME}/step - loss: 1.0000", file.screen()[0])


def test_notebooks_get_carriage_returns_and_no_limit() -> None:
    out_stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream", "encoding": "UTF-8"})
    file = out_stream()
    assert resolve_verbose("auto", file) == 1
    bar = ProgressBar(10, "auto", file=file, interval=0)
    bar.begin()
    logs = {f"metric_number_{i}": 0.5 for i in range(10)}
    bar.update(5, logs)
    assert file.getvalue().startswith("\r 5/10 ━━━━━━━━━━──────────")
    assert file.getvalue().rstrip().endswith("metric_number_9: 0.5000")


def test_encodings_without_bars_and_names_out_of_range() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    bar = ProgressBar(4, 1, file=file)
    bar.begin()
    bar.update(2)
    bar.finish({"größe": 0.5})
    assert re.fullmatch(rf"2/4 ={{10}}\.{{10}} {TIME} {TIME}/step - gr\?\?e: 0.5000\n", raw.getvalue().decode("ascii"))
    file = Terminal()
    file.encoding = "latin-1"  # type: ignore[assignment]
    bar = ProgressBar(4, 1, file=file)
    bar.begin()
    bar.update(2)
    assert "==========.........." in file.getvalue()


def test_dumb_terminals_are_not_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert resolve_verbose("auto", Terminal()) == 2


class Broken(Terminal):
    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "broken pipe")


def closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize("file", [Broken(), closed(), object()])
@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_broken_outputs_silence_the_bar_and_nothing_else(file: Any, verbose: Any) -> None:
    bar = run(file, verbose=verbose)
    bar.close()
    assert bar.verbose == 0


def test_no_console_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert run(None, verbose="auto").verbose == 0


def test_the_standard_output_of_the_moment_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    run(None, epochs=1, verbose=2)
    assert capsys.readouterr().out.startswith("Epoch 1/1 - 57/57 - ")


@pytest.mark.parametrize("wrong", [3, -1, "loud", None, 1.0])
def test_unknown_verbose_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=rf"verbose: expected 0 .*received {wrong!r}"):
        resolve_verbose(wrong)
    assert [resolve_verbose(v) for v in (True, False, 2)] == [1, 0, 2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (2.34e-6, "2.3us"),
        (850e-6, "850us"),
        (999.6e-6, "1.0ms"),
        (0.00234, "2.3ms"),
        (0.045, "45ms"),
        (0.9996, "1.0s"),
        (9.96, "10s"),
        (34.2, "34s"),
        (59.7, "1:00"),
        (65, "1:05"),
        (3599.7, "1:00:00"),
        (7207, "2:00:07"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert _duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (0, "0.0000"), (1e-4, "1.0000e-04"), (-2e7, "-2.0000e+07"), (float("nan"), "nan"), ("x", "x")],
)
def test_values(value: Any, text: str) -> None:
    assert _value(value) == text
