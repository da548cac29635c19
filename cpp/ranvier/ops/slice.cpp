// Parts of a tensor, and a tensor as part of a larger one: slice, flip, pad.
#include <algorithm>
#include <limits>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/strided.h"

namespace ranvier::ops {

using detail::Strides;

namespace {

// A range with its defaults filled in: `length` elements from `start`, `step` apart.
struct Extent {
  Index start;
  Index length;
  Index step;
};

// Python's rules: negative positions count from the end, positions beyond an end are moved to it.
Extent resolve(const Range& range, Index size) {
  check(range.step != 0, "slice: expected a step other than 0");
  const bool forward = range.step > 0;
  const Index low = forward ? 0 : -1;
  const Index high = forward ? size : size - 1;
  const auto position = [&](const std::optional<Index>& given, Index otherwise) {
    if (!given) return otherwise;
    return std::clamp(*given < 0 ? *given + size : *given, low, high);
  };
  const Index start = position(range.start, forward ? low : high);
  const Index stop = position(range.stop, forward ? high : low);
  const Index span = forward ? stop - start : start - stop;
  const Index stride = forward ? range.step : -std::max(range.step, -std::numeric_limits<Index>::max());
  const Index length = span > 0 ? (span - 1) / stride + 1 : 0;
  return {start, length, length > 1 ? range.step : (forward ? 1 : -1)};  // a step never taken may be of any size
}

// The gradient of a part: zero outside it.
Node::Backward part_back(const detail::Walk& back, Index whole) {
  return [back, whole](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      if (dy.numel() < whole) detail::clear(dx, whole);
      detail::copy_walk(back, static_cast<const T*>(dy.data<T>()), dx.data, dx.accumulate);
    });
  };
}

}  // namespace

Tensor slice(const Tensor& x, const std::vector<Range>& ranges) {
  check(static_cast<int>(ranges.size()) <= x.rank(), "slice: expected at most ", x.rank(), " ranges for shape ",
        x.shape(), ", received ", ranges.size());
  const Strides from = strides_of(x.shape());
  Shape shape = x.shape();
  Strides src = from;
  Index start = 0;
  bool whole = true;       // nothing is left out or reordered
  bool whole_rows = true;  // at most a run of rows is taken from the first axis
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const int axis = static_cast<int>(i);
    const Extent extent = resolve(ranges[i], x.dim(axis));
    shape[axis] = extent.length;
    src[i] = from[i] * extent.step;
    start += from[i] * extent.start;
    const bool kept = extent.length == x.dim(axis) && (extent.step > 0 || extent.length <= 1);
    whole = whole && kept;
    whole_rows = whole_rows && (kept || (axis == 0 && (extent.step == 1 || extent.length <= 1)));
  }
  if (whole) return x;
  const detail::Walk there = detail::walk(shape, src, strides_of(shape), start, 0);
  Tensor y;
  if (whole_rows) {
    y = rows(x, shape[0] == 0 ? 0 : resolve(ranges[0], x.dim(0)).start, shape[0]);
  } else {
    y = empty(shape, x.dtype());
    detail::copy_walk(there, x, y);
  }
  if (!wants_grad({&x})) return y;
  return attach("slice", y, {&x}, part_back(detail::reversed(shape, there), x.numel()));
}

Tensor flip(const Tensor& x, const std::vector<Index>& axes) {
  std::vector<Range> ranges(static_cast<std::size_t>(x.rank()));
  for (Range& range : ranges) range.step = axes.empty() ? -1 : 1;
  for (Index axis : axes) ranges[static_cast<std::size_t>(normalize_axis(axis, x.rank(), "flip"))].step = -1;
  return slice(x, ranges);
}

Tensor pad(const Tensor& x, const std::vector<std::pair<Index, Index>>& widths, double value) {
  check(static_cast<int>(widths.size()) == x.rank(), "pad: expected ", x.rank(),
        " pairs (before, after), one for each axis of ", x.shape(), ", received ", widths.size());
  Shape shape = x.shape();
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto [before, after] = widths[i];
    constexpr Index most = Index{1} << 60;  // sums of three stay in range
    check(before >= 0 && after >= 0, "pad: expected widths >= 0, received (", before, ", ", after, ") on axis ", i);
    check(before <= most && after <= most, "pad: widths (", before, ", ", after, ") are more than memory can address");
    shape[static_cast<int>(i)] += before + after;
  }
  if (shape == x.shape()) return x;
  Tensor y = full(shape, value, x.dtype());
  const Strides dst = strides_of(shape);
  Index start = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) start += widths[i].first * dst[i];
  const detail::Walk there = detail::walk(x.shape(), strides_of(x.shape()), dst, 0, start);
  detail::copy_walk(there, x, y);
  if (!wants_grad({&x})) return y;
  // dx = the inner part of dy
  return attach("pad", y, {&x}, detail::copy_back(detail::reversed(x.shape(), there)));
}

}  // namespace ranvier::ops
