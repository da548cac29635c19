"""The networks in Keras's words: the same lines build them for Keras and for ranvier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import networks as nets
from workloads import Workload


def run_layer(keras: Any, layer: object, x: Any) -> Any:
    """The symbolic output of one layer."""
    make = keras.layers
    match layer:
        case nets.Dense(units=units, activation=activation):
            return make.Dense(units, activation=activation)(x)
        case nets.Conv(filters, kernel, stride, padding, activation, bias):
            return make.Conv2D(filters, kernel, stride, padding, activation=activation, use_bias=bias)(x)
        case nets.Depthwise(kernel=kernel, stride=stride):
            return make.DepthwiseConv2D(kernel, stride, "same", use_bias=False)(x)
        case nets.BatchNorm():
            return make.BatchNormalization()(x)
        case nets.Relu():
            return make.Activation("relu")(x)
        case nets.MaxPool(size=size):
            return make.MaxPooling2D(size)(x)
        case nets.GlobalAverage():
            return make.GlobalAveragePooling2D()(x)
        case nets.Flatten():
            return make.Flatten()(x)
        case nets.Dropout(rate=rate):
            return make.Dropout(rate)(x)
        case nets.Embedding(vocabulary=vocabulary, units=units):
            return make.Embedding(vocabulary, units)(x)
        case nets.Recurrent(kind=kind, units=units):
            return getattr(make, kind)(units, return_sequences=True)(x)
        case nets.Positions():
            return make.Add()([x, make.PositionEmbedding(x.shape[1])(x)])
        case nets.LayerNorm():
            return make.LayerNormalization(epsilon=1e-5)(x)
        case nets.TransformerBlock(heads=heads):
            width = x.shape[-1]
            y = make.LayerNormalization(epsilon=1e-5)(x)
            x = make.Add()([x, make.MultiHeadAttention(heads, width // heads)(y, y, use_causal_mask=True)])
            y = make.LayerNormalization(epsilon=1e-5)(x)
            return make.Add()([x, make.Dense(width)(make.Dense(4 * width, activation="gelu")(y))])
        case nets.Residual(main=main, shortcut=shortcut):
            total = make.Add()([run_layers(keras, main, x), run_layers(keras, shortcut, x)])
            return make.Activation("relu")(total)
    raise TypeError(f"unknown layer {layer!r}")


def run_layers(keras: Any, layers: nets.Layers, x: Any) -> Any:
    for layer in layers:
        x = run_layer(keras, layer, x)
    return x


def build(keras: Any, w: Workload) -> Any:
    """The model, not compiled."""
    inputs = keras.Input(w.input_shape, dtype="float32" if w.vocabulary is None else "int32")
    return keras.Model(inputs, run_layers(keras, w.layers, inputs))


def epoch_runner(keras: Any, w: Workload) -> Callable[[], None]:
    """`fit` for one epoch."""
    x, y = w.data()
    model = build(keras, w)
    loss = "mse" if w.loss == "mse" else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return lambda: model.fit(x, y, batch_size=w.batch, epochs=1, shuffle=False, verbose=0)


def row_calls(keras: Any, w: Workload, row: np.ndarray) -> dict[str, Callable[[], object]]:
    model = build(keras, w)
    return {"predict": lambda: model.predict(row, verbose=0), "model(x)": lambda: model(row)}
