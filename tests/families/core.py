"""Dense and the layers that do next to nothing."""

from __future__ import annotations

from typing import Any

from families import Case, Family, Row

ACTIVATIONS = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("softsign", "sigmoid", "hard_sigmoid", "hard_silu", "tanh", "hard_tanh", "exponential", "softmax"),
    *("log_softmax", "log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "glu"),
    *("sparse_plus", "sparse_sigmoid"),  # no sparsemax: Keras's rows do not sum to 1
)


def gate_of_my_own(x: Any) -> Any:
    from ranvier import ops

    return ops.multiply(x, ops.sigmoid(x))


FAMILY = Family(
    contract=[
        Row("InputLayer", {"shape": (3,)}, (4, 3), (4, 3)),
        Row("Dense", {"units": 5, "activation": "relu"}, (4, 3), (4, 5)),
        Row("Dense", {"units": 5, "activation": gate_of_my_own}, (4, 2, 3), (4, 2, 5)),
        Row("Dense", {"units": 5}, (4, 2, 3), (4, 2, 5)),
        Row("Activation", {"activation": "tanh"}, (4, 3), (4, 3)),
        Row("Identity", {}, (4, 3), (4, 3)),
    ],
    golden={
        **{
            f"Dense-{name}": Case(
                "Dense",
                {"units": 4, "activation": name},
                (6, 5),
                tolerance=1e-7 if name == "hard_sigmoid" else 0.0,  # PyTorch's 1/6 is a float32 number
            )
            for name in ACTIVATIONS
        },
        "Dense-no-bias": Case("Dense", {"units": 3, "use_bias": False}, (6, 5)),
        "Dense-3d": Case("Dense", {"units": 3, "activation": "tanh"}, (4, 2, 5)),
        "Activation": Case("Activation", {"activation": "selu"}, (4, 3)),
        "Dense-mask": Case("Dense", {"units": 3, "activation": "relu"}, (4, 6, 5), mask=True),
        "Activation-mask": Case("Activation", {"activation": "tanh"}, (4, 6, 5), mask=True),
        "Identity-mask": Case("Identity", {}, (4, 6, 5), mask=True),
        "Identity": Case("Identity", {}, (4, 3)),
    },
    weights={"Dense": ["kernel", "bias"]},
    without_golden={
        "InputLayer": "it computes nothing",
        "Lambda": "it runs a function of the user's",
        "Operation": "it runs a function of ranvier.ops",
    },
    without_contract={
        "Lambda": "its function is code, which is not saved",
        "Operation": "it is called with any arguments; test_symbolic.py",
    },
)
