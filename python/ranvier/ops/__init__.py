"""Operations on tensors, differentiable where they can be, under the names of `keras.ops`.

Arguments may be Tensors, Variables, NumPy arrays, numbers or lists; results are Tensors. A Python number takes the
dtype of the tensor it meets; integers become `config.floatx()` where a function needs fractions.
"""

from ranvier.ops import attention, convolution, core, ctc, manipulation, math, nn, order, pooling, reduction
from ranvier.ops import image as image
from ranvier.ops.attention import *  # noqa: F403
from ranvier.ops.convolution import *  # noqa: F403
from ranvier.ops.core import *  # noqa: F403
from ranvier.ops.ctc import *  # noqa: F403
from ranvier.ops.manipulation import *  # noqa: F403
from ranvier.ops.math import *  # noqa: F403
from ranvier.ops.nn import *  # noqa: F403
from ranvier.ops.order import *  # noqa: F403
from ranvier.ops.pooling import *  # noqa: F403
from ranvier.ops.reduction import *  # noqa: F403

__all__: list[str] = []
__all__ += attention.__all__
__all__ += convolution.__all__
__all__ += core.__all__
__all__ += ctc.__all__
__all__ += manipulation.__all__
__all__ += math.__all__
__all__ += nn.__all__
__all__ += order.__all__
__all__ += pooling.__all__
__all__ += reduction.__all__
