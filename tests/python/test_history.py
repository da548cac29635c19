"""What fit returns: records, plots, HTML."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from callback_helpers import NAN, fit
from ranvier.callbacks import (
    History,
    LambdaCallback,
)


def recorded(**series: list[float]) -> History:
    history = History()
    history.on_train_begin()
    for epoch in range(max(len(values) for values in series.values())):
        history.on_epoch_end(epoch, {name: values[epoch] for name, values in series.items() if epoch < len(values)})
    return history


def test_history_records_epochs_and_what_others_put_into_logs() -> None:
    def add(epoch: int, logs: dict) -> None:
        logs["extra"] = epoch * 10

    model, listed = fit(LambdaCallback(on_epoch_end=add), [3.0, 2.0])
    assert listed.history is not None and model.history is listed.history
    assert listed.history.epoch == [0, 1]
    assert listed.history.history == {"loss": [1.0, 1.0], "val_loss": [3.0, 2.0], "extra": [0, 10]}
    assert listed.history.params == {"epochs": 2, "steps": 1, "verbose": 0}
    assert repr(listed.history) == "History(2 epochs; last loss: 1, val_loss: 2, extra: 10)"


FULL = {
    "loss": [3.0, 2.0, 1.0],
    "accuracy": [0.5, 0.7, 0.9],
    "val_loss": [3.0, 2.5, 2.0],
    "val_accuracy": [0.4, 0.6, 0.8],
}


def test_plot_draws_loss_and_metrics_for_training_and_validation(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = recorded(**FULL, learning_rate=[0.1, 0.1, 0.01]).plot()
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy"]
    for axis, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        training, validation = axis.get_lines()
        np.testing.assert_array_equal(training.get_xydata(), list(zip([1, 2, 3], FULL[name], strict=True)))
        np.testing.assert_array_equal(validation.get_ydata(), FULL[f"val_{name}"])
        assert training.get_linestyle() == "-" and validation.get_linestyle() == "--"
    figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
    only_loss = recorded(loss=[1.0, NAN, 0.5]).plot(figsize=(3, 2))
    assert len(only_loss.axes) == 1 and tuple(only_loss.get_size_inches()) == (3, 2)
    plt.close("all")
    with pytest.raises(ValueError, match="call fit first"):
        History().plot()


def test_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'ranvier\[plot\]'"):
        recorded(loss=[1.0]).plot()


def test_html_is_well_formed_and_shows_last_best_and_curves() -> None:
    history = recorded(**FULL, **{"odd<name>": [1.0, 2.0, 3.0]})
    tree = ElementTree.fromstring(history._repr_html_())
    cells = {row[0].text: [cell.text for cell in row[1:]] for row in tree.iter("tr")}
    assert cells["loss"] == ["1", "1 (epoch 3)"] and cells["val_accuracy"] == ["0.8", "0.8 (epoch 3)"]
    assert cells["odd<name>"] == ["3", None]
    svg = "{http://www.w3.org/2000/svg}"
    charts = list(tree.iter(f"{svg}svg"))
    assert [len(list(chart.iter(f"{svg}polyline"))) for chart in charts] == [2, 2, 1]
    first = next(charts[0].iter(f"{svg}polyline")).get("points", "").split()
    heights = [float(point.split(",")[1]) for point in first]
    assert len(first) == 3 and heights == sorted(heights)  # a falling loss goes down: y grows downwards


def test_html_of_gaps_single_epochs_and_nothing() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    tree = ElementTree.fromstring(recorded(loss=[1.0, 2.0, NAN, 3.0])._repr_html_())
    assert len(list(tree.iter(f"{svg}polyline"))) == 1 and len(list(tree.iter(f"{svg}circle"))) == 1
    tree = ElementTree.fromstring(recorded(loss=[NAN])._repr_html_())
    assert not list(tree.iter(f"{svg}polyline")) and "nan" in "".join(tree.itertext())
    assert "no epochs yet" in History()._repr_html_()
