"""Recurrent layers, their cells, and what is around them."""

from __future__ import annotations

from typing import Any

from families import Bits, Family, Inner, Row
from families import Case as AnyCase

X = (4, 6, 3)  # the masks of four rows: full, padded, with holes, full
STATE = (4, 5)
ONE, TWO = {"initial_state": [STATE]}, {"initial_state": [STATE, STATE]}
MASK = Bits((4, 6))
SEQ = {"return_sequences": True}
ALL = {"return_sequences": True, "return_state": True}
CELL = ["kernel", "recurrent_kernel", "bias"]


def Case(*args: Any, **kwargs: Any) -> AnyCase:
    """A case with weights that neither blow up nor vanish over the time steps."""
    return AnyCase(*args, spread=0.5, **kwargs)


def under(prefix: str, names: list[str] = CELL) -> list[str]:
    return [f"{prefix}/{name}" for name in names]


def minimal_cell(module: Any) -> Any:
    """A cell of one's own: ``h' = tanh(x @ kernel) + h @ recurrent``, the output is twice that."""

    class MinimalCell(module.layers.Layer):  # type: ignore[name-defined,misc]
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
            self.built = True

        def call(self, inputs: Any, states: Any) -> Any:
            matmul = module.ops.matmul
            h = module.ops.tanh(matmul(inputs, self.kernel)) + matmul(states[0], self.recurrent)
            return h * 2, [h]

    return MinimalCell


def variants(name: str, states: dict[str, Any], further: dict[str, dict[str, Any]]) -> dict[str, AnyCase]:
    """One layer over its options."""
    cases = {
        name: Case(name, {"units": 5}, X),
        f"{name}-one-step": Case(name, {"units": 5, **ALL}, (4, 1, 3)),
        f"{name}-sequences": Case(name, {"units": 5, **SEQ}, X),
        f"{name}-states": Case(name, {"units": 5, **ALL}, X),
        f"{name}-backwards": Case(name, {"units": 5, **ALL, "go_backwards": True}, X),
        f"{name}-initial": Case(name, {"units": 5, **ALL}, X, call=states),
        f"{name}-mask": Case(name, {"units": 5}, X, mask=True),
        f"{name}-mask-sequences": Case(name, {"units": 5, **ALL}, X, mask=True),
        f"{name}-mask-initial": Case(name, {"units": 5, **ALL}, X, call={**states, "mask": MASK}),
        f"{name}-mask-backwards": Case(
            name, {"units": 5, **ALL, "go_backwards": True}, X, call={**states, "mask": MASK}
        ),
        f"{name}-mask-zero": Case(name, {"units": 5, **ALL, "zero_output_for_mask": True}, X, mask=True),
        f"{name}-no-bias": Case(name, {"units": 5, "use_bias": False, **SEQ}, X, mask=True),
        f"{name}-relu": Case(name, {"units": 5, "activation": "relu", **SEQ}, X),
        f"{name}-linear": Case(name, {"units": 5, "activation": None, **SEQ}, X),
        f"{name}-softmax": Case(name, {"units": 5, "activation": "softmax", **ALL}, X, call={**states, "mask": MASK}),
        f"{name}-unroll": Case(name, {"units": 5, "unroll": True, **SEQ}, X),
    }
    return cases | {
        f"{name}-{label}": Case(name, {"units": 5, **given}, X, mask=True) for label, given in further.items()
    }


GATES = {
    "tanh": {"recurrent_activation": "tanh", **SEQ},
    "gelu": {"activation": "gelu", "recurrent_activation": "relu", **ALL},
    "gates-softmax": {"recurrent_activation": "softmax", **SEQ},
}
VIDEO = (3, 3, 4, 5, 2)
CUBES = [(2, 2, 2, 2, 2, 1), (2, 2, 2, 2, 1), (2, 2, 2, 2, 1)]
FIVE = Inner("LSTMCell", {"units": 5})
INNER = {"units": 5, "name": "inner"}

