"""Interrupted trainings go on as if nothing had happened: BackupAndRestore, and checkpoints from inside an epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fit_helpers import X, Y, same
from ranvier import layers
from ranvier.callbacks import BackupAndRestore, ModelCheckpoint


class Interrupt(keras.callbacks.Callback):
    """Raises at the given training step, counted from 1 over all epochs; None never does, but listens, too."""

    def __init__(self, step: int | None) -> None:
        self.step, self.seen = step, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.step:
            raise RuntimeError("power cut")


def trainee(seed: int = 1) -> Any:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, "tanh"), layers.Dropout(0.3), layers.Dense(2, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


OPTIONS: dict[str, Any] = {"epochs": 4, "batch_size": 10, "validation_split": 0.2, "verbose": 0}  # 8 steps an epoch


def interrupted(folder: Path, step: int, others: Any = list, **kwargs: Any) -> tuple[Any, Any]:
    """A training cut off at `step` and then run again by another process, which has other random numbers."""
    options = {**OPTIONS, **kwargs.pop("options", {})}
    with pytest.raises(RuntimeError, match="power cut"):
        trainee().fit(X, Y, callbacks=[BackupAndRestore(folder, **kwargs), *others(), Interrupt(step)], **options)
    model = trainee(seed=99)
    history = model.fit(X, Y, callbacks=[BackupAndRestore(folder, **kwargs), *others(), Interrupt(None)], **options)
    return model, history


def uninterrupted(others: Any = list, **options: Any) -> tuple[Any, Any]:
    model = trainee()
    return model, model.fit(X, Y, callbacks=[*others(), Interrupt(None)], **{**OPTIONS, **options})


@pytest.mark.parametrize(("save_freq", "step"), [("epoch", 9), ("epoch", 21), (3, 5), (3, 20), (8, 9), (1, 31)])
def test_the_result_is_that_of_an_uninterrupted_training(save_freq: Any, step: int, tmp_path: Path) -> None:
    expected, history = uninterrupted()
    model, found = interrupted(tmp_path / "backup", step, save_freq=save_freq)
    assert same(model, expected)
    assert found.history == history.history
    assert found.epoch == history.epoch
    assert model.optimizer.iterations == expected.optimizer.iterations == 32


@pytest.mark.parametrize(("save_freq", "step"), [("epoch", 14), (4, 14), (1, 6)])
def test_epochs_that_end_inside_the_order_of_the_rows(save_freq: Any, step: int, tmp_path: Path) -> None:
    options = {"steps_per_epoch": 5, "epochs": 5, "batch_size": 10, "validation_split": 0.0}
    expected, history = uninterrupted(**options)
    model, found = interrupted(tmp_path / "backup", step, save_freq=save_freq, options=options)
    assert same(model, expected)
    assert found.history == history.history


def test_other_callbacks_and_the_learning_rate_go_on_too(tmp_path: Path) -> None:
    def others() -> list[Any]:
        slower = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10, factor=0.5)
        return [slower, keras.callbacks.EarlyStopping(patience=4, min_delta=10, restore_best_weights=True)]

    expected, history = uninterrupted(others, epochs=6)
    model, found = interrupted(tmp_path / "backup", 18, others, options={"epochs": 6})
    assert same(model, expected)
    assert found.history == history.history
    assert found.history["learning_rate"][-1] < found.history["learning_rate"][0]


def test_batches_from_a_loader_begin_the_epoch_anew(tmp_path: Path) -> None:
    loader = keras.DataLoader(X, Y, batch_size=10)  # 10 steps an epoch
    expected = trainee()
    expected.fit(loader, epochs=3, verbose=0, callbacks=[Interrupt(None)])
    for model, step in ((trainee(), 15), (trainee(99), None)):
        callbacks = [BackupAndRestore(tmp_path / "backup"), Interrupt(step)]
        if step:
            with pytest.raises(RuntimeError, match="power cut"):
                model.fit(loader, epochs=3, verbose=0, callbacks=callbacks)
        else:
            model.fit(loader, epochs=3, verbose=0, callbacks=callbacks)
    assert same(model, expected)


def test_backups_are_removed_at_the_end_and_nothing_else_is(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    model = trainee()
    model.fit(X, Y, callbacks=BackupAndRestore(folder), **OPTIONS)
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    model.fit(X, Y, callbacks=BackupAndRestore(folder, double_checkpoint=True), **OPTIONS)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    model.fit(X, Y, callbacks=BackupAndRestore(folder, delete_checkpoint=False), **OPTIONS)
    assert sorted(path.name for path in folder.iterdir()) == ["latest.rv", "notes.txt"]
    before = model.get_weights()
    again = model.fit(X, Y, callbacks=BackupAndRestore(folder), **OPTIONS)  # all epochs are done
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert len(again.epoch) == 4


def test_ctrl_c_keeps_the_backup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Press(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    trainee().fit(X, Y, callbacks=[BackupAndRestore(tmp_path), Press()], **OPTIONS)
    assert "Stopped by Ctrl-C in epoch 3 of 4" in capsys.readouterr().out
    assert (tmp_path / "latest.rv").exists()
    model = trainee(99)
    assert model.fit(X, Y, callbacks=BackupAndRestore(tmp_path), **OPTIONS).epoch == [0, 1, 2, 3]
    expected = trainee()
    expected.fit(X, Y, **OPTIONS)
    assert same(model, expected)


def test_the_backup_before_is_used_when_the_last_is_damaged(tmp_path: Path) -> None:
    expected, history = uninterrupted()
    with pytest.raises(RuntimeError, match="power cut"):
        callbacks = [BackupAndRestore(tmp_path, double_checkpoint=True), Interrupt(30)]
        trainee().fit(X, Y, callbacks=callbacks, **OPTIONS)
    latest = tmp_path / "latest.rv"
    latest.write_bytes(latest.read_bytes()[:500])
    model = trainee(99)
    found = model.fit(X, Y, callbacks=[BackupAndRestore(tmp_path), Interrupt(None)], **OPTIONS)
    assert same(model, expected)
    assert found.history == history.history
    tmp_path.mkdir(exist_ok=True)
    latest.write_bytes(b"nothing")
    with pytest.raises((OSError, ValueError), match=r"latest\.rv"):
        trainee().fit(X, Y, callbacks=BackupAndRestore(tmp_path), **OPTIONS)


def test_a_backup_of_another_training_is_refused_and_nothing_has_changed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="power cut"):
        trainee().fit(X, Y, callbacks=[BackupAndRestore(tmp_path), Interrupt(9)], **OPTIONS)
    other = trainee()
    other.compile(keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy")
    wider = keras.Sequential([keras.Input((4,)), layers.Dense(5), layers.Dense(2, "softmax")])
    wider.compile("adam", "sparse_categorical_crossentropy")
    for model, message in ((other, "optimizer slots.*delete the backup"), (wider, "expected")):
        before = model.get_weights()
        with pytest.raises(ValueError, match=rf"(?s)\[BackupAndRestore\] \[.*latest\.rv\].*{message}"):
            model.fit(X, Y, callbacks=BackupAndRestore(tmp_path), **OPTIONS)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
        assert model.optimizer.iterations == 0
    assert (tmp_path / "latest.rv").exists()


@pytest.mark.parametrize("save_freq", [0, -1, True, "batch", 2.5])
def test_what_is_no_frequency_is_refused(save_freq: Any) -> None:
    with pytest.raises(ValueError, match=r"\[BackupAndRestore\] save_freq: expected 'epoch' or a number of steps"):
        BackupAndRestore("backup", save_freq=save_freq)
    with pytest.raises(ValueError, match=r"\[BackupAndRestore\] backup_dir: expected the name of a folder"):
        BackupAndRestore("")


def test_a_checkpoint_from_inside_an_epoch_goes_on_there(tmp_path: Path) -> None:
    expected, history = uninterrupted()
    with pytest.raises(RuntimeError, match="power cut"):
        callbacks = [ModelCheckpoint(tmp_path / "{epoch}-{batch}.rv", save_freq=5), Interrupt(21)]
        trainee().fit(X, Y, callbacks=callbacks, **OPTIONS)
    model = keras.saving.load_model(tmp_path / "3-4.rv")  # step 20 is the fourth of epoch 3
    found = model.fit(X, Y, initial_epoch=2, callbacks=[Interrupt(None)], **OPTIONS)
    assert same(model, expected)
    assert found.history == history.history


def test_steps_per_epoch_go_on_after_loading(tmp_path: Path) -> None:
    options = {"steps_per_epoch": 5, "batch_size": 10, "verbose": 0}
    whole = trainee()
    history = whole.fit(X, Y, epochs=4, **options).history
    half = trainee()
    half.fit(X, Y, epochs=2, **options)
    half.save(tmp_path / "half.rv")
    model = keras.saving.load_model(tmp_path / "half.rv")
    rest = model.fit(X, Y, epochs=4, initial_epoch=2, **options).history
    assert same(model, whole)
    assert {name: values[2:] for name, values in history.items()} == rest
    other = keras.saving.load_model(tmp_path / "half.rv")  # other data: a new order
    assert len(other.fit(X[:50], Y[:50], epochs=4, initial_epoch=2, **options).history["loss"]) == 2
