"""
The engine's operations over tensors.
"""
from __future__ import annotations
import collections.abc
import ranvier._core
import typing
__all__: list[str] = ['adaptive_average_pool', 'adaptive_max_pool', 'all', 'any', 'arange', 'argmax', 'argmin', 'attention', 'average_pool', 'binary', 'broadcast_to', 'cast', 'compare', 'concatenate', 'conv', 'conv_transpose', 'ctc_beam_search', 'ctc_loss', 'cumsum', 'dense', 'depthwise_conv', 'dropout', 'einsum', 'expand_dims', 'flip', 'full', 'gather', 'glu', 'l1l2_penalty', 'layer_norm', 'log_softmax', 'masked_softmax', 'matmul', 'max', 'max_pool', 'mean', 'min', 'one_hot', 'pad', 'prelu', 'prod', 'random_integers', 'random_normal', 'random_permutation', 'random_uniform', 'repeat', 'reshape', 'resize', 'rms_norm', 'rnn', 'separable_conv', 'slice', 'softmax', 'sparsemax', 'squeeze', 'stack', 'stop_gradient', 'sum', 'top_k', 'transpose', 'unary', 'variance', 'where']
def adaptive_average_pool(x: ranvier._core.Tensor, output_size: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> ranvier._core.Tensor:
    ...
def adaptive_max_pool(x: ranvier._core.Tensor, output_size: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> ranvier._core.Tensor:
    ...
def all(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def any(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def arange(start: typing.SupportsFloat | typing.SupportsIndex, stop: typing.SupportsFloat | typing.SupportsIndex, step: typing.SupportsFloat | typing.SupportsIndex, dtype: str) -> ranvier._core.Tensor:
    ...
def argmax(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex, keepdims: bool = False) -> ranvier._core.Tensor:
    ...
def argmin(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex, keepdims: bool = False) -> ranvier._core.Tensor:
    ...
def attention(q: ranvier._core.Tensor, k: ranvier._core.Tensor, v: ranvier._core.Tensor, mask: ranvier._core.Tensor | None, scale: typing.SupportsFloat | typing.SupportsIndex, causal: bool) -> ranvier._core.Tensor:
    """
    softmax(scale·q·kᵀ)·v by heads, (batch, time, heads, size); the mask repeats over (batch, heads, Tq, Tk).
    """
def average_pool(x: ranvier._core.Tensor, size: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], same: bool) -> ranvier._core.Tensor:
    """
    Pools the axes between the first and the last.
    """
def binary(name: str, x1: ranvier._core.Tensor, x2: ranvier._core.Tensor) -> ranvier._core.Tensor:
    """
    Broadcasting arithmetic by name.
    """
def broadcast_to(x: ranvier._core.Tensor, shape: typing.Any) -> ranvier._core.Tensor:
    ...
def cast(x: ranvier._core.Tensor, dtype: str) -> ranvier._core.Tensor:
    """
    The values as another dtype.
    """
def compare(name: str, x1: ranvier._core.Tensor, x2: ranvier._core.Tensor) -> ranvier._core.Tensor:
    """
    A broadcasting comparison by name.
    """
def concatenate(xs: collections.abc.Sequence[ranvier._core.Tensor], axis: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    ...
def conv(x: ranvier._core.Tensor, kernel: ranvier._core.Tensor, strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], padding: str | collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], dilation: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], channels_first: bool) -> ranvier._core.Tensor:
    """
    A convolution; strides and dilation have a number for each spatial axis.
    """
def conv_transpose(x: ranvier._core.Tensor, kernel: ranvier._core.Tensor, strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], padding: str | collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], output_padding: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], dilation: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], channels_first: bool) -> ranvier._core.Tensor:
    """
    A transposed convolution; output_padding may be empty.
    """
def ctc_beam_search(logits: ranvier._core.Tensor, steps: ranvier._core.Tensor, width: typing.SupportsInt | typing.SupportsIndex, top: typing.SupportsInt | typing.SupportsIndex, blank: typing.SupportsInt | typing.SupportsIndex) -> tuple[ranvier._core.Tensor, ranvier._core.Tensor]:
    ...
