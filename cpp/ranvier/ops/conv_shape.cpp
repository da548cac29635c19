#include "ranvier/ops/conv_shape.h"

#include <algorithm>
#include <tuple>

#include "ranvier/core/check.h"

namespace ranvier::ops {
namespace {

using Padding = ConvOptions::Padding;

/// One spatial axis: x's size, how the window moves, and what follows from them.
struct Axis {
  Index in = 1;
  Index window = 1;
  Index stride = 1;
  Index dilation = 1;
  Index out = 1;
  Index before = 0;  ///< zeros in front

  Index reach() const { return (window - 1) * dilation + 1; }
};

// Products of two such numbers stay far from 2^63.
constexpr Index largest = Index{1} << 30;

Index at(const std::vector<Index>& list, std::size_t axis) { return list.empty() ? 1 : list[axis]; }

std::size_t axis_number(std::size_t number, const ConvOptions& options) {
  return number + (options.channels_first ? 2 : 1);
}

void place_windows(Axis& a, std::size_t number, const Shape& x, const ConvOptions& options) {
  const Index same = (a.in + a.stride - 1) / a.stride;
  Index behind = 0;
  switch (options.padding) {
    case Padding::valid:
      break;
    case Padding::same: {
      const Index zeros = std::max<Index>((same - 1) * a.stride + a.reach() - a.in, 0);
      a.before = zeros / 2;
      behind = zeros - a.before;
      break;
    }
    case Padding::causal:
      a.before = a.reach() - 1;
      break;
    case Padding::given:
      std::tie(a.before, behind) = options.zeros[number];
      check(a.before >= 0 && behind >= 0 && a.before <= largest && behind <= largest,
            "expected padding from 0 to 2**30, received ", a.before, " and ", behind);
      break;
  }
  const Index room = a.in + a.before + behind - a.reach();
  check(room >= 0, "expected at least ", a.reach(), " along axis ", axis_number(number, options), " for a window of ",
        a.window, a.dilation > 1 ? concat_text(" with dilation ", a.dilation) : std::string(),
        ", received x with shape ", x, "; use padding='same' or a smaller kernel");
  a.out = room / a.stride + 1;
}

// The rules of Keras 3 on JAX: x is laid out with stride−1 zeros between its elements, reach−1 around it, and cut so
// that "same" gives in·stride.
void place_transposed(Axis& a, std::size_t number, const ConvOptions& options) {
  const bool natural = options.output_padding.empty();
  const Index extra = natural ? 0 : options.output_padding[number];
  check(extra >= 0 && extra < a.stride, "expected output_padding from 0 to below the stride ", a.stride, ", received ",
        extra);
  const Index reach = a.reach();
  Index front = reach - 1;
  Index total = 2 * (reach - 1) + (natural ? std::max(reach, a.stride) - reach : extra);
  if (options.padding == Padding::same) {
    total = natural ? a.stride + reach - 2 : reach + reach % 2 - 2 + extra;
    front = std::min(total / 2 + total % 2, reach - 1);
  }
  a.out = (a.in - 1) * a.stride - reach + 2 + total;
  a.before = reach - 1 - front;
  check(a.out >= 1, "expected a result of size 1 or more along axis ", axis_number(number, options), ", received ",
        a.out, "; use a larger output_padding");
}

std::vector<Axis> axes_of(const Shape& x, const std::vector<Index>& window, const ConvOptions& options,
                          bool transposed) {
  const auto n = window.size();
  check(n >= 1 && n <= 3, "expected a kernel of 1 to 3 spatial axes, received ", n);
  check(x.rank() == static_cast<int>(n) + 2, "expected x of rank ", n + 2, ", received shape ", x);
  const auto has = [&](std::size_t size, const char* what) {
    check(size == 0 || size == n, "expected ", n, " numbers in ", what, ", received ", size);
  };
  has(options.strides.size(), "strides");
  has(options.dilation.size(), "dilation_rate");
  has(options.output_padding.size(), "output_padding");
  check(options.padding != Padding::given || options.zeros.size() == n, "expected ", n,
        " pairs of zeros in padding, received ", options.zeros.size());
  check(!transposed || options.padding == Padding::valid || options.padding == Padding::same,
        "expected padding 'valid' or 'same' for a transposed convolution");
  std::vector<Axis> axes(n);
  for (std::size_t i = 0; i < n; ++i) {
    Axis& a = axes[i];
    a.in = x[static_cast<int>(i) + (options.channels_first ? 2 : 1)];
    a.window = window[i];
    a.stride = at(options.strides, i);
    a.dilation = at(options.dilation, i);
    for (const auto& [value, what] :
         {std::pair{a.window, "kernel size"}, {a.stride, "stride"}, {a.dilation, "dilation"}}) {
      check(value >= 1 && value <= largest, "expected a ", what, " from 1 to 2**30, received ", value);
    }
    check(a.in <= largest, "expected spatial sizes up to 2**30, received x with shape ", x);
    if (a.in < 0) {
      a.out = -1;
      continue;
    }
    check(a.in > 0, "expected spatial axes of size 1 or more, received x with shape ", x);
    if (transposed) {
      place_transposed(a, i, options);
    } else {
      place_windows(a, i, x, options);
    }
  }
  return axes;
}

Shape shape_of(const Shape& x, const std::vector<Axis>& axes, Index filters, bool channels_first) {
  Shape y{x[0]};
  if (channels_first) y.push_back(filters);
  for (const Axis& a : axes) y.push_back(a.out);
  if (!channels_first) y.push_back(filters);
  return y;
}

}  // namespace

Padding padding_from(const std::string& name) {
  if (name == "valid") return Padding::valid;
  if (name == "same") return Padding::same;
  if (name == "causal") return Padding::causal;
  fail("padding: expected 'valid', 'same' or 'causal', received '", name, "'");
}

Shape conv_shape(const Shape& x, const std::vector<Index>& window, Index filters, const ConvOptions& options) {
  return shape_of(x, axes_of(x, window, options, false), filters, options.channels_first);
}

Shape conv_transpose_shape(const Shape& x, const std::vector<Index>& window, Index filters,
                           const ConvOptions& options) {
  return shape_of(x, axes_of(x, window, options, true), filters, options.channels_first);
}

namespace detail {

kernels::ConvGeometry conv_geometry(const Shape& x, const std::vector<Index>& window, const ConvOptions& options,
                                    bool transposed) {
  const std::vector<Axis> axes = axes_of(x, window, options, transposed);
  kernels::ConvGeometry g;
  g.batch = x[0];
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const Axis& a = axes[i];
    const std::size_t to = 3 - axes.size() + i;
    g.in[to] = transposed ? a.out : a.in;
    g.out[to] = transposed ? a.in : a.out;
    g.kernel[to] = a.window;
    g.stride[to] = a.stride;
    g.dilation[to] = a.dilation;
    g.before[to] = a.before;
  }
  return g;
}

}  // namespace detail
}  // namespace ranvier::ops
