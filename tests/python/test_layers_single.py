"""What single layers promise beyond the contract of all: noise, statistics, initialisers, messages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ranvier import initializers, layers, ops, regularizers
from ranvier.utils.random_seed import set_random_seed
from ranvier.utils.session import clear_session


def gate(x: Any) -> Any:
    return ops.multiply(x, ops.sigmoid(x))


def data(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype("float32")


NOISE: dict[str, dict[str, Any]] = {
    "Dropout": {"rate": 0.5, "seed": 3},
    "AlphaDropout": {"rate": 0.3, "seed": 3},
    "GaussianDropout": {"rate": 0.3, "seed": 3},
    "GaussianNoise": {"stddev": 0.5, "seed": 3},
}


def test_default_names_are_those_of_keras() -> None:
    clear_session()
    made = [layers.Dense(1), layers.Dense(1), layers.BatchNormalization(), layers.ReLU(), layers.PReLU()]
    assert [layer.name for layer in made] == ["dense", "dense_1", "batch_normalization", "re_lu", "p_re_lu"]


@pytest.mark.parametrize("name", sorted(NOISE))
def test_noise_repeats_with_a_seed_and_only_then(name: str) -> None:
    arguments, make = NOISE[name], getattr(layers, name)
    x = np.ones((50, 20), "float32")
    one, two = make(**arguments), make(**arguments)
    first = one(x, training=True).numpy().copy()
    np.testing.assert_array_equal(first, two(x, training=True).numpy())
    assert not np.array_equal(first, one(x, training=True).numpy())
    unseeded = {k: v for k, v in arguments.items() if k != "seed"}
    assert not np.array_equal(first, make(**unseeded)(x, training=True).numpy())
    set_random_seed(4)
    a = make(**unseeded)(x, training=True).numpy().copy()
    set_random_seed(4)
    np.testing.assert_array_equal(a, make(**unseeded)(x, training=True).numpy())


@pytest.mark.parametrize(
    ("layer", "mean", "std"),
    [
        (layers.Dropout(0.25, seed=1), 1.0, np.sqrt(0.25 / 0.75)),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
        (layers.GaussianNoise(0.5, seed=1), 1.0, 0.5),
    ],
)
def test_noise_has_its_moments(layer: Any, mean: float, std: float) -> None:
    y = layer(np.ones((400, 500), "float32"), training=True).numpy()
    # 200,000 draws: 5 standard errors
    assert abs(y.mean() - mean) < 5 * std / np.sqrt(y.size)
    assert abs(y.std() - std) < 0.01


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = data((400, 500))
    y = layers.AlphaDropout(0.3, seed=1)(x, training=True).numpy()
    assert abs(y.mean() - x.mean()) < 0.02
    assert abs(y.std() - x.std()) < 0.02


def test_dropout_shares_decisions_along_noise_shape() -> None:
    y = layers.Dropout(0.5, noise_shape=(None, 1, 3), seed=2)(np.ones((6, 5, 3), "float32"), training=True).numpy()
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert set(np.unique(y)) == {0.0, 2.0}


def test_batch_normalization_uses_running_statistics_while_frozen() -> None:
    layer = layers.BatchNormalization()
    x = 3 + data((20, 4))
    layer(x, training=True)
    moved = layer.moving_mean.numpy()
    assert moved.max() > 0.02
    layer.trainable = False
    y = layer(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), moved)
    np.testing.assert_allclose(y.numpy(), layer(x, training=False).numpy())


def test_normalization_adapts() -> None:
    x = np.random.default_rng(0).normal(loc=[1, 20, -5], scale=[1, 3, 0.1], size=(5000, 3))
    layer = layers.Normalization()
    layer.adapt(x)
    y = layer(x).numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-4)
    layer.adapt(x[:100])  # again, from the start
    np.testing.assert_allclose(layer.mean.numpy()[0], x[:100].mean(0), rtol=1e-6)
    back = layers.Normalization(mean=x.mean(0), variance=x.var(0), invert=True)
    again = layers.Normalization(mean=x.mean(0), variance=x.var(0))
    np.testing.assert_allclose(back(again(x)).numpy(), x, rtol=1e-4, atol=1e-4)
    whole = layers.Normalization(axis=None)
    whole.adapt(x)
    assert whole.mean.numpy().size == 1
    np.testing.assert_allclose(whole.mean.numpy().item(), x.mean(), rtol=1e-6)
    with pytest.raises(ValueError, match="leave them out"):
        back.adapt(x)


def test_initializers_and_regularizers_reach_the_weights() -> None:
    def ramp(shape: Any, dtype: Any = None) -> np.ndarray:
        return np.arange(np.prod(shape), dtype=dtype).reshape(shape)

    layer = layers.Dense(
        2, kernel_initializer=ramp, bias_initializer=initializers.Constant(3), kernel_regularizer="l2", name="d"
    )
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.kernel.numpy(), [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(layer.bias.numpy(), [3, 3])
    assert (layer.kernel.l1, layer.kernel.l2, layer.bias.l2) == (0.0, 0.01, 0.0)
    assert [float(v) for v in layer.losses] == [pytest.approx(0.55)]
    assert not layer._runs_python
    wrong = layers.Dense(2, kernel_initializer=lambda shape, dtype=None: np.zeros(3), name="d")
    with pytest.raises(ValueError, match=r"\[d\] kernel initializer.*expected values of shape \(3, 2\)"):
        wrong.build((None, 3))


def test_penalties_written_in_python_are_losses() -> None:
    def cubes(w: Any) -> Any:
        return ops.sum(ops.abs(ops.power(w, 3)))

    layer = layers.Dense(2, kernel_initializer="ones", kernel_regularizer=cubes, activity_regularizer="l1")
    y = layer(np.ones((4, 3), "float32"))
    assert sorted(float(v) for v in layer.losses) == [pytest.approx(0.01 * 6), pytest.approx(6.0)]
    assert layer._runs_python
    (y.sum() + sum(layer.losses)).backward()
    np.testing.assert_allclose(layer.kernel.grad.numpy(), 4 + 3 + 0.01, rtol=1e-6)
    assert not layers.Dense(2, activity_regularizer="l2")._runs_python


def test_activation_of_ones_own_and_layers_as_activations() -> None:
    x = data((4, 3))
    layer = layers.Dense(5, activation=gate)
    y = layer(x).numpy()
    z = x @ layer.kernel.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(y, z / (1 + np.exp(-z)), rtol=1e-5, atol=1e-6)
    leaky = layers.Dense(5, activation=layers.LeakyReLU(0.1))
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(leaky))))
    assert again.activation.negative_slope == 0.1
    leaky(x)
    again(x)
    again.set_weights(leaky.get_weights())
    np.testing.assert_array_equal(leaky(x).numpy(), again(x).numpy())


def test_arguments_are_fixed_once_used() -> None:
    layer = layers.Dropout(0.5, name="drop")
    layer.rate = 0.25
    layer(np.ones((2, 2)))
    with pytest.raises(AttributeError, match=r"\[drop\] rate is fixed once the layer has been used"):
        layer.rate = 0.5
    with pytest.raises(AttributeError, match=r"has no kernel before it is built"):
        layers.Dense(3).kernel.numpy()


def test_regularizer_factors() -> None:
    w = np.array([[1.0, -2.0]], "float32")
    assert float(regularizers.get("l1")(w)) == pytest.approx(0.03)
    assert float(regularizers.L2(0.5)(w)) == pytest.approx(2.5)
    assert float(regularizers.L1L2(0.1, 0.2)(w)) == pytest.approx(1.3)
    assert regularizers.deserialize(regularizers.serialize(regularizers.L1L2(0.1, 0.2))).l2 == 0.2


# -- bad input ---------------------------------------------------------------------------------------------------------

BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: layers.Dense(0), ValueError, r"\[dense.*\] units: expected a positive int, received 0"),
    (lambda: layers.Dense("10"), ValueError, "units: expected a positive int"),
    (lambda: layers.Dense(3, activation="rleu"), ValueError, "did you mean 'relu'"),
    (lambda: layers.Dense(3, kernel_initializer="golrot_uniform"), ValueError, "did you mean 'glorot_uniform'"),
    (lambda: layers.Dense(3, unit=3), ValueError, r"\[Dense\] unknown argument 'unit'; known: units"),
    (lambda: layers.Dense(3, dtype="float16"), ValueError, "float16"),
    (lambda: layers.Dense(3, dtype="int32"), ValueError, "expected 'float32' or 'float64', received 'int32'"),
    (lambda: layers.Dense(3, name="a/b"), ValueError, "without '/'"),
    (lambda: layers.Dropout(1.5), ValueError, r"rate: expected a number in \[0, 1\], received 1.5"),
    (lambda: layers.Dropout(0.5, seed="x"), TypeError, "seed: expected an int or None"),
    (lambda: layers.GaussianNoise(-1), ValueError, "stddev: expected a number of 0 or more"),
    (lambda: layers.Permute((0, 1)), ValueError, "the batch axis .* is not counted"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "at most one of them -1"),
    (lambda: layers.ReLU(max_value=-1), ValueError, "max_value: expected a number of 0 or more"),
    (lambda: layers.Normalization(mean=1.0), ValueError, "both mean and variance"),
    (lambda: layers.Input(), ValueError, "expected the shape of one sample"),
    (lambda: layers.Lambda("x"), TypeError, "expected a function"),
    (lambda: layers.Dense(3).count_params(), ValueError, "no weights to count before it is built"),
    (lambda: layers.Dense(3)(["a", "b"]), TypeError, "expected numbers"),
    (lambda: layers.Dense(3, name="d")(np.ones(4)), ValueError, r"\[d\] expected an input of rank 2"),
    (lambda: layers.RepeatVector(3, name="r")(np.ones((2, 3, 4))), ValueError, r"\[r\] expected an input of rank 2"),
    (lambda: layers.Reshape((5,), name="r")(np.ones((2, 3))), ValueError, r"\[r\].*\(2, 3\)"),
    (lambda: layers.Permute((2, 1), name="p")(np.ones((2, 3))), ValueError, r"\[p\] expected an input of rank 3"),
    (lambda: layers.Lambda(lambda x: x).get_config(), ValueError, "cannot be saved"),
]


@pytest.mark.parametrize(("action", "error", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(action: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        action()


def test_wrong_features_name_layer_and_fix() -> None:
    layer = layers.Dense(10, name="dense_1")
    layer.build((None, 784))
    with pytest.raises(ValueError, match=r"\[dense_1\] expected 784 features .*\(32, 28, 28\); add Flatten\(\)"):
        layer(np.ones((32, 28, 28), "float32"))
    with pytest.raises(ValueError, match=r"\[dense_1\] expected 784 features"):
        layer(np.ones((32, 5), "float32"))


def test_a_single_sample_without_batch_axis_is_named() -> None:
    with pytest.raises(ValueError, match=r"\[d\] expected an input of rank 2 or more .*received shape \(3,?\)"):
        layers.Dense(2, name="d")([1, 2, 3])


def test_configs_of_keras_are_read() -> None:
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float64"}, "registered_name": None}
    glorot = {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {"seed": 3, "input_axes": None, "output_axes": None},
        "registered_name": None,
    }
    dense = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {
            "name": "d",
            "trainable": True,
            "dtype": dtype,
            "units": 3,
            "activation": "relu",
            "use_bias": True,
            "kernel_initializer": glorot,
            "kernel_constraint": None,
            "quantization_config": None,
        },
        "registered_name": None,
    }
    layer = layers.deserialize(dense)
    assert (layer.name, layer.dtype, layer.units, layer.kernel_initializer.seed) == ("d", "float64", 3, 3)
    renorm = {"momentum": 0.9, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99, "synchronized": False}
    assert layers.BatchNormalization.from_config(renorm).momentum == 0.9
    with pytest.raises(ValueError, match=r"\[BatchNormalization\] renorm=True is not supported"):
        layers.BatchNormalization.from_config({**renorm, "renorm": True})


def test_subclasses_of_built_in_layers_are_saved() -> None:
    class Scaled(layers.Dense):
        def __init__(self, scale: float, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.scale = scale

        def call(self, inputs: Any, training: bool = False) -> Any:
            return super().call(inputs, training) * self.scale

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "scale": self.scale}

    layer = Scaled(2.0, units=3, kernel_initializer="ones", name="s")
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))), {"Scaled": Scaled})
    assert (again.units, again.scale, again.name) == (3, 2.0, "s")
    for each in (layer, again):
        np.testing.assert_allclose(each(np.ones((1, 4), "float32")).numpy(), 8.0)
        assert each._handle()(ops.ones((1, 4))).numpy().tolist() == [[8.0, 8.0, 8.0]]
