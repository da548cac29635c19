"""EinsumDense: a Dense layer whose axes are named."""

from __future__ import annotations

from typing import Any

from ranvier import activations, initializers, regularizers
from ranvier.layers._checks import positive_int
from ranvier.layers.base import registry
from ranvier.layers.native import NativeLayer


@registry.register()
class EinsumDense(NativeLayer):
    """``activation(einsum(equation, x, kernel) + bias)``: a Dense layer over axes of one's choice.

    ``EinsumDense("abc,cde->abde", (None, 4, 16), bias_axes="de")`` takes ``(batch, time, features)`` to
    ``(batch, time, 4, 16)``. The kernel's shape follows from the equation. Where the letters only have to be
    flattened the layer is one product; otherwise axes are moved first.

    Args:
        equation: ``"ab,bc->ac"``, with the batch as the first letter of input and output, or ``"...ab,bc->...ac"`` or
            ``"ab...,bc->ac..."``.
        output_shape: sizes of the output's letters (behind the batch, unless an ellipsis stands for it); None where
            the input tells. An int if there is one.
        activation: name, function or layer; default none.
        bias_axes: letters of the output that the bias has; default no bias.
        kernel_initializer: default ``"glorot_uniform"``, scaled by the letters summed over and those of the output.
        bias_initializer: default ``"zeros"``.
        kernel_regularizer: penalty on the kernel.
        bias_regularizer: penalty on the bias.
        activity_regularizer: penalty on the output.
        **kwargs: name, dtype, trainable.

    Raises:
        ValueError: an equation of another form, or sizes that do not go with it.
    """

    _arguments = (
        "equation",
        "output_shape",
        "activation",
        "bias_axes",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
    )
    _weight_names = ("kernel", "bias")

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for argument, value in (("equation", equation), ("bias_axes", bias_axes)):
            if not isinstance(value, str) and (argument == "equation" or value is not None):
                raise ValueError(f"[{self.name}] {argument}: expected a string, received {value!r:.200}.")
        sizes = output_shape if isinstance(output_shape, list | tuple) else [output_shape]
        self.equation = equation
        self.output_shape = tuple(None if d is None else positive_int(d, self.name, "output_shape") for d in sizes)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes or None
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self._native()  # says at once what is wrong with the equation

    @property
    def partial_output_shape(self) -> tuple[int | None, ...]:
        """`output_shape` as it was given: Keras's name for it."""
        return self.output_shape


__all__ = ["EinsumDense"]
