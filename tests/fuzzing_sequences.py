"""Random layers for sequences, with arguments, inputs, masks and states that fit, nearly fit, or make no sense."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import ranvier as keras
from fuzzing import TOO_LARGE, Source
from ranvier import layers, ops

RECURRENT = ("SimpleRNN", "LSTM", "GRU")
CELLS = ("SimpleRNNCell", "LSTMCell", "GRUCell")
ATTENTION = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention")
NAMES = (
    *RECURRENT, *RECURRENT, *CELLS, *ATTENTION, *ATTENTION,
    "RNN", "StackedRNNCells", "Bidirectional", "TimeDistributed", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
    "Embedding", "Masking", "RMSNormalization", "GroupNormalization", "UnitNormalization", "LayerNormalization",
    "EinsumDense", "ReversibleEmbedding", "PositionEmbedding", "SinusoidalPositionEmbedding", "SinePositionEncoding",
    "RotaryEmbedding", "Conv1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D",
)  # fmt: skip
TEXT = (
    "TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing", "Discretization",
    "CategoryEncoding",
)  # fmt: skip

SMALL = ("units", "num_heads", "key_dim", "value_dim", "head_dim", "num_query_heads", "num_key_value_heads", "filters",
         "output_dim", "input_dim", "groups", "sequence_length", "max_length", "max_sequence_length")  # fmt: skip
FLAGS = (
    "use_bias", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "reset_after", "mask_zero",
    "zero_output_for_mask", "unit_forget_bias", "use_causal_mask", "return_attention_scores", "use_scale", "use_gate",
    "flash_attention", "tie_weights", "center", "scale", "reverse", "sparse", "pad_to_max_tokens",
)  # fmt: skip
RATES = ("dropout", "recurrent_dropout", "seed", "epsilon", "max_wavelength", "scaling_factor")
CHOICES: dict[str, tuple[Any, ...]] = {
    "score_mode": ("dot", "concat", "nonsense"),
    "merge_mode": ("sum", "mul", "concat", "ave", None, "nonsense"),
    "attention_axes": (None, 1, (1,), (1, 2), 0, -1, 7),
    "output_shape": (None, 3, (2, 3), -1, (None,), 0),
    "equation": ("abc,cd->abd", "ab,bc->ac", "...x,xy->...y", "abc,cde->abde", "ab,ab->", "a->b->c", "", "aa,ab->b"),
    "bias_axes": (None, "d", "c", "de", "x", ""),
    "padding": ("valid", "same", "causal"),
    "output_mode": ("int", "one_hot", "multi_hot", "count", "tf_idf", "nonsense"),
    "vocabulary": (None, ["a", "b"], [1, 2], ["a", "a"], [], "abc", [""], ["a", 1]),
    "idf_weights": (None, [1.0, 2.0], [1.0], ["x"]),
    "standardize": (None, "lower", "strip_punctuation", "lower_and_strip_punctuation", "nonsense", lambda x: x),
    "split": (None, "whitespace", "character", "nonsense", lambda x: x),
    "ngrams": (None, 1, 2, (1, 3), 0, -1),
    "bin_boundaries": (None, [0.0, 1.0], [1.0, 0.0], [], [np.nan], ["a"]),
    "num_bins": (None, 1, 3, 10, 0, -1),
    "num_tokens": (None, 1, 4, 10, 0),
    "max_tokens": (None, 1, 3, 10, 0),
    "num_oov_indices": (0, 1, 2, -1),
    "oov_token": ("[UNK]", -1, None, "a"),
    "mask_token": (None, 0, "", "a"),
    "mask_value": (0.0, None, 1, "", float("nan")),
    "encoding": ("utf-8", "latin-1", "nonsense"),
    "salt": (None, 1, (1, 2), (1, 2, 3)),
    "kernel_size": (1, 2, 3, 0, (1, 2), 2**31),
    "strides": (1, 2, 0, (1, 2), 2**40),
    "dilation_rate": (1, 2, 0, 2**40),
    "data_format": (None, "channels_last", "channels_first"),
    "axis": (-1, 1, 2, 0, (1, 2), 9),
    "invert": (False, True),
    "dtype": (None, "float32", "float64", "int32", "nonsense"),
}


class Draw(Source):
    """What a layer for sequences may be given; one argument in `rarity` makes no sense."""

    rarity = 25

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        choose = self.random.choice
        self.batch, self.time, self.features = choose((1, 2, 3)), choose((1, 2, 5, 8, 40)), choose((1, 3, 4, 8))
        if self.random.random() < 0.05:
            self.batch, self.time, self.features = choose((0, 2)), choose((0, 3)), choose((0, 4))
        self.shape = (self.batch, self.time, self.features)

    def odd(self) -> bool:
        return self.random.randrange(self.rarity) == 0

    def setting(self, name: str) -> Any:
        """A value for an argument of a constructor; sizes are small, or more than any machine can fill."""
        value = self.any_setting(name)
        return TOO_LARGE if isinstance(value, int) and 10**5 < value < TOO_LARGE else value

    def any_setting(self, name: str) -> Any:
        choose = self.random.choice
        if self.odd():
            return self.absurd()
        if name in SMALL:
            return choose((1, 2, 2, 3, 4, 4, 8, self.features)) if not self.odd() else self.whole()
        if name in FLAGS:
            return choose((True, False))
        if name in CHOICES:
            return choose(CHOICES[name])
        if name in RATES:
            return choose((0.0, 0.0, 0.5, 1e-3)) if not self.odd() else self.number()
        if name.endswith("activation"):
            return choose((None, "relu", "tanh", "sigmoid", "gelu", "softmax", "linear", ops.tanh))
        if name.endswith("initializer"):
            return choose(("glorot_uniform", "orthogonal", "zeros", "ones"))
        if name.endswith("regularizer"):
            return choose((None, None, "l2", "l1_l2"))
        if name.endswith("constraint") or name in ("weights", "name", "trainable"):
            return None
        if name in ("cell", "layer", "cells", "backward_layer"):
            return self.inner(name)
        return self.number()

    def inner(self, name: str) -> Any:
        choose = self.random.choice
        if name in ("cell", "cells"):
            cells = [self.layer(choose(CELLS)) for _ in range(choose((1, 1, 2, 3)))]
            if name == "cells":
                return cells
            return choose((cells[0], cells[0], cells, layers.Dense(2)))
        if name == "backward_layer" and not self.odd():
            return None
        return self.layer(choose((*RECURRENT, "LSTM", "Dense", "Conv1D", "Embedding", "Flatten")))

    def layer(self, name: str) -> Any:
        """A layer of this class."""
        of = getattr(layers, name)
        arguments = {}
        for key, parameter in inspect.signature(of).parameters.items():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            if parameter.default is parameter.empty or self.random.random() < 0.3:
                arguments[key] = self.setting(key)
        if self.random.random() < 0.04:
            arguments[self.random.choice(("dtype", "unknown", "input_shape"))] = self.absurd()
        return of(**arguments)

    # -- calls ----------------------------------------------------------------------------------------------------

    def inputs(self, name: str) -> Any:
        """Something to call a layer of this class on."""
        choose = self.random.choice
        if self.random.random() < 0.06:
            return choose((self.tensor(), self.array(), self.absurd(), [self.tensor(), self.tensor()], self.tensor()))
        if name in ("Embedding", "ReversibleEmbedding") and not self.odd():
            return self.tokens(choose((1, 1, 2, 9)))
        if name.startswith("ConvLSTM"):
            return self.array("float32", (self.batch, self.time, *(choose((1, 3, 5)) for _ in range(int(name[8]))), 2))
        if name in CELLS or name == "StackedRNNCells":
            return self.array("float32", (self.batch, self.features))
        if name in ("Attention", "AdditiveAttention"):
            return [self.sequence(same_size=True) for _ in range(choose((2, 2, 3, 1)))]
        return self.sequence()

    def sequence(self, same_size: bool = False) -> np.ndarray:
        x = self.array(self.random.choice(("float32", "float32", "float64")), self.shape)
        if self.random.random() < 0.15:
            x = self.array("float32", (self.batch, self.random.choice((1, 3, 7)), self.features))
        if self.random.random() < 0.05 and not same_size:
            x = self.array("float32", self.small_shape())
        return x

    def tokens(self, above: int = 1) -> np.ndarray:
        """Mostly indices from 0 on."""
        low = 0 if not self.odd() else self.random.choice((-1, 2**31))
        draw = np.random.default_rng(self.random.getrandbits(32))
        return draw.integers(low, low + above, (self.batch, self.time))

    def mask(self, *shape: int) -> Any:
        if self.odd():
            return self.random.choice((self.absurd(), self.array(), np.ones(self.small_shape(), bool)))
        draw = np.random.default_rng(self.random.getrandbits(32))
        made = draw.random(shape) < self.random.choice((0.0, 0.5, 0.9, 1.0))
        return self.random.choice((made, made, ops.convert_to_tensor(made), made.tolist(), made.astype("float32")))

    def states(self, units: Any) -> Any:
        width = units if isinstance(units, int) and 0 < units < 100 else 2
        count = self.random.choice((1, 2, 2, 3))
        made = [self.array("float32", (self.batch, width)) for _ in range(count)]
        return made if not self.odd() else self.random.choice((made[0], None, [None, None], self.absurd()))

    def call_arguments(self, layer: Any) -> dict[str, Any]:
        """Further arguments of the call, by the names that the layer knows."""
        drawn: dict[str, Callable[[], Any]] = {
            "mask": lambda: self.mask(self.batch, self.time),
            "initial_state": lambda: self.states(getattr(layer, "units", None)),
            "states": lambda: self.states(getattr(layer, "units", None)),
            "key": self.sequence,
            "value": self.sequence,
            "query_mask": lambda: self.mask(self.batch, self.time),
            "value_mask": lambda: self.mask(self.batch, self.time),
            "key_mask": lambda: self.mask(self.batch, self.time),
            "attention_mask": lambda: self.random.choice(
                (self.mask(self.batch, self.time, self.time), self.mask(1, self.time, self.time), self.mask(self.time))
            ),
            "use_causal_mask": self.flag,
            "return_attention_scores": self.flag,
            "training": lambda: self.random.choice((True, False, None)),
            "start_index": self.whole,
            "reverse": self.flag,
            "positions": lambda: self.tokens(self.time + 1),
        }
        arguments = {}
        needed = type(layer).__name__ in ("MultiHeadAttention", "GroupQueryAttention", *CELLS, "StackedRNNCells")
        for name in inspect.signature(layer.call).parameters:
            likely = 0.9 if needed and name in ("value", "states") else 0.2
            if name in drawn and self.random.random() < likely:
                arguments[name] = drawn[name]()
        if self.odd():
            arguments[self.random.choice(("mask", "unknown", "initial_state"))] = self.absurd()
        return arguments


def present(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if hasattr(layers, name)]


def small_models() -> dict[str, Any]:
    """Models of layers for sequences, whose files and configurations are damaged by the tests."""
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(11, 8, mask_zero=True)(tokens)
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True)
    transformer = keras.Model(tokens, layers.Dense(11)(layers.Add()([x, y])))
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(11, 8, mask_zero=True)(tokens)
    x, h, c = layers.LSTM(5, return_sequences=True, return_state=True)(x)
    x = layers.Bidirectional(layers.GRU(5, return_sequences=True))(x)
    x = layers.LSTM(5)(x, initial_state=[h, c])
    return {"transformer": transformer, "recurrent": keras.Model(tokens, layers.Dense(11)(x))}
