"""Random calls with plausible and absurd arguments: a result, or a short error that names what is wrong; never a crash.

Deterministic: case `i` of a seed is always the same call. RANVIER_FUZZ multiplies the number of cases.
"""

from __future__ import annotations

import copy
import inspect
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fuzzing import ABSURD, PLAIN, SCALE, Source, finish, judge, mutate
from ranvier import layers, ops

FUNCTIONS = [getattr(ops, name) for name in ops.__all__] + [
    keras.random.normal, keras.random.truncated_normal, keras.random.uniform, keras.random.randint,
    keras.random.shuffle, keras.random.dropout,
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_ops(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    for case in range(int(220 * SCALE)):
        source = Source(draws.getrandbits(48))
        function = draws.choice(FUNCTIONS)
        arguments: list[Any] = []
        keywords: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.default is inspect.Parameter.empty:
                arguments.append(source.argument(parameter.name))
            elif draws.random() < 0.5:
                keywords[parameter.name] = source.argument(parameter.name)
        fate = draws.random()
        if fate < 0.02 and arguments:
            arguments.pop()
        elif fate < 0.04:
            arguments.append(source.absurd())
        what = f"seed {seed} case {case}: {function.__name__}({arguments!r}, {keywords!r})"[:1500]
        with np.errstate(all="ignore"):
            judge(lambda f=function, a=arguments, k=keywords: finish(f(*a, **k)), what)


METHODS: dict[str, tuple[str, ...]] = {
    "sum": ("axis", "keepdims"), "mean": ("axis", "keepdims"), "max": ("axis", "keepdims"), "min": ("axis", "keepdims"),
    "var": ("axis", "keepdims"), "any": ("axis", "keepdims"), "all": ("axis", "keepdims"), "prod": ("axis", "keepdims"),
    "reshape": ("newshape",), "astype": ("dtype",), "__getitem__": ("key",), "__add__": ("x",), "__rsub__": ("x",),
    "__mul__": ("x",), "__truediv__": ("x",), "__pow__": ("x",), "__matmul__": ("x",), "__lt__": ("x",),
    "__eq__": ("x",),
    "__rmatmul__": ("x",), "__neg__": (), "__abs__": (), "__array__": ("dtype", "keepdims"), "__dlpack__": (),
    "detach": (), "numpy": (), "tolist": (), "__repr__": (), "__hash__": (),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_methods_of_tensors(seed: int) -> None:
    draws = random.Random(seed)
    for case in range(int(250 * SCALE)):
        source = Source(draws.getrandbits(48))
        x = ops.convert_to_tensor(source.array())
        name = draws.choice(list(METHODS))
        arguments = [source.argument(parameter) for parameter in METHODS[name]]
        if draws.random() < 0.5 and "keepdims" in METHODS[name]:
            arguments.pop()
        what = f"seed {seed} case {case}: {x.shape} {x.dtype} {name}{tuple(arguments)!r}"[:1500]
        with np.errstate(all="ignore"):
            judge(lambda x=x, n=name, a=arguments: finish(getattr(x, n)(*a)), what)


# -- layers and models -------------------------------------------------------------------------------------------------

LAYERS: dict[str, Callable[[Source], Any]] = {
    "Dense": lambda s: layers.Dense(
        s.random.choice((1, 3, 8, 0, -1, s.whole(), s.absurd())),
        activation=s.random.choice((None, "relu", "softmax", "tanh", "nonsense", ops.tanh, s.absurd())),
        use_bias=s.flag(),
        kernel_regularizer=s.random.choice((None, "l2", "l1", keras.regularizers.L2(0.1), s.absurd())),
        kernel_initializer=s.random.choice(("glorot_uniform", "zeros", "nonsense", s.absurd())),
    ),
    **{
        name: lambda s, name=name: getattr(layers, name)(
            **({} if name.startswith("D") else {"filters": s.random.choice((1, 2, 4, 0, s.whole(), s.absurd()))}),
            kernel_size=s.random.choice((1, 2, 3, (1, 3), 0, s.argument("strides"), s.whole())),
            strides=s.random.choice((1, 1, 2, s.argument("strides"))),
            padding=s.random.choice(("valid", "same", s.argument("padding"))),
            data_format=s.argument("data_format"),
            dilation_rate=s.random.choice((1, 1, 2, s.argument("strides"))),
            activation=s.random.choice((None, "relu", "gelu", "softmax", "glu", s.absurd())),
            use_bias=s.flag(),
        )
        for name in (
            *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "DepthwiseConv1D", "DepthwiseConv2D"),
            "SeparableConv2D",
        )
    },
    "Activation": lambda s: layers.Activation(s.random.choice(("relu", "sigmoid", "softmax", s.absurd()))),
    "Dropout": lambda s: layers.Dropout(s.random.choice((0.0, 0.5, 0.99, 1.0, -1, s.number()))),
    "GaussianNoise": lambda s: layers.GaussianNoise(s.random.choice((0.0, 0.5, -1, s.number()))),
    "GaussianDropout": lambda s: layers.GaussianDropout(s.random.choice((0.0, 0.5, 1.0, s.number()))),
    "AlphaDropout": lambda s: layers.AlphaDropout(s.random.choice((0.0, 0.5, 1.0, s.number()))),
    "Flatten": lambda s: layers.Flatten(),
    "Reshape": lambda s: layers.Reshape(s.random.choice(((-1,), (1, -1), (2, 2), s.sizes()))),
    "Permute": lambda s: layers.Permute(s.random.choice(((1,), (2, 1), (0, 1), s.sizes()))),
    "RepeatVector": lambda s: layers.RepeatVector(s.random.choice((1, 3, 0, s.whole()))),
    "BatchNormalization": lambda s: layers.BatchNormalization(
        axis=s.random.choice((-1, 1, s.axis())), momentum=s.random.choice((0.99, 0.0, s.number())),
        epsilon=s.random.choice((1e-3, 0.0, s.number())),
    ),
    "LayerNormalization": lambda s: layers.LayerNormalization(axis=s.random.choice((-1, 1, s.axis()))),
    "Rescaling": lambda s: layers.Rescaling(s.number(), s.number()),
    "Identity": lambda s: layers.Identity(),
    "ReLU": lambda s: layers.ReLU(s.random.choice((None, 6.0, s.number()))),
    "LeakyReLU": lambda s: layers.LeakyReLU(s.number()),
    "PReLU": lambda s: layers.PReLU(shared_axes=s.random.choice((None, [1], s.axis()))),
    "ELU": lambda s: layers.ELU(s.number()),
    "Softmax": lambda s: layers.Softmax(s.axis()),
    "Lambda": lambda s: layers.Lambda(s.random.choice((ops.tanh, lambda x: x, lambda x: None, lambda x: 1,
    s.absurd()))),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_layers(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    for case in range(int(120 * SCALE)):
        source = Source(draws.getrandbits(48))
        name = draws.choice(list(LAYERS))
        layer = judge(lambda n=name, s=source: LAYERS[n](s), f"seed {seed} case {case}: {name}")
        if layer is None:
            continue
        what = f"seed {seed} case {case}: {name} {judge(layer.get_config, 'get_config')}"[:800]
        for shape in (source.shape, source.shape, source.small_shape()):
            x = source.array(shape=shape)
            training = draws.random() < 0.5
            with np.errstate(all="ignore"):
                call = f"{what} on {x.dtype} {x.shape}"
                judge(lambda layer=layer, x=x, t=training: finish(layer(x, training=t)), call)
                if draws.random() < 0.3:
                    judge(lambda layer=layer, x=x: layer.compute_output_shape((None, *x.shape[1:])), call)


def make_model(source: Source) -> Any:
    stack = [keras.Input(source.shape[1:])] if source.random.random() < 0.5 else []
    for _ in range(source.random.choice((0, 1, 2, 3, 5))):
        stack.append(LAYERS[source.random.choice(list(LAYERS))](source))
    if source.random.random() < 0.8:
        stack.append(layers.Dense(source.random.choice((1, 3))))
    model = keras.Sequential(stack)
    optimizer = source.random.choice(
        (
            "sgd", "adam", "rmsprop", "adamw", keras.optimizers.Adam,
            lambda: keras.optimizers.SGD(source.number(), momentum=source.random.choice((0.0, 0.9, source.number()))),
            lambda: keras.optimizers.Adam(source.number(), clipnorm=source.random.choice((None, 1.0, source.number()))),
            lambda: keras.optimizers.RMSprop(weight_decay=source.random.choice((None, 0.1, source.number()))),
        )
    )  # fmt: skip
    loss = source.random.choice(
        ("mse", "mae", "sparse_categorical_crossentropy", "binary_crossentropy", "huber", "categorical_crossentropy",
        "hinge",
         lambda t, p: ops.mean(ops.square(t - p), axis=-1), lambda t, p: None, lambda t, p: p, "nonsense",
         source.absurd())
    )  # fmt: skip
    metrics = source.random.choice((None, ["accuracy"], ["mae"], ["nonsense"], source.absurd()))
    model.compile(optimizer if isinstance(optimizer, str) else optimizer(), loss, metrics=metrics)
    return model


@pytest.mark.parametrize("seed", range(4))
def test_models(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    for case in range(int(30 * SCALE)):
        source = Source(draws.getrandbits(48))
        if not source.shape or draws.random() < 0.5:
            source.shape = (draws.choice((1, 7, 16)), 4)
        what = f"seed {seed} case {case}"
        model = judge(lambda s=source: make_model(s), what)
        if model is None:
            continue
        for _ in range(4):
            rows = source.shape[0]
            x = draws.choice(
                (source.array("float32"), source.array(), source.array(), source.tensor(), source.absurd())
            )
            y = draws.choice(
                (
                    np.zeros(rows), np.zeros((rows, 1)), np.arange(rows) % 3, np.eye(3)[np.arange(rows) % 3],
                    np.zeros(rows + 1), np.full(rows, np.nan), source.absurd(), source.tensor(),
                )
            )  # fmt: skip
            size = draws.choice((None, 1, 3, 64, 0, -1, 2**31, 2**62, source.absurd()))
            weights = draws.choice((None, None, np.ones(rows), np.zeros(rows), -np.ones((rows, 1)), source.absurd()))
            method = draws.choice(("fit", "fit", "evaluate", "predict", "train_on_batch", "predict_on_batch"))
            calls: dict[str, Callable[[], Any]] = {
                "fit": lambda m=model, x=x, y=y, b=size, w=weights: m.fit(
                    x, y, batch_size=b, sample_weight=w, verbose=0, shuffle=False
                ),
                "evaluate": lambda m=model, x=x, y=y, b=size: m.evaluate(x, y, batch_size=b, verbose=0),
                "predict": lambda m=model, x=x, b=size: m.predict(x, batch_size=b, verbose=0),
                "train_on_batch": lambda m=model, x=x, y=y, w=weights: m.train_on_batch(x, y, sample_weight=w),
                "predict_on_batch": lambda m=model, x=x: m.predict_on_batch(x),
            }
            names = [type(layer).__name__ for layer in model.layers]
            text = f"{what}: {names} {method} x={str(x)[:80]} {getattr(x, 'shape', '')} y={str(y)[:80]} batch={size}"
            with np.errstate(all="ignore"):
                judge(calls[method], text)


# -- files -------------------------------------------------------------------------------------------------------------


def test_damaged_files(tmp_path: Any) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones(8), verbose=0)
    path = tmp_path / "model.rv"
    model.save(path)
    whole = path.read_bytes()
    draws = random.Random(0)
    for case in range(int(250 * SCALE)):
        data = bytearray(whole)
        kind = draws.randrange(5)
        if kind == 0:
            data = data[: draws.randrange(len(data))]
        elif kind == 1:
            for _ in range(draws.choice((1, 2, 16))):
                data[draws.randrange(len(data))] = draws.randrange(256)
        elif kind == 2:
            at, length = draws.randrange(len(data)), draws.choice((1, 4, 64))
            data[at : at + length] = draws.choice((b"", b"\xff" * 8, b"\x00" * 4, data[:64]))
        elif kind == 3:
            data += bytes(draws.choice((1, 100)))
        else:  # sizes and offsets of the directory
            at = draws.randrange(max(len(data) - 600, 0), len(data) - 8)
            data[at : at + 8] = draws.choice((2**63, 2**31, 2**64 - 1, 1)).to_bytes(8, "little")
        path.write_bytes(data)
        judge(lambda: keras.saving.load_model(path), f"case {case}")
        judge(lambda: model.load_weights(path), f"case {case}")
    assert np.isfinite(model.predict(np.ones((2, 3)), verbose=0)).all()


def test_files_whose_content_is_wrong(tmp_path: Any) -> None:
    """Checksums and structure are right; what the parts say is not."""
    path = tmp_path / "model.rv"
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 3)), np.ones(8), verbose=0)
    model.save(path)
    texts, groups = keras._core.io.read_archive(path)
    draws = random.Random(3)
    for case in range(int(100 * SCALE)):
        damaged = {name: json.dumps(mutate(json.loads(text), draws, PLAIN)) for name, text in texts.items()}
        tensors = dict(groups)
        name = draws.choice(list(tensors))
        kind = draws.randrange(4)
        if kind == 0:
            tensors[name] = tensors[name][1:]
        elif kind == 1:
            tensors[name] = [(n, ops.zeros(draws.choice(((), (0,), (3, 5))))) for n, _ in tensors[name]]
        elif kind == 2:
            tensors[name] = [(n + "x", t) for n, t in tensors[name]]
        written = judge(lambda d=damaged, t=tensors: keras._core.io.write_archive(path, d, t) or True, f"write {case}")
        if written:
            loaded = judge(lambda: keras.saving.load_model(path), f"case {case}: {damaged}")
            if loaded is not None:
                judge(lambda m=loaded: m.predict(np.ones((2, 3)), verbose=0), f"case {case}: {damaged}")


def test_damaged_configurations() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dropout(0.5), layers.Dense(1)])
    config = model.get_config()
    draws = random.Random(1)
    for case in range(int(200 * SCALE)):
        broken = mutate(copy.deepcopy(config), draws, ABSURD)
        made = judge(lambda b=broken: keras.Sequential.from_config(b), f"case {case}: {broken}")
        if made is not None:
            judge(lambda m=made: m.predict(np.ones((2, 3)), verbose=0), f"case {case}: {broken}")


def test_random_json() -> None:
    draws = random.Random(2)
    text = keras.Sequential([keras.Input((3,)), layers.Dense(4)]).to_json()
    for case in range(int(200 * SCALE)):
        data = list(text)
        for _ in range(draws.choice((1, 1, 3))):
            data[draws.randrange(len(data))] = draws.choice('{}[]",:0-9eE.\\ \x00é')
        judge(lambda d=data: keras.models.model_from_json("".join(d)), f"case {case}")
    judge(lambda: keras.models.model_from_json("[" * 100000), "deep nesting")
