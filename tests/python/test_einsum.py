"""Sums of products in Einstein's notation, as an operation and as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranvier import Model, Sequential, layers, ops
from ranvier.models import load_model

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 2}
EQUATIONS = [
    "ab->ba",
    "abc->b",
    "ab->",
    "ab,bc->ac",
    "ab,cb->ca",
    "ab,bc",
    "ba,ca",
    "abc,cd->abd",
    "abc,acd->abd",
    "abc,adc->adb",
    "cab,bcd->dac",
    "abc,bd->ad",
    "a,b->ba",
    "abc,abc->c",
    "ab,bc,cd->da",
    "abe,bc,ca->eb",
    " ab , bc -> ca ",
]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_numpys(equation: str) -> None:
    draw = np.random.default_rng(3)
    terms = equation.replace(" ", "").split("->")[0].split(",")
    arrays = [draw.normal(size=[SIZES[c] for c in term]) for term in terms]
    expected = np.einsum(equation, *arrays)
    np.testing.assert_allclose(ops.einsum(equation, *arrays).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("...a,ab->...b", [(6, 7, 2), (2, 3)]),
        ("...a,ab->...b", [(2,), (2, 3)]),
        ("...ab,...bc->...ac", [(6, 2, 3), (7, 6, 3, 4)]),
        ("...ab,...bc->...ca", [(6, 2, 3), (1, 3, 4)]),
        ("a...,b...->ab...", [(2, 1, 6), (3, 5, 1)]),
        ("a...b->b...", [(2, 6, 7, 3)]),
        ("...a,...a", [(6, 2), (6, 2)]),
        ("ab,bc->ac", [(0, 3), (3, 4)]),
        ("ab,bc->ac", [(2, 0), (0, 4)]),
    ],
)
def test_einsum_with_an_ellipsis_or_nothing(equation: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [np.random.default_rng(3).normal(size=shape) for shape in shapes]
    y = ops.einsum(equation, *arrays).numpy()
    np.testing.assert_allclose(y, np.einsum(equation, *arrays), rtol=1e-12, atol=1e-12)


def test_einsum_of_integers_stays_integral() -> None:
    a = np.arange(6).reshape(2, 3)
    y = ops.einsum("ij,kj->ik", a, a)
    assert y.dtype == "int64"
    np.testing.assert_array_equal(y.numpy(), a @ a.T)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ab,bc->ac", [(2, 3)], "expected 2 operands.*received 1"),
        ("ab,bc->ac", [(2, 3), (4, 5)], r"equal sizes under 'b'.*\(2, 3\) and \(4, 5\)"),
        ("ab,bc->ad", [(2, 3), (3, 5)], "received 'd' in equation 'ab,bc->ad'"),
        ("aa->a", [(2, 2)], "every letter once"),
        ("a1->a", [(2, 2)], "expected letters"),
        ("abc->a", [(2, 2)], r"operand 0 .* with 3 axes, received shape \(2, 2\)"),
        ("...abc->...a", [(2, 2)], "at least 3 axes"),
        ("...a->a", [(2, 2)], r"'\.\.\.' in the output"),
        ("...a...->a", [(2, 2)], "at most one ellipsis"),
        ("...a,...a->...", [(2, 2), (3, 2)], r"equal sizes under '\.\.\.'"),
        ("a->b->c", [(2,)], "expected letters"),
        ("->", [], "at least one operand"),
    ],
)
def test_mistakes_in_einsum_are_named(equation: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ops.einsum(equation, *[np.ones(shape) for shape in shapes])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"equation": "ab,bc", "output_shape": 3}, r"\[mine\] equation: expected the form"),
        ({"equation": "abc->ac", "output_shape": 3}, "equation: expected the form"),
        ({"equation": "a...b,bc->a...c", "output_shape": 3}, "equation: expected the form"),
        ({"equation": "...ab,bc->ac...", "output_shape": 3}, "equation: expected the form"),
        ({"equation": "ab,bc->ca", "output_shape": 3}, "the batch, the first letter of 'ab'"),
        ({"equation": "ab,bdc->ac", "output_shape": 3}, "received 'd' in 'ab,bdc->ac'"),
        ({"equation": "ab,bc->acd", "output_shape": 3}, "output letters that an input has, received 'd'"),
        ({"equation": "ab,bc->ac", "output_shape": (3, 4)}, "output_shape: expected 1 sizes for 'ac'"),
        ({"equation": "ab,bc->ac", "output_shape": 0}, "output_shape: expected a positive int"),
        ({"equation": "ab,bc->ac", "output_shape": 3, "bias_axes": "b"}, "bias_axes: expected letters of the output"),
        ({"equation": 3, "output_shape": 3}, "equation: expected a string"),
    ],
)
def test_mistakes_in_einsum_dense_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers.EinsumDense(**arguments, name="mine")


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        (("abc,cd->abd", (None, 3)), (2, 5), r"\[mine\] expected x with 3 axes .*received shape \(None, 5\)"),
        (("...bc,cd->...bd", (None, 3)), (2, 5), "at least 3 axes"),
        (("abc,cd->abd", (4, 3)), (2, 5, 6), r"size 4 under 'b' as output_shape says, received x with shape"),
        (("abc,cd->abd", (None, None)), (2, 5, 6), "known size under 'd'"),
    ],
)
def test_shapes_that_do_not_fit_an_equation(arguments: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers.EinsumDense(*arguments, name="mine")(np.ones(shape))


def test_einsum_dense_keeps_the_size_it_was_built_for() -> None:
    layer = layers.EinsumDense("abc,cd->abd", (None, 3), name="mine")
    layer(np.ones((2, 5, 6)))
    with pytest.raises(ValueError, match=r"\[mine\] expected size 6 under 'c'.*received x with shape \(2, 5, 7\)"):
        layer(np.ones((2, 5, 7)))
    assert layer(np.ones((1, 4, 6))).shape == (1, 4, 3)


def test_einsum_dense_starts_as_a_dense_layer_of_its_fans() -> None:
    """The bounds of the uniform draw follow from the letters, not from the places of the axes."""
    layer = layers.EinsumDense("abc,cde->abde", (None, 30, 40))
    layer.build((None, None, 50))
    kernel = layer.kernel.numpy()
    limit = np.sqrt(6 / (50 + 30 * 40))
    assert kernel.shape == (50, 30, 40)
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.mean()) < 0.01 * limit


def test_einsum_dense_learns_and_is_saved(tmp_path: Any) -> None:
    x = np.random.default_rng(0).normal(size=(64, 5, 3)).astype("float32")
    model = Sequential(
        [layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    losses = model.fit(x, x[:, 0, :1], epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.rv")
    again = load_model(tmp_path / "model.rv")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_einsum_dense_reads_what_keras_writes() -> None:
    config = {
        "name": "einsum_dense",
        "trainable": True,
        "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}},
        "output_shape": [None, 64],
        "equation": "abc,cd->abd",
        "activation": "relu",
        "bias_axes": "d",
        "kernel_initializer": {
            "module": "keras.initializers",
            "class_name": "GlorotUniform",
            "config": {"seed": None, "input_axes": None, "output_axes": None},
        },
        "bias_initializer": {"module": "keras.initializers", "class_name": "Zeros", "config": {}},
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "gptq_unpacked_column_size": None,
        "quantization_config": None,
    }
    layer = layers.EinsumDense.from_config(config)
    assert layer(np.ones((2, 5, 3))).shape == (2, 5, 64)
    assert layer.partial_output_shape == (None, 64)


def test_einsum_in_a_functional_model() -> None:
    a = layers.Input((5, 3))
    b = layers.Input((4, 3))
    model = Model([a, b], ops.einsum("btd,bsd->bts", a, b))
    assert model.output_shape == (None, 5, 4)
    draw = np.random.default_rng(1)
    x, z = draw.normal(size=(2, 5, 3)).astype("float32"), draw.normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(model.predict([x, z], verbose=0), x @ z.transpose(0, 2, 1), rtol=1e-5, atol=1e-5)
