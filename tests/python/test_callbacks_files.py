"""Callbacks that end training at NaN or write files: checkpoints, CSV."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from callback_helpers import NAN, fit
from ranvier.callbacks import (
    CSVLogger,
    LambdaCallback,
    ModelCheckpoint,
    TerminateOnNaN,
)


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_terminate_on_nan(bad: float, capsys: pytest.CaptureFixture[str]) -> None:
    _, listed = fit(TerminateOnNaN(), [1.0, bad, 1.0])
    assert listed.history is not None and listed.history.epoch == [0, 1]
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match=r"the loss became (nan|inf) at batch 0"):
        fit(TerminateOnNaN(raise_error=True), [bad])


def test_checkpoint_after_each_epoch_with_names_in_the_path(tmp_path: Path) -> None:
    path = str(tmp_path / "runs" / "{epoch:02d}-{val_loss:.1f}.rv")
    model, _ = fit(ModelCheckpoint(path), [3.0, 2.0])
    assert [(kind, Path(p).name) for kind, p, _ in model.saved] == [("model", "01-3.0.rv"), ("model", "02-2.0.rv")]
    assert (tmp_path / "runs").is_dir()


def test_checkpoint_of_the_best_only(capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = fit(
        ModelCheckpoint(Path("best.rv"), save_best_only=True, save_weights_only=True, verbose=1), [3, 2, 2.5, NAN, 1]
    )
    assert model.saved == [("weights", "best.rv", 0.0), ("weights", "best.rv", 1.0), ("weights", "best.rv", 4.0)]
    assert "Epoch 3: val_loss did not improve from 2.00000" in capsys.readouterr().out
    model, _ = fit(ModelCheckpoint("best.rv", save_best_only=True, initial_value_threshold=2.2), [3, 2, 2.5])
    assert [weight for _, _, weight in model.saved] == [1.0]


def test_checkpoint_by_steps_counts_over_epochs_and_resumes() -> None:
    model, listed = fit(ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3), [1.0] * 3, batches=4)
    assert [path for _, path, _ in model.saved] == ["1-3.rv", "2-2.rv", "3-1.rv", "3-4.rv"]
    model, listed = fit(ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3), [1.0], batches=4)
    model, _ = fit(
        ModelCheckpoint("{epoch}-{batch}.rv", save_freq=3),
        [1.0] * 2,
        batches=4,
        state=listed.get_state(),
        initial_epoch=1,
    )
    assert [path for _, path, _ in model.saved] == ["2-2.rv"]


def test_checkpoint_refusals() -> None:
    for wrong in ("batch", 0, 2.5, True):
        with pytest.raises(ValueError, match="save_freq: expected 'epoch' or a number of steps"):
            ModelCheckpoint("m.rv", save_freq=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"filepath: expected names among epoch, loss, val_loss, received '{acc}.rv'"):
        fit(ModelCheckpoint("{acc}.rv"), [1.0])


def test_csv_logger_writes_while_training_and_appends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"

    def rows(separator: str = ",") -> list[list[str]]:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter=separator))

    seen: list[int] = []
    peek = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(len(rows())))
    fit([CSVLogger(path), peek], [3.0, 2.0])
    assert seen == [2, 3]
    assert rows() == [["epoch", "loss", "val_loss"], ["0", "1.0", "3.0"], ["1", "1.0", "2.0"]]
    # The columns of the file count when appending; what is missing now is NA.
    fit(CSVLogger(path, append=True), [0.25], "accuracy")
    assert rows()[3:] == [["0", "1.0", "NA"]]
    fit(CSVLogger(path, separator=";"), [0.25], "accuracy")
    assert rows(";") == [
        ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"],
        ["0", "0.25", "1.0", "NA", "NA"],
    ]