def ctc_loss(labels: ranvier._core.Tensor, logits: ranvier._core.Tensor, lengths: ranvier._core.Tensor, steps: ranvier._core.Tensor, blank: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    ...
def cumsum(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    ...
def dense(x: ranvier._core.Tensor, kernel: ranvier._core.Tensor, bias: ranvier._core.Tensor | None, activation: str = 'identity', a: typing.SupportsFloat | typing.SupportsIndex = 0.0, b: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> ranvier._core.Tensor:
    """
    f(x·kernel + bias) in one pass.
    """
def depthwise_conv(x: ranvier._core.Tensor, kernel: ranvier._core.Tensor, strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], padding: str | collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], dilation: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], channels_first: bool) -> ranvier._core.Tensor:
    """
    A convolution; strides and dilation have a number for each spatial axis.
    """
def dropout(x: ranvier._core.Tensor, rate: typing.SupportsFloat | typing.SupportsIndex, noise_shape: typing.Any = None, seed: typing.SupportsInt | typing.SupportsIndex | None = None) -> ranvier._core.Tensor:
    ...
def einsum(equation: str, xs: collections.abc.Sequence[ranvier._core.Tensor]) -> ranvier._core.Tensor:
    """
    Sums of products in Einstein's notation.
    """
def expand_dims(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    ...
def flip(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> ranvier._core.Tensor:
    ...
def full(shape: typing.Any, value: typing.SupportsFloat | typing.SupportsIndex, dtype: str = 'float32') -> ranvier._core.Tensor:
    ...
def gather(x: ranvier._core.Tensor, indices: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex = 0) -> ranvier._core.Tensor:
    ...
def glu(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex = -1) -> ranvier._core.Tensor:
    """
    Gated linear unit.
    """
def l1l2_penalty(x: ranvier._core.Tensor, l1: typing.SupportsFloat | typing.SupportsIndex, l2: typing.SupportsFloat | typing.SupportsIndex) -> ranvier._core.Tensor:
    """
    l1·Σ|x| + l2·Σx².
    """
def layer_norm(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], epsilon: typing.SupportsFloat | typing.SupportsIndex, gamma: ranvier._core.Tensor | None = None, beta: ranvier._core.Tensor | None = None) -> ranvier._core.Tensor:
    """
    Normalises over these axes; gamma and beta have their sizes, in ascending order.
    """
def log_softmax(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex = -1) -> ranvier._core.Tensor:
    ...
def masked_softmax(scores: ranvier._core.Tensor, mask: ranvier._core.Tensor | None, causal: bool) -> ranvier._core.Tensor:
    """
    Softmax over the last axis of (batch, heads, Tq, Tk) without hidden keys; zeros where all are hidden.
    """
def matmul(a: ranvier._core.Tensor, b: ranvier._core.Tensor, transpose_a: bool = False, transpose_b: bool = False) -> ranvier._core.Tensor:
    """
    Matrix product over the last two axes.
    """
def max(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def max_pool(x: ranvier._core.Tensor, size: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], same: bool) -> ranvier._core.Tensor:
    """
    Pools the axes between the first and the last.
    """
def mean(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def min(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def one_hot(indices: ranvier._core.Tensor, classes: typing.SupportsInt | typing.SupportsIndex, dtype: str = 'float32') -> ranvier._core.Tensor:
    ...
def pad(x: ranvier._core.Tensor, widths: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], value: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> ranvier._core.Tensor:
    ...
def prelu(x: ranvier._core.Tensor, slope: ranvier._core.Tensor) -> ranvier._core.Tensor:
    """
    max(x, 0) + slope·min(x, 0).
    """
def prod(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def random_integers(shape: typing.Any, low: typing.SupportsInt | typing.SupportsIndex, high: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex | None = None) -> ranvier._core.Tensor:
    ...
def random_normal(shape: typing.Any, mean: typing.SupportsFloat | typing.SupportsIndex, stddev: typing.SupportsFloat | typing.SupportsIndex, truncated: bool, dtype: str, seed: typing.SupportsInt | typing.SupportsIndex | None = None) -> ranvier._core.Tensor:
    ...
def random_permutation(n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex | None = None) -> ranvier._core.Tensor:
    ...
def random_uniform(shape: typing.Any, low: typing.SupportsFloat | typing.SupportsIndex, high: typing.SupportsFloat | typing.SupportsIndex, dtype: str, seed: typing.SupportsInt | typing.SupportsIndex | None = None) -> ranvier._core.Tensor:
    ...
def repeat(x: ranvier._core.Tensor, n: typing.SupportsInt | typing.SupportsIndex, axis: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    """
    n copies along a new axis.
    """
def reshape(x: ranvier._core.Tensor, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> ranvier._core.Tensor:
    ...
def resize(x: ranvier._core.Tensor, size: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], interpolation: str = 'bilinear', antialias: bool = False) -> ranvier._core.Tensor:
    """
    Resamples the axes between the first and the last.
    """
def rms_norm(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], epsilon: typing.SupportsFloat | typing.SupportsIndex, scale: ranvier._core.Tensor | None = None) -> ranvier._core.Tensor:
    """
    x·scale divided by the root mean square over these axes.
    """
def rnn(cell: str, x: ranvier._core.Tensor, kernel: ranvier._core.Tensor, recurrent_kernel: ranvier._core.Tensor, bias: ranvier._core.Tensor | None = None, h: ranvier._core.Tensor | None = None, c: ranvier._core.Tensor | None = None, mask: ranvier._core.Tensor | None = None, recurrent_dropout: ranvier._core.Tensor | None = None, activation: str = 'tanh', recurrent_activation: str = 'sigmoid', go_backwards: bool = False, return_sequences: bool = False, zero_output_for_mask: bool = False) -> list[ranvier._core.Tensor]:
    """
    A recurrent layer over x (batch, time, features): [output, h] or, for an lstm, [output, h, c].
    """
def separable_conv(x: ranvier._core.Tensor, depthwise: ranvier._core.Tensor, pointwise: ranvier._core.Tensor, strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], padding: str | collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]], dilation: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], channels_first: bool) -> ranvier._core.Tensor:
    """
    A depthwise convolution and a 1x1 one.
    """
