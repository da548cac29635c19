"""Mistakes with several inputs and outputs: each costs a sentence with names, and nothing has changed after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from multi_helpers import AGE, HEIGHT, IMAGE, KIND, LOSS, X, Y, two_by_two

NAN = AGE.copy()
NAN[7, 1] = np.nan

Case = tuple[Callable[[Any], Any], type[Exception], list[str]]

# situation: (what is done, error, parts of its text)
CASES: dict[str, Case] = {
    # x
    "one array": (
        lambda m: m.fit(IMAGE, Y),
        ValueError,
        ["[fit] x:", "inputs 'image' and 'age' (dict or list of 2)", "ndarray of shape (60, 5)", "x=[image, age]"],
    ),
    "other names": (
        lambda m: m.fit({"img": IMAGE, "age": AGE}, Y),
        ValueError,
        ["[fit] x:", "'image' and 'age'", "dict with 'img' and 'age'", "did you mean 'image'?"],
    ),
    "a name is missing": (lambda m: m.fit({"age": AGE}, Y), ValueError, ["[fit] x:", "dict with 'age'", "add 'image'"]),
    "three arrays": (lambda m: m.fit([IMAGE, AGE, AGE], Y), ValueError, ["[fit] x:", "list of 3", "[image, age]"]),
    "other rows": (
        lambda m: m.fit([IMAGE, AGE[:50]], Y),
        ValueError,
        ["[fit] x:", "equally many rows", "60 in 'image'", "50 in 'age'"],
    ),
    "other features": (
        lambda m: m.fit([IMAGE[:, :4], AGE], Y),
        ValueError,
        ["[fit] x['image']", "(rows, 5)", "(60, 4)"],
    ),
    "inputs swapped": (
        lambda m: m.fit([AGE, IMAGE], Y),
        ValueError,
        ["[fit] x['image']", "(rows, 5)", "(60, 2)", "in the order image, age?"],
    ),
    "another rank": (
        lambda m: m.fit([IMAGE[:, None, :], AGE], Y),
        ValueError,
        ["[fit] x['image']", "(rows, 5)", "(60, 1, 5)"],
    ),
    "no rows": (lambda m: m.fit([IMAGE[:0], AGE[:0]], Y), ValueError, ["[fit] x['image']", "one row", "(0, 5)"]),
    "NaN": (lambda m: m.fit([IMAGE, NAN], Y), ValueError, ["[fit] x['age']", "nan", "row 7", "column 1"]),
    "text": (lambda m: m.fit([IMAGE, AGE.astype(str)], Y), TypeError, ["[fit] x['age']", "strings"]),
    "nothing": (lambda m: m.fit([None, AGE], Y), TypeError, ["[fit] x['image']", "received None"]),
    "predict one array": (lambda m: m.predict(IMAGE, verbose=0), ValueError, ["[predict] x:", "'image' and 'age'"]),
    "predict other features": (
        lambda m: m.predict([IMAGE, AGE[:, :1]], verbose=0),
        ValueError,
        ["[predict] x['age']", "(rows, 2)", "(60, 1)"],
    ),
    "predict other rows": (
        lambda m: m.predict({"image": IMAGE, "age": AGE[:3]}, verbose=0),
        ValueError,
        ["[predict] x:", "equally many rows"],
    ),
    "predict_on_batch": (lambda m: m.predict_on_batch(IMAGE), ValueError, ["[predict_on_batch] x:", "list of 2"]),
    # y
    "no targets": (lambda m: m.fit(X), ValueError, ["[fit] y:", "received None"]),
    "one target": (
        lambda m: m.fit(X, KIND),
        ValueError,
        ["[fit] y:", "outputs 'kind' and 'height'", "y=[kind, height]"],
    ),
    "a target is missing": (lambda m: m.fit(X, {"kind": KIND}), ValueError, ["[fit] y:", "'kind'", "add 'height'"]),
    "a target is None": (
        lambda m: m.fit(X, [KIND, None]),
        ValueError,
        ["[fit] y['height']", "the loss of output 'height'", "None"],
    ),
    "unknown target": (
        lambda m: m.fit(X, {**Y, "weight": HEIGHT}),
        ValueError,
        ["[fit] y:", "'kind' and 'height'", "take 'weight' out"],
    ),
    "other rows in y": (lambda m: m.fit(X, [KIND, HEIGHT[:9]]), ValueError, ["[fit] y['height']", "60 rows", "(9, 1)"]),
    "labels out of range": (
        lambda m: m.fit(X, [KIND + 1, HEIGHT]),
        ValueError,
        ["[fit] y['kind']", "0 to 1", "1 to 2", "y - 1"],
    ),
    "targets of another width": (
        lambda m: m.fit(X, [KIND, IMAGE]),
        ValueError,
        ["[fit] y['height']", "(rows, 1)", "(60, 5)"],
    ),
    "infinite target": (lambda m: m.fit(X, [KIND, HEIGHT / 0]), ValueError, ["[fit] y['height']", "finite", "row 0"]),
    "evaluate": (lambda m: m.evaluate(X, {"kind": KIND}), ValueError, ["[evaluate] y:", "add 'height'"]),
    "train_on_batch": (lambda m: m.train_on_batch(X, [KIND]), ValueError, ["[train_on_batch] y:", "list of 1"]),
    "validation data": (
        lambda m: m.fit(X, Y, validation_data=(X, {"kind": KIND})),
        ValueError,
        ["[fit] validation y:", "add 'height'"],
    ),
    "validation inputs": (
        lambda m: m.fit(X, Y, validation_data=({"image": IMAGE}, Y)),
        ValueError,
        ["[fit] validation x:", "add 'age'"],
    ),
    "a batch": (lambda m: m.fit(iter([(X, [KIND])]), verbose=0), ValueError, ["[fit] y:", "list of 1"]),
    # weights
    "unknown weights": (
        lambda m: m.fit(X, Y, sample_weight={"kid": np.ones(60)}),
        ValueError,
        ["[fit] sample_weight:", "'kid'", "did you mean 'kind'?"],
    ),
    "too few weights": (
        lambda m: m.fit(X, Y, sample_weight=[np.ones(60), np.ones(59)]),
        ValueError,
        ["[fit] sample_weight['height']", "60 rows", "(59,)"],
    ),
    "weights of more axes": (
        lambda m: m.fit(X, Y, sample_weight=np.ones((60, 2))),
        ValueError,
        ["[fit] sample_weight:", "(60,)", "(60, 2)"],
    ),
    "class weights": (
        lambda m: m.fit(X, Y, class_weight={0: 1.0}),
        ValueError,
        ["[fit] class_weight:", "'kind' and 'height'", "sample_weight"],
    ),
    # compile
    "unknown output": (
        lambda m: m.compile("adam", {"kind": LOSS["kind"], "hight": "mse"}),
        ValueError,
        ["[compile] loss:", "'kind' and 'height'", "'hight'", "did you mean 'height'?"],
    ),
    "a loss is missing": (
        lambda m: m.compile("adam", {"kind": LOSS["kind"]}),
        ValueError,
        ["[compile] loss:", "add 'height'"],
    ),
    "three losses": (lambda m: m.compile("adam", ["mse"] * 3), ValueError, ["[compile] loss:", "list of 3"]),
    "unknown loss": (lambda m: m.compile("adam", ["mse", "mze"]), ValueError, ["[loss]", "'mze'"]),
    "one weight for two losses": (
        lambda m: m.compile("adam", "mse", loss_weights=0.5),
        ValueError,
        ["[compile] loss_weights:", "list of 2"],
    ),
    "weight of an unknown output": (
        lambda m: m.compile("adam", "mse", loss_weights={"kid": 0.5}),
        ValueError,
        ["[compile] loss_weights:", "did you mean 'kind'?"],
    ),
    "weights that are text": (
        lambda m: m.compile("adam", "mse", loss_weights=["1", 2]),
        TypeError,
        ["[compile] loss_weights:", "numbers", "'1'"],
    ),
    "metrics for all": (
        lambda m: m.compile("adam", "mse", metrics=["mae"]),
        ValueError,
        ["[compile] metrics:", "'kind' and 'height'", "list of 1"],
    ),
    "metrics of an unknown output": (
        lambda m: m.compile("adam", "mse", weighted_metrics={"kid": ["mae"]}),
        ValueError,
        ["[compile] weighted_metrics:", "'kid'"],
    ),
    "unknown metric": (
        lambda m: m.compile("adam", "mse", metrics=[["acuracy"], []]),
        ValueError,
        ["[metric]", "did you mean 'accuracy'"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_costs_a_sentence_and_changes_nothing(name: str) -> None:
    act, error, parts = CASES[name]
    model = two_by_two()
    before, optimizer, compiled = model.get_weights(), model.optimizer, model._compiled
    with pytest.raises(error) as caught, np.errstate(divide="ignore"):
        act(model)
    text = str(caught.value)
    assert type(caught.value) is error
    for part in parts:
        assert part in text, text
    assert text.startswith("["), text
    assert len(text) < 1000
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model._compiled is compiled
    assert model.optimizer is optimizer
    assert model.optimizer.iterations == 0
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_metrics_of_an_output_without_targets() -> None:
    model = two_by_two(loss=[LOSS["kind"], None], metrics=[None, ["mae"]])
    with pytest.raises(ValueError, match=r"\[fit\] y\['height'\]: expected targets for the metrics of output 'height'"):
        model.fit(X, [KIND, None], verbose=0)
    with pytest.raises(ValueError, match="compiled without a loss"):
        two_by_two(loss=[None, None]).fit(X, Y, verbose=0)
