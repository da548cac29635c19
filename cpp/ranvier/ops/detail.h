// What the ops share: handles for backward closures, and gradients of operands that were repeated.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/move.h"

namespace ranvier::ops::detail {

/// The data of x without its history: what a closure keeps. Keeping a result itself would make its node own itself, and
/// keeping inputs with their nodes would free long chains recursively.
inline Tensor keep(const Tensor& x) { return view(x, x.shape()); }

/// Whether x takes part in a graph.
inline bool linked(const Tensor& x) { return x.defined() && static_cast<bool>(x.impl()->node); }

/// Gives `input`, which has `shape` and was broadcast to grad's shape, scale·grad summed over the repeated axes.
void send_reduced(Grads& to, int input, const Tensor& grad, const Shape& shape, double scale = 1);

/// Makes a gradient of this size zero, unless others have already been added up there.
template <class T>
void clear(const Grads::Sink<T>& sink, Index n) {
  if (sink.accumulate) return;
  exec([data = sink.data, n] { kernels::fill(n, T{0}, data); });
}

/// x converted to float32 unless it is floating already: what functions of real numbers do with integers.
Tensor as_floating(const Tensor& x);

/// x as (outer, length, inner) around `axis`.
struct Split {
  Index outer;
  Index length;
  Index inner;
};
inline Split split_at(const Shape& shape, int axis) {
  return {shape.numel(0, axis), shape[axis], shape.numel(axis + 1, shape.rank())};
}

}  // namespace ranvier::ops::detail
