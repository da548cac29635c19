"""Layers for sequences on random arguments, masks, states and files: a result or a named error, never a crash."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from fuzzing import ABSURD, PLAIN, SCALE, finish, judge, mutate
from fuzzing_sequences import NAMES, TEXT, Draw, present, small_models
from ranvier import layers, ops

TOKENS = np.arange(12).reshape(2, 6) % 11


@pytest.mark.parametrize("seed", range(6))
def test_layers(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    for case in range(int(100 * SCALE)):
        source = Draw(draws.getrandbits(48))
        name = draws.choice(present(NAMES))
        what = f"seed {seed} case {case}: {name}"
        layer = judge(lambda n=name, s=source: s.layer(n), what)
        if layer is None:
            continue
        what = f"{what} {judge(layer.get_config, what)}"[:800]
        for _ in range(3):
            x, arguments = source.inputs(name), source.call_arguments(layer)
            call = f"{what} on {getattr(x, 'shape', x)!r} with {arguments!r}"[:1500]
            with np.errstate(all="ignore"):
                judge(lambda la=layer, x=x, a=arguments: finish(la(x, **a)), call)


@pytest.mark.parametrize("seed", range(3))
def test_text(seed: int) -> None:
    draws = random.Random(seed)
    for case in range(int(100 * SCALE)):
        source = Draw(draws.getrandbits(48))
        name = draws.choice(present(TEXT))
        what = f"seed {seed} case {case}: {name}"
        layer = judge(lambda n=name, s=source: s.layer(n), what)
        if layer is None:
            continue
        what = f"{what} {judge(layer.get_config, what)}"[:800]
        texts = np.array(["a b", "", "B, a!", "é 中", "a" * 300], dtype=object)
        for _ in range(4):
            x = draws.choice(
                (texts, texts[:, None], texts.tolist(), "a b", [1, 2, 3], np.arange(6).reshape(2, 3),
                 np.array([0.5, np.nan]),
                 source.absurd(), [["a"], ["b", "c"]], (np.array(["a", "b"]), np.array(["c", "d"])), np.zeros((0, 2)))
            )  # fmt: skip
            with np.errstate(all="ignore"):
                if draws.random() < 0.3 and hasattr(layer, "adapt"):
                    judge(lambda la=layer, x=x: la.adapt(x), f"{what} adapt({x!r})"[:1200])
                judge(lambda la=layer, x=x: finish(la(x)), f"{what} on {x!r}"[:1200])


@pytest.mark.parametrize("seed", range(3))
def test_symbolic_calls_and_training(seed: int) -> None:
    """The same layers in a functional model, which is trained for a step, saved and fed piece by piece."""
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    for case in range(int(40 * SCALE)):
        source = Draw(draws.getrandbits(48))
        source.rarity = 100
        shape = (max(source.time, 1), max(source.features, 1))
        name = draws.choice(present(NAMES))

        def make(s: Draw = source, n: str = name, shape: tuple[int, ...] = shape) -> Any:
            inputs = keras.Input(draws.choice((shape, (None, shape[1]))))
            x = layers.Masking()(inputs) if draws.random() < 0.5 else inputs
            layer = s.layer(n)
            arguments = s.call_arguments(layer) if draws.random() < 0.2 else {}
            if "value" in arguments or n in ("MultiHeadAttention", "GroupQueryAttention"):
                arguments["value"] = x
            y = layer(x, **arguments)
            model = keras.Model(inputs, y)
            model.compile("adam", "mse")
            return model

        what = f"seed {seed} case {case}: {name} on {shape}"
        model = judge(make, what)
        if model is None or not isinstance(model.output_shape, tuple):
            continue
        x = source.array("float32", (2, *shape))
        with np.errstate(all="ignore"):
            y = judge(lambda m=model, x=x: m.predict(x, verbose=0), what)
            if isinstance(y, np.ndarray):
                judge(lambda m=model, x=x, y=y: m.fit(x, np.zeros_like(y), verbose=0), what)
            stream = judge(lambda m=model: m.stream(), what)
            for length in (1, 3, 0, 1):
                piece = source.array("float32", (draws.choice((2, 2, 1)), length, shape[1]))
                judge(lambda s=stream, p=piece: s and finish(s(p)), f"{what} stream")


@pytest.mark.parametrize("seed", range(2))
def test_generation(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    draws = random.Random(seed)
    models = list(small_models().values())
    x = keras.Input((None,), dtype="int32")
    y = layers.LSTM(5, return_sequences=True)(layers.Embedding(11, 4)(x))
    models.append(keras.Model(x, layers.Dense(11)(y)))
    for case in range(int(60 * SCALE)):
        source = Draw(draws.getrandbits(48))

        def pick(*values: Any, s: Draw = source) -> Any:
            return s.absurd() if s.odd() else draws.choice(values)

        prompt = pick([1], [1, 2, 3], np.arange(9), [], [11], [-1], [0.5], "text", np.zeros((2, 2)))
        options = {
            "length": pick(0, 1, 5, 20),
            "temperature": pick(1.0, 0.0, 0.1, 1e-30, -1, np.inf),
            "top_k": pick(None, 1, 5, 100, 0),
            "top_p": pick(None, 0.5, 1.0, 1e-9, 0.0, 2),
            "seed": pick(None, 1),
            "context_length": pick(None, 1, 4, 100, 0),
        }
        if not isinstance(options["length"], int) or options["length"] > 1000:
            options["length"] = "many"
        model = draws.choice(models)
        judge(
            lambda m=model, p=prompt, o=options: keras.text.generate(m, p, **o),
            f"case {case}: generate({prompt!r}, {options!r})",
        )


# -- files and configurations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_files_whose_content_is_wrong(kind: str, tmp_path: Path) -> None:
    """Checksums and structure are right; what the parts say is not."""
    path = tmp_path / "model.rv"
    model = small_models()[kind]
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(TOKENS, TOKENS[:, : model.output_shape[1]] if kind == "transformer" else TOKENS[:, 0], verbose=0)
    model.save(path)
    texts, groups = keras._core.io.read_archive(path)
    draws = random.Random(3)
    for case in range(int(60 * SCALE)):
        damaged = {name: json.dumps(mutate(json.loads(text), draws, PLAIN)) for name, text in texts.items()}
        tensors = dict(groups)
        name = draws.choice(list(tensors))
        fate = draws.randrange(4)
        if fate == 0:
            tensors[name] = tensors[name][1:]
        elif fate == 1:
            tensors[name] = [(n, ops.zeros(draws.choice(((), (0,), (3, 5))))) for n, _ in tensors[name]]
        what = f"case {case}: {damaged}"
        if judge(lambda d=damaged, t=tensors: keras._core.io.write_archive(path, d, t) or True, f"write {case}"):
            loaded = judge(lambda: keras.saving.load_model(path), what)
            if loaded is not None:
                judge(lambda m=loaded: m.predict(TOKENS, verbose=0), what)
                judge(lambda m=loaded: m.stream()(TOKENS[:, :2]), what)


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_damaged_files(kind: str, tmp_path: Path) -> None:
    model = small_models()[kind]
    path = tmp_path / "model.rv"
    model.save(path)
    whole = path.read_bytes()
    before = model.predict(TOKENS, verbose=0)
    draws = random.Random(0)
    for case in range(int(60 * SCALE)):
        data = bytearray(whole)
        for _ in range(draws.choice((1, 2, 16))):
            data[draws.randrange(len(data))] = draws.randrange(256)
        path.write_bytes(data[: draws.choice((len(data), draws.randrange(len(data))))])
        judge(lambda: keras.saving.load_model(path), f"case {case}")
        judge(lambda: model.load_weights(path), f"case {case}")
    path.write_bytes(whole)
    model.load_weights(path)
    np.testing.assert_array_equal(model.predict(TOKENS, verbose=0), before)


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_damaged_configurations(kind: str) -> None:
    config = small_models()[kind].get_config()
    draws = random.Random(1)
    for case in range(int(120 * SCALE)):
        broken = mutate(copy.deepcopy(config), draws, ABSURD)
        made = judge(lambda b=broken: keras.Model.from_config(b), f"case {case}: {broken}")
        if made is not None and made.built:
            judge(lambda m=made: m.predict(TOKENS, verbose=0), f"case {case}: {broken}")


FUNCTIONS: dict[str, Callable[[Draw], Any]] = {
    "pad_sequences": lambda s: keras.utils.pad_sequences(
        s.random.choice(([[1], [1, 2]], [[]], [], [[1.5], [2]], [["a"]], s.absurd())),
        maxlen=s.random.choice((None, 1, 5, 0, -1, s.absurd())),
        dtype=s.random.choice(("int32", "float32", "nonsense", object)),
        padding=s.random.choice(("pre", "post", "nonsense")),
        truncating=s.random.choice(("pre", "post", "nonsense")),
        value=s.random.choice((0, -1, 0.5, "a", s.absurd())),
    ),
    "timeseries": lambda s: list(
        keras.utils.timeseries_dataset_from_array(
            s.random.choice((np.arange(20.0), np.zeros((20, 3)), [], s.absurd())),
            s.random.choice((None, np.arange(20), [1], s.absurd())),
            s.random.choice((1, 5, 20, 99, 0, s.absurd())),
            sequence_stride=s.random.choice((1, 2, 0, s.absurd())),
            sampling_rate=s.random.choice((1, 3, 0)),
            batch_size=s.random.choice((1, 4, 128, 0)),
            start_index=s.random.choice((None, 0, 5, 99, -1)),
            end_index=s.random.choice((None, 10, 20, 99)),
        )
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    draws = random.Random(4)
    for case in range(int(80 * SCALE)):
        source = Draw(draws.getrandbits(48))
        with np.errstate(all="ignore"):
            judge(lambda s=source: FUNCTIONS[name](s) and None, f"case {case}: {name}")