FAMILY = Family(
    contract=[
        Row("SimpleRNN", {"units": 5}, X, STATE),
        Row("SimpleRNN", {"units": 5, **SEQ}, X, (4, 6, 5), mask=True),
        Row("LSTM", {"units": 5}, X, STATE),
        Row("LSTM", {"units": 5, **ALL}, X, [(4, 6, 5), STATE, STATE], mask=True),
        Row("LSTM", {"units": 5, "go_backwards": True}, X, STATE, call=TWO),
        Row("GRU", {"units": 5}, X, STATE),
        Row("GRU", {"units": 5, "activation": "softmax", **ALL}, X, [(4, 6, 5), STATE], mask=True),
        Row("SimpleRNNCell", {"units": 5}, (4, 3), [STATE, STATE], call={"states": [STATE]}),
        Row("LSTMCell", {"units": 5}, (4, 3), [STATE, STATE, STATE], call={"states": [STATE, STATE]}),
        Row("GRUCell", {"units": 5}, (4, 3), [STATE, STATE], call={"states": [STATE]}),
        Row("RNN", {"cell": Inner("LSTMCell", INNER), **SEQ}, X, (4, 6, 5), mask=True),
        Row("RNN", {"cell": Inner("LSTMCell", {**INNER, "activation": "softmax"})}, X, STATE, mask=True),
        Row("Bidirectional", {"layer": Inner("LSTM", INNER)}, X, (4, 10)),
        Row("Bidirectional", {"layer": Inner("LSTM", {**INNER, **SEQ}), "merge_mode": "sum"}, X, (4, 6, 5), mask=True),
        Row("Bidirectional", {"layer": Inner("LSTM", INNER), "merge_mode": None}, X, [STATE, STATE]),
        Row("TimeDistributed", {"layer": Inner("Dense", INNER)}, X, (4, 6, 5)),
        Row("ConvLSTM1D", {"filters": 2, "kernel_size": 3}, (2, 3, 6, 2), (2, 4, 2)),
        Row("ConvLSTM2D", {"filters": 2, "kernel_size": 3, **SEQ}, (2, 3, 4, 5, 2), (2, 3, 2, 3, 2), mask=True),
        Row("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "activation": "softmax"}, (2, 3, 3, 3, 1), (2, 2, 2, 2)),
        Row("ConvLSTM3D", {"filters": 1, "kernel_size": 2, **ALL}, (2, 2, 3, 3, 3, 1), CUBES),
    ],
    golden={
        **variants("SimpleRNN", ONE, {"gelu": {"activation": "gelu", **SEQ}}),
        **variants("LSTM", TWO, GATES),
        **variants("GRU", ONE, GATES | {"first": {"reset_after": False, **ALL}}),
        "GRU-first-no-bias": Case("GRU", {"units": 5, "reset_after": False, "use_bias": False, **SEQ}, X),
        "GRU-first-softmax": Case("GRU", {"units": 5, "reset_after": False, "activation": "softmax"}, X),
        "SimpleRNNCell": Case("SimpleRNNCell", {"units": 5}, (4, 3), call={"states": [STATE]}),
        "LSTMCell": Case("LSTMCell", {"units": 5}, (4, 3), call={"states": [STATE, STATE]}),
        "LSTMCell-softmax": Case(
            "LSTMCell", {"units": 5, "activation": "softmax"}, (4, 3), call={"states": [STATE, STATE]}
        ),
        "GRUCell": Case("GRUCell", {"units": 5}, (4, 3), call={"states": [STATE]}),
        "GRUCell-first": Case("GRUCell", {"units": 5, "reset_after": False}, (4, 3), call={"states": [STATE]}),
        "StackedRNNCells": Case(
            "StackedRNNCells",
            {"cells": [Inner("LSTMCell", {"units": 5}), Inner("GRUCell", {"units": 2})]},
            (4, 3),
            call={"states": [[STATE, STATE], [(4, 2)]]},
        ),
        **{
            f"RNN-{cell}": Case("RNN", {"cell": Inner(cell, {"units": 5}), **ALL}, X, call={**states, "mask": MASK})
            for cell, states in {"SimpleRNNCell": ONE, "LSTMCell": TWO, "GRUCell": ONE}.items()
        },
        **{
            f"RNN-{label}{suffix}": Case("RNN", {"cell": cells, **options}, X, mask=masked)
            for label, cells in {
                "stack": [Inner("LSTMCell", {"units": 5}), Inner("GRUCell", {"units": 2})],
                "stack-softmax": [
                    Inner("LSTMCell", {"units": 5}),
                    Inner("GRUCell", {"units": 2, "activation": "softmax"}),
                ],
                "custom": Inner(minimal_cell, {"units": 5}),
                "stack-custom": [Inner(minimal_cell, {"units": 5}), Inner("LSTMCell", {"units": 2})],
            }.items()
            for suffix, options, masked in [
                ("", {}, False),
                ("-mask", ALL, True),
                ("-backwards", {**ALL, "go_backwards": True}, True),
                ("-zero", {**SEQ, "zero_output_for_mask": True}, True),
            ]
        },
        **{
            f"Bidirectional-{mode}{suffix}": Case(
                "Bidirectional", {"layer": Inner("LSTM", {"units": 5, **options}), "merge_mode": mode}, X, mask=masked
            )
            for mode in ("concat", "sum", "mul", "ave", None)
            for suffix, options, masked in [("", {}, False), ("-sequences", SEQ, True), ("-states", ALL, False)]
        },
        "Bidirectional-initial": Case(
            "Bidirectional", {"layer": Inner("GRU", {"units": 5, **ALL})}, X, call={"initial_state": [STATE, STATE]}
        ),
        "Bidirectional-two": Case(
            "Bidirectional",
            {
                "layer": Inner("LSTM", {"units": 5, **SEQ}),
                "backward_layer": Inner("GRU", {"units": 2, "go_backwards": True, **SEQ}),
            },
            X,
            mask=True,
        ),
        "Bidirectional-softmax": Case(
            "Bidirectional", {"layer": Inner("LSTM", {"units": 5, "activation": "softmax", **SEQ})}, X, mask=True
        ),
        "Bidirectional-cells": Case(
            "Bidirectional", {"layer": Inner("RNN", {"cell": Inner("LSTMCell", {"units": 5}), **SEQ})}, X, mask=True
        ),
        "TimeDistributed": Case("TimeDistributed", {"layer": Inner("Dense", {"units": 5})}, X, mask=True),
        **{
            f"ConvLSTM2D-{label}": Case(
                "ConvLSTM2D", {"filters": 2, "kernel_size": 3, **given}, (3, 3, 4, 5, 2), **call
            )
            for label, given, call in [
                ("last", {}, {}),
                ("sequences", ALL, {}),
                ("same", {"padding": "same", **SEQ}, {"mask": True}),
                ("strides", {"strides": (1, 2), "padding": "same", "go_backwards": True, **SEQ}, {"mask": True}),
                ("dilation", {"kernel_size": 2, "dilation_rate": 2, "use_bias": False}, {"mask": True}),
                ("zero", {"zero_output_for_mask": True, **SEQ}, {"mask": True}),
                ("relu", {"activation": "relu", "recurrent_activation": "tanh", **SEQ}, {}),
                ("softmax", {"activation": "softmax", **SEQ}, {"mask": True}),
                ("initial", ALL, {"call": {"initial_state": [(3, 2, 3, 2)] * 2, "mask": Bits((3, 3))}}),
            ]
        },
        "ConvLSTM1D": Case("ConvLSTM1D", {"filters": 2, "kernel_size": 3, **ALL}, (3, 3, 6, 2)),
        "ConvLSTM3D": Case("ConvLSTM3D", {"filters": 2, "kernel_size": 2, **SEQ}, (3, 2, 3, 3, 3, 2), mask=True),
        "TimeDistributed-conv": Case(
            "TimeDistributed", {"layer": Inner("Conv2D", {"filters": 2, "kernel_size": 3})}, (2, 3, 5, 5, 2)
        ),
        "TimeDistributed-lstm": Case("TimeDistributed", {"layer": Inner("LSTM", {"units": 2})}, (2, 3, 4, 2)),
        "TimeDistributed-norm": Case("TimeDistributed", {"layer": Inner("BatchNormalization")}, X, training=True),
        "TimeDistributed-twice": Case(
            "TimeDistributed",
            {"layer": Inner("TimeDistributed", {"layer": Inner("Dense", {"units": 5})})},
            (2, 3, 4, 2),
        ),
        "TimeDistributed-custom": Case(
            "TimeDistributed", {"layer": Inner("Dense", {"units": 5, "activation": "softmax"})}, X
        ),
    },
    weights={
        **{f"ConvLSTM{n}D": CELL for n in (1, 2, 3)},
        **{f"{name}{cell}": CELL for name in ("SimpleRNN", "LSTM", "GRU") for cell in ("", "Cell")},
        "RNN": under("inner"),
        "Bidirectional": [*under("forward_inner"), *under("backward_inner")],
        "TimeDistributed": ["inner/kernel", "inner/bias"],
    },
    without_contract={"StackedRNNCells": "its weights are those of its cells, whose paths RNN shows"},
)