def slice(x: ranvier._core.Tensor, ranges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex | None, typing.SupportsInt | typing.SupportsIndex | None, typing.SupportsInt | typing.SupportsIndex]]) -> ranvier._core.Tensor:
    """
    x[start:stop:step, ...] with one (start, stop, step) per axis.
    """
def softmax(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex = -1) -> ranvier._core.Tensor:
    ...
def sparsemax(x: ranvier._core.Tensor, axis: typing.SupportsInt | typing.SupportsIndex = -1) -> ranvier._core.Tensor:
    ...
def squeeze(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = []) -> ranvier._core.Tensor:
    ...
def stack(xs: collections.abc.Sequence[ranvier._core.Tensor], axis: typing.SupportsInt | typing.SupportsIndex) -> ranvier._core.Tensor:
    ...
def stop_gradient(x: ranvier._core.Tensor) -> ranvier._core.Tensor:
    """
    The same values without history.
    """
def sum(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def top_k(x: ranvier._core.Tensor, k: typing.SupportsInt | typing.SupportsIndex) -> tuple[ranvier._core.Tensor, ranvier._core.Tensor]:
    ...
def transpose(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = []) -> ranvier._core.Tensor:
    ...
def unary(name: str, x: ranvier._core.Tensor, a: typing.SupportsFloat | typing.SupportsIndex = 0.0, b: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> ranvier._core.Tensor:
    """
    An elementwise function by name.
    """
def variance(x: ranvier._core.Tensor, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [], keepdims: bool = False) -> ranvier._core.Tensor:
    """
    Reduces over `axes`; all when empty.
    """
def where(condition: ranvier._core.Tensor, x1: ranvier._core.Tensor, x2: ranvier._core.Tensor) -> ranvier._core.Tensor:
    """
    condition ? x1 : x2.
    """
