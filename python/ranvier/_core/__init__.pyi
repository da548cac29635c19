"""
The compiled engine of ranvier: tensors, ops, layers, optimizers and the training step.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
from . import ops
from . import io
__all__: list[str] = ['Graph', 'Layer', 'Loss', 'Optimizer', 'PythonLayer', 'PythonLoss', 'Sequential', 'Stream', 'Tensor', 'Trainer', 'Variable', 'as_tensor', 'build_info', 'from_dlpack', 'get_num_threads', 'get_random_state', 'gradients', 'initialize', 'io', 'is_grad_enabled', 'layer_names', 'ops', 'set_grad_enabled', 'set_num_threads', 'set_random_seed', 'set_random_state', 'system_allocations', 'wrap']
class Tensor:
    """
    An array of the engine: contiguous, on the CPU, part of automatic differentiation.
    """
    __array_priority__: typing.ClassVar[int] = 1000
    __array_ufunc__ = None
    @staticmethod
    def __new__(type, *args, **kwargs):
        """
        Create and return a new object.  See help(type) for accurate signature.
        """
    def __abs__(self) -> Tensor:
        ...
    def __add__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __array__(self, dtype: typing.Any = None, copy: typing.Any = None) -> typing.Any:
        ...
    def __bool__(self) -> bool:
        ...
    def __dlpack__(self, **kwargs) -> typing.Any:
        """
        DLPack export: shares the memory.
        """
    def __dlpack_device__(self) -> tuple[int, int]:
        ...
    def __eq__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __float__(self) -> float:
        ...
    def __ge__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __getitem__(self, arg0: typing.Any) -> Tensor:
        ...
    def __gt__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __hash__(self) -> int:
        ...
    def __int__(self) -> int:
        ...
    def __iter__(self) -> typing.Any:
        ...
    def __le__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __len__(self) -> int:
        ...
    def __lt__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __matmul__(self, arg0: typing.Any) -> Tensor:
        ...
    def __mul__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __ne__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __neg__(self) -> Tensor:
        ...
    def __pow__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __radd__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __reduce__(self) -> tuple:
        """
        For copy and pickle: the values, without history.
        """
    def __repr__(self) -> str:
        ...
    def __rmatmul__(self, arg0: typing.Any) -> Tensor:
        ...
    def __rmul__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rpow__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rsub__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rtruediv__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __sub__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __truediv__(self, arg0: typing.Any) -> typing.Any:
        ...
    def all(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def any(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def astype(self, dtype: typing.Any) -> Tensor:
        """
        The values as another dtype.
        """
    def backward(self, gradient: typing.Any = None) -> None:
        """
        Adds the derivative of this scalar to `.grad` of every weight and leaf it depends on. `gradient` (same shape) starts the walk for a tensor that is not a scalar. What the computation kept is freed: RuntimeError on a second call.
        """
    def detach(self) -> Tensor:
        """
        The same values without history.
        """
    def item(self) -> typing.Any:
        """
        The value of a tensor with one element as a Python number.
        """
    def max(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def mean(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def min(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def numpy(self) -> numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]:
        """
        The values as a NumPy array: a read-only view, no copy.
        """
    def prod(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def reshape(self, *args) -> Tensor:
        """
        The same values under another shape; one size may be -1.
        """
    def sum(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    def tolist(self) -> typing.Any:
        """
        Nested Python lists.
        """
    def var(self, axis: typing.Any = None, keepdims: bool = False) -> Tensor:
        """
        Reduces over `axis` (an int, several, or None for all).
        """
    @property
    def T(self) -> Tensor:
        """
        The axes reversed.
        """
    @property
    def _keras_mask(self) -> Tensor | None:
        """
        Which steps count: bools of shape (batch, time), or None when all do.
        """
    @_keras_mask.setter
    def _keras_mask(self, arg1: Tensor | None) -> None:
        ...
    @property
    def dtype(self) -> str:
        """
        Name of the element type, "float32".
        """
    @property
    def grad(self) -> Tensor | None:
        """
        The gradient collected so far, None when there is none. It shares memory with the buffer gradients go to.
        """
    @property
    def ndim(self) -> int:
        """
        Number of axes.
        """
    @property
    def requires_grad(self) -> bool:
        """
        Whether gradients are collected for this tensor (settable unless it was computed from others).
        """
    @requires_grad.setter
    def requires_grad(self, arg1: bool) -> None:
        ...
    @property
    def shape(self) -> tuple:
        """
        Sizes.
        """
    @property
    def size(self) -> int:
        """
        Number of elements.
        """
class Variable:
    """
    A weight of a layer: a named tensor that keeps its place.
    """
    __array_priority__: typing.ClassVar[int] = 1000
    __array_ufunc__ = None
    @staticmethod
    def __new__(type, *args, **kwargs):
        """
        Create and return a new object.  See help(type) for accurate signature.
        """
    def __abs__(self) -> Tensor:
        ...
    def __add__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __array__(self, dtype: typing.Any = None, copy: typing.Any = None) -> typing.Any:
        ...
    def __bool__(self) -> bool:
        ...
    def __eq__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __float__(self) -> float:
        ...
    def __ge__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __getitem__(self, arg0: typing.Any) -> Tensor:
        ...
    def __gt__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __hash__(self) -> int:
        ...
    def __init__(self, value: typing.Any, trainable: bool = True, name: str = 'variable', path: str | None = None) -> None:
        ...
    def __int__(self) -> int:
        ...
    def __le__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __len__(self) -> int:
        ...
    def __lt__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __matmul__(self, arg0: typing.Any) -> Tensor:
        ...
    def __mul__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __ne__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __neg__(self) -> Tensor:
        ...
    def __pow__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __radd__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __reduce__(self) -> tuple:
        """
        For copy and pickle: a Variable of its own with the same values.
        """
    def __repr__(self) -> str:
        ...
    def __rmatmul__(self, arg0: typing.Any) -> Tensor:
        ...
    def __rmul__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rpow__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rsub__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __rtruediv__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __sub__(self, arg0: typing.Any) -> typing.Any:
        ...
    def __truediv__(self, arg0: typing.Any) -> typing.Any:
        ...
    def assign(self, value: typing.Any) -> None:
        """
        Copies new values in: an array or tensor of the same shape, or a number for all. ValueError otherwise.
        """
    def numpy(self) -> typing.Any:
        """
        A copy as an array.
        """
    @property
    def _keras_mask(self) -> Tensor | None:
        """
        Which steps count: bools of shape (batch, time), or None when all do.
        """
    @_keras_mask.setter
    def _keras_mask(self, arg1: Tensor | None) -> None:
        ...
    @property
    def decay(self) -> bool:
        """
        Whether the optimizer's weight decay applies.
        """
    @decay.setter
    def decay(self, arg1: bool) -> None:
        ...
    @property
    def dtype(self) -> str:
        """
        Name of the element type, "float32".
        """
    @property
    def grad(self) -> Tensor | None:
        """
        The gradient collected so far, None when there is none. It shares memory with the buffer gradients go to.
        """
    @property
    def l1(self) -> float:
        """
        Strength of the penalty l1·sum(abs(w)) added to the loss.
        """
    @l1.setter
    def l1(self, arg1: float) -> None:
        ...
    @property
    def l2(self) -> float:
        """
        Strength of the penalty l2·sum(w²) added to the loss.
        """
    @l2.setter
    def l2(self, arg1: float) -> None:
        ...
    @property
    def name(self) -> str:
        """
        "kernel".
        """
    @name.setter
    def name(self, arg1: str) -> None:
        ...
    @property
    def ndim(self) -> int:
        """
        Number of axes.
        """
    @property
    def path(self) -> str:
        """
        "dense/kernel".
        """
    @path.setter
    def path(self, arg1: str) -> None:
        ...
    @property
    def shape(self) -> tuple:
        """
        Sizes.
        """
    @property
    def size(self) -> int:
        """
        Number of elements.
        """
    @property
    def trainable(self) -> bool:
        """
        Whether it collects gradients and is updated.
        """
    @trainable.setter
    def trainable(self, arg1: bool) -> None:
        ...
    @property
    def value(self) -> Tensor:
        """
        The weight as a tensor: the same memory, and gradients of what is computed from it reach the weight.
        """
class Layer:
    """
    A layer of the engine, made from its Keras class name and config.
    """
    def __call__(self, x: typing.Any, training: bool = False) -> typing.Any:
        """
        Runs the layer on a batch. A list of tensors for several inputs; a list comes back for several outputs.
        """
    def __init__(self, class_name: str, config: typing.Any) -> None:
        ...
    def bind(self, arguments: collections.abc.Sequence[str], options: typing.Any) -> Layer:
        """
        The same layer for calls whose tensors are for these arguments (repeated for lists), with these options.
        """
    def build(self, input_shape: typing.Any) -> None:
        """
        Makes the weights for inputs of this shape; None is an unknown size. A list of shapes for several inputs.
        """
    def output_shape(self, input_shape: typing.Any) -> typing.Any:
        """
        The shape of the output for inputs of this shape; lists of shapes for several inputs or outputs.
        """
    @property
    def built(self) -> bool:
        """
        Whether its weights exist.
        """
    @property
    def name(self) -> str:
        """
        The layer's name.
        """
    @property
    def random_state(self) -> list[tuple[int, int]]:
        """
        (seed, counter) of each of its generators.
        """
    @random_state.setter
    def random_state(self, arg1: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]]) -> None:
        ...
    @property
    def replayable(self) -> bool:
        """
        False when Python takes part in its call.
        """
    @property
    def states(self) -> list[Tensor]:
        """
        What a stateful layer carries from batch to batch (copies); set to [] it is zero again.
        """
    @states.setter
    def states(self, arg1: collections.abc.Sequence[Tensor]) -> None:
        ...
    @property
    def streams(self) -> bool:
        """
        Whether it can be fed a sequence piece by piece.
        """
    @property
    def supports_masking(self) -> bool:
        """
        Whether the mask of its input is that of its output.
        """
    @property
    def trainable(self) -> bool:
        """
        Whether its weights are trained.
        """
    @trainable.setter
    def trainable(self, arg1: bool) -> None:
        ...
    @property
    def variables(self) -> list[Variable]:
        """
        Its weights, trainable ones first.
        """
class PythonLayer(Layer):
    """
    A layer whose call is a Python function.
    """
    def __init__(self, name: str, call: collections.abc.Callable, output_shape: collections.abc.Callable, variables: collections.abc.Callable, dtype: str = 'float32', losses: typing.Any = None) -> None:
        ...
class Sequential(Layer):
    """
    A stack of layers, itself a layer.
    """
    def __init__(self, name: str, layers: collections.abc.Sequence[Layer]) -> None:
        ...
    @property
    def layers(self) -> list[Layer]:
        """
        The layers.
        """
class Graph(Layer):
    """
    Layers wired up freely, itself a layer. Values are numbered: the inputs first, then the outputs of each node in order. A node is (place of its layer, values it reads, number of its outputs, training or None, call or None); a call is (what each value is for, options), as for Layer.bind.
    """
    def __init__(self, name: str, layers: collections.abc.Sequence[Layer], nodes: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], typing.SupportsInt | typing.SupportsIndex, bool | None, tuple[collections.abc.Sequence[str], typing.Any] | None]], inputs: typing.SupportsInt | typing.SupportsIndex, outputs: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def layers(self) -> list[Layer]:
        """
        The layers, each once.
        """
class Stream:
    """
    A model that is fed sequences piece by piece.
    """
    def __call__(self, x: typing.Any) -> typing.Any:
        """
        The outputs for the next piece of each sequence.
        """
    def __init__(self, model: Layer) -> None:
        ...
    def reset(self) -> None:
        """
        Forgets what was read.
        """
class Loss:
    """
    A loss of the engine, made from its Keras class name and config.
    """
    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """
        The loss of one batch: a scalar unless the reduction is None.
        """
    def __init__(self, class_name: str, config: typing.Any) -> None:
        ...
    @property
    def name(self) -> str:
        """
        The loss's name.
        """
class PythonLoss(Loss):
    """
    A loss whose values per sample a Python function gives.
    """
    def __init__(self, name: str, fn: collections.abc.Callable, reduction: str = 'sum_over_batch_size') -> None:
        ...
class Optimizer:
    """
    An optimizer, made from its Keras class name and config.
    """
    def __init__(self, class_name: str, config: typing.Any) -> None:
        ...
    def build(self, variables: collections.abc.Sequence[Variable]) -> None:
        """
        Takes over these weights; those it has already stay.
        """
    def load_slots(self, slots: collections.abc.Sequence[tuple[str, Tensor]], iterations: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Sets the whole state; ValueError before anything has changed when it does not fit.
        """
    def slots(self) -> list[tuple[str, Tensor]]:
        """
        Its state as (name, tensor) pairs; the tensors share the memory.
        """
    def step(self) -> None:
        """
        One update of every trainable weight from its gradient.
        """
    def zero_grad(self) -> None:
        """
        Forgets the gradients.
        """
    @property
    def built(self) -> bool:
        """
        Whether it has weights to update.
        """
    @property
    def iterations(self) -> int:
        """
        Updates done so far.
        """
    @iterations.setter
    def iterations(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def learning_rate(self) -> float:
        """
        The step size; read by every update.
        """
    @learning_rate.setter
    def learning_rate(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def variables(self) -> list[Variable]:
        """
        The weights it updates.
        """
class Trainer:
    """
    The training step of a model: recorded once, replayed for each batch.
    """
    def __init__(self, model: Layer, losses: collections.abc.Sequence[Loss | None] = [], optimizer: Optimizer | None = None, loss_weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] | None = None) -> None:
        ...
    def evaluate(self, x: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]], y: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None], sample_weight: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None] | None, order: typing.Annotated[numpy.typing.ArrayLike, numpy.int64], batch_size: typing.SupportsInt | typing.SupportsIndex, predictions: bool) -> tuple:
        """
        The losses of each batch, the predictions or None, and their masks, without training.
        """
    def predict(self, x: typing.Any, batch_size: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
        """
        Predictions for all rows of x, an array or one for each input: an array, or a list for several outputs.
        """
    def train(self, x: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]], y: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None], sample_weight: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]] | None] | None, order: typing.Annotated[numpy.typing.ArrayLike, numpy.int64], batch_size: typing.SupportsInt | typing.SupportsIndex, predictions: bool, stop_on_non_finite: bool = True) -> tuple:
        """
        One step for every batch_size rows of `order`, with one array for each input in x, and one (or None) for each output in y and sample_weight. Returns the losses of each step done, float64, and the predictions made before each update (one array for each output, or None). Losses have shape (steps, 1) for one output, else (steps, 1 + outputs): the total, then each output's own without its weight, 0 without a loss. Stops before the update of the first step whose total is not finite; its losses are then the last. The third result holds the masks of the predictions, bools of shape (rows, time), or None for each output without one.
        """
