"""Figures of attributions: the right kind of picture, with the artists and scales it should have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ranvier import explain

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 8, 6, 1))


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def pictures(figure: Any) -> list[Any]:
    """The images of a figure without the colour bar's axis."""
    figure.canvas.draw()
    return [image for axis in figure.axes if axis.get_label() != "<colorbar>" for image in axis.get_images()]


def bars(figure: Any) -> list[Any]:
    return [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]


def test_signed_heat_maps_have_zero_in_the_middle_and_one_scale() -> None:
    values = RNG.normal(size=(3, 8, 6, 1)) * np.array([1, 2, 5]).reshape(3, 1, 1, 1)
    figure = explain.plot(values, IMAGES, titles=["a", "b", "c"])
    shown = pictures(figure)
    assert len(shown) == 6 and len(bars(figure)) == 1
    heat = [image for image in shown if image.get_cmap().name == "RdBu_r"]
    assert len(heat) == 3
    limits = {image.get_clim() for image in heat}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high and 0 < high <= np.abs(values).max()
    np.testing.assert_array_equal(heat[1].get_array(), values[1, ..., 0])
    assert [axis.get_title() for axis in figure.axes if axis.get_title()] == ["a", "b", "c"]


def test_maps_that_are_never_negative_begin_at_zero() -> None:
    shown = pictures(explain.plot(RNG.random((2, 8, 6)), IMAGES[:2]))
    heat = [image for image in shown if image.get_cmap().name == "viridis"]
    assert [image.get_clim()[0] for image in heat] == [0, 0]
    zeros = pictures(explain.plot(np.zeros((1, 8, 6))))
    assert zeros[0].get_clim() == (0, 1)


def test_each_row_may_have_a_scale_of_its_own() -> None:
    values = RNG.random((3, 8, 6)) * np.array([1, 0, 100]).reshape(3, 1, 1)
    shown = pictures(explain.plot(values, shared=False))
    assert [image.get_array().max() for image in shown] == [1, 0, 1]


def test_colours_are_added_up_and_colour_images_shown_in_colour() -> None:
    values, x = RNG.normal(size=(2, 8, 6, 3)), RNG.random((2, 8, 6, 3)) * 255
    shown = pictures(explain.plot(values, x))
    np.testing.assert_allclose(shown[0].get_array(), x[0] / 255)
    np.testing.assert_allclose(shown[2].get_array(), values[0].sum(axis=-1))


def test_images_wrap_into_blocks() -> None:
    figure = explain.plot(RNG.normal(size=(7, 5, 5)), np.zeros((7, 5, 5, 1)), columns=3)
    assert len([axis for axis in figure.axes if axis.axison]) - len(bars(figure)) == 14
    assert len(figure.axes) == 3 * 3 * 2 + 1


def test_tables_are_bars_with_names_the_largest_on_top() -> None:
    x = pd.DataFrame(RNG.normal(size=(2, 3)), columns=["age", "height", "weight"])
    values = np.array([[0.1, -3.0, 1.0], [0.2, -1.0, 2.5]])
    figure = explain.plot(values, x, titles=["first", "second"])
    figure.canvas.draw()
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["age", "weight", "height"]
    assert [bar.get_width() for bar in first.patches] == [0.1, 1.0, -3.0]
    assert [bar.get_width() for bar in second.patches] == [0.2, 2.5, -1.0]
    colours = [bar.get_facecolor() for bar in first.patches]
    assert colours[0] == colours[1] != colours[2]
    assert first.get_xlim() == second.get_xlim()


def test_many_rows_of_a_table_are_averaged_and_many_features_cut() -> None:
    values = RNG.normal(size=(50, 30))
    figure = explain.plot(values)
    (axis,) = figure.axes
    assert len(axis.patches) == 20
    most = np.sort(np.abs(values).mean(axis=0))
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], most[-20:])
    assert "50" in axis.get_xlabel() and "20 largest of 30" in figure.get_suptitle()


def test_signals_are_lines_over_colours() -> None:
    x = RNG.normal(size=(2, 40, 3))
    figure = explain.plot(RNG.normal(size=(2, 40)), x)
    panels = [axis for axis in figure.axes if axis.get_images() and axis.lines]
    assert len(panels) == 2
    assert [len(axis.lines) for axis in panels] == [3, 3]
    np.testing.assert_allclose(panels[1].lines[2].get_ydata(), x[1, :, 2])
    assert len(explain.plot(RNG.normal(size=(2, 40)), kind="signal").axes) == 3


def test_images_beside_each_other() -> None:
    figure = explain.plot_images(RNG.normal(size=(5, 3, 3, 1)), titles=range(5), title="filters")
    shown = pictures(figure)
    assert len(shown) == 5 and {image.get_cmap().name for image in shown} == {"RdBu_r"}
    assert figure.get_suptitle() == "filters"
    assert {image.get_cmap().name for image in pictures(explain.plot_images(RNG.random((2, 4, 4))))} == {"gray"}
    colours = RNG.random((2, 4, 4, 3))
    np.testing.assert_array_equal(pictures(explain.plot_images(colours))[1].get_array(), colours[1])
    many = RNG.normal(size=(2, 4, 4, 7))
    np.testing.assert_allclose(pictures(explain.plot_images(many))[0].get_array(), many[0].mean(axis=-1))


def test_feature_maps_of_all_kinds() -> None:
    maps = RNG.normal(size=(2, 5, 4, 30))
    figure = explain.plot_feature_maps(maps, titles=["x", "y"], channels=3)
    shown = pictures(figure)
    assert len(shown) == 6 and len({image.get_clim() for image in shown}) == 1
    np.testing.assert_array_equal(shown[4].get_array(), maps[1, ..., 1])
    assert len(explain.plot_feature_maps(RNG.normal(size=(2, 9, 4))).axes) == 8
    flat = pictures(explain.plot_feature_maps(RNG.random((2, 9)), titles=["x", "y"]))
    assert flat[0].get_array().shape == (2, 9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: explain.plot(np.zeros(3)), r"\[plot\] attributions: expected rows"),
        (lambda: explain.plot(np.zeros((2, 8, 6)), IMAGES), r"\[plot\] x: expected the rows of .*\(2, 8, 6\)"),
        (lambda: explain.plot(np.zeros((3, 6, 6)), IMAGES), r"\[plot\] x: expected the rows"),
        (lambda: explain.plot(np.zeros((3, 2)), titles=["a"]), r"\[plot\] titles: expected 3.*received 1"),
        (lambda: explain.plot(np.zeros((3, 2)), feature_names=["a"]), "feature_names: expected 2 names, received 1"),
        (lambda: explain.plot(np.full((3, 2), np.nan)), "expected finite numbers"),
        (lambda: explain.plot(np.zeros((3, 2)), kind="video"), "kind: expected 'image', 'signal' or 'table'"),
        (lambda: explain.plot(np.zeros((65, 8, 8))), "expected at most 64 images, received 65"),
        (lambda: explain.plot_images(np.zeros((3, 2))), r"\[plot_images\] images: expected shape"),
        (lambda: explain.plot_feature_maps(np.zeros((65, 2, 2, 2))), "expected at most 64 rows"),
        (lambda: explain.plot_feature_maps(np.zeros((1, 2, 2, 2, 2))), "expected 2, 3 or 4 axes"),
    ],
)
def test_what_cannot_be_drawn(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for call in (explain.plot, explain.plot_images, explain.plot_feature_maps):
        with pytest.raises(ImportError, match=rf"\[{call.__name__}\] .*pip install 'ranvier\[plot\]'"):
            call(RNG.random((2, 9, 9)))