def as_tensor(x: typing.Any, dtype: str | None = None) -> Tensor:
    """
    A tensor from a Tensor (itself), a Variable (its value), an array, list or number (a copy).
    """
def build_info() -> dict:
    """
    How this module was built: version, SIMD level, compiler, Eigen.
    """
def from_dlpack(x: typing.Any) -> Tensor:
    """
    A tensor on the memory of any object with __dlpack__ (CPU).
    """
def get_num_threads() -> int:
    """
    Threads the engine may use.
    """
def get_random_state() -> tuple[int, int]:
    """
    (seed, counter) of the default generator.
    """
def gradients(y: Tensor, of: collections.abc.Sequence[Tensor], gradient: typing.Any = None) -> list:
    """
    The derivatives of the scalar `y` with respect to the tensors `of`, computed values or leaves; None where y does not depend on one. Unlike `y.backward()` it adds to no `.grad`. `gradient` (shape of y) starts the walk when y is not a scalar. What the computation kept is freed.
    """
def initialize(class_name: str, config: typing.Any, shape: typing.Any, dtype: str = 'float32') -> Tensor:
    """
    A tensor filled by an initialiser, given by its Keras class name and config.
    """
def is_grad_enabled() -> bool:
    """
    Whether ops on this thread keep what backward needs.
    """
def layer_names() -> list[str]:
    """
    Class names that Layer() knows.
    """
def set_grad_enabled(on: bool) -> bool:
    """
    Switches history on or off; returns the previous value.
    """
def set_num_threads(n: typing.Any) -> None:
    """
    Sets the number of threads; n >= 1.
    """
def set_random_seed(seed: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Restarts the default generator.
    """
def set_random_state(seed: typing.SupportsInt | typing.SupportsIndex, counter: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Puts the default generator where get_random_state() said it was.
    """
def system_allocations() -> int:
    """
    How often tensors have asked the system for memory so far.
    """
def wrap(class_name: str, config: typing.Any, layers: collections.abc.Sequence[Layer]) -> Layer:
    """
    A layer around others, made from its Keras class name, its config without them, and them.
    """
