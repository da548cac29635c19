#include "ranvier/ops/elementwise.h"

#include "ranvier/kernels/move.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::ops {

using detail::keep;
using detail::linked;
using kernels::Saves;

namespace {

int precedence(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return 0;
    case DType::int32:
      return 1;
    case DType::int64:
      return 2;
    case DType::float32:
      return 3;
    default:
      return 4;
  }
}

// The functions that map integers to integers, exactly; the others go through float32.
Tensor unary_of_integers(Unary op, const Tensor& given, UnaryArgs args) {
  const Tensor x = given.dtype() == DType::boolean ? cast(given, DType::int32) : given;
  const auto constant = [&](double value) { return full({}, value, x.dtype()); };
  switch (op) {
    case Unary::floor:
    case Unary::ceil:
    case Unary::round:
      return x;
    case Unary::negative:
      return subtract(constant(0), x);
    case Unary::abs:
      return binary(Binary::maximum, x, subtract(constant(0), x));
    case Unary::square:
      return multiply(x, x);
    case Unary::sign:
      return subtract(cast(compare(Compare::greater, x, constant(0)), x.dtype()),
                      cast(compare(Compare::less, x, constant(0)), x.dtype()));
    case Unary::relu:
      return binary(Binary::maximum, x, constant(0));
    case Unary::relu6:
      return binary(Binary::minimum, binary(Binary::maximum, x, constant(0)), constant(6));
    default:
      return unary(op, cast(x, DType::float32), args);
  }
}

}  // namespace

Tensor detail::as_floating(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::float32); }

DType promote(DType a, DType b) { return precedence(a) >= precedence(b) ? a : b; }

Tensor unary(Unary op, const Tensor& x, UnaryArgs args) {
  if (op == Unary::identity) return x;
  if (!is_floating(x.dtype())) return unary_of_integers(op, x, args);
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), kernels::name_of(op), [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([op, args, n = x.numel(), from = x.data<T>(), to = y.data<T>()] { kernels::unary(op, args, n, from, to); });
  });
  if (op == Unary::sigmoid) remember_logits(y, Squash::sigmoid, x);
  if (!wants_grad({&x})) return y;
  const Saves saves = kernels::saves_of(op);
  const Tensor kept = saves == Saves::x ? keep(x) : (saves == Saves::y ? keep(y) : Tensor());
  // dx = dy·f'(x), with f' written in x or in y
  return attach(kernels::name_of(op), y, {&x}, [op, args, saves, kept](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([op, args, n = dy.numel(), px = saves == Saves::x ? kept.data<T>() : nullptr,
            py = saves == Saves::y ? kept.data<T>() : nullptr, g = dy.data<T>(),
            dx] { kernels::unary_backward(op, args, n, px, py, g, dx.data, dx.accumulate); });
    });
  });
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const auto convert = [](const Tensor& from, DType type) {
    Tensor to = empty(from.shape(), type);
    exec([a = from.dtype(), type, n = from.numel(), src = from.raw(), dst = to.raw()] {
      kernels::cast(a, type, n, src, dst);
    });
    return to;
  };
  Tensor y = convert(x, dtype);
  if (!is_floating(dtype)) return y;
  // dx = dy, in x's precision
  return attach("cast", y, {&x},
                [convert, from = x.dtype()](const Tensor& dy, Grads& to) { to.pass(0, convert(dy, from)); });
}

Tensor binary(Binary op, const Tensor& given_a, const Tensor& given_b) {
  DType dtype = given_a.dtype();
  if (dtype != given_b.dtype()) dtype = promote(dtype, given_b.dtype());
  if (!is_floating(dtype)) {
    if (op == Binary::power) {
      const DType type = dtype == DType::boolean ? DType::int32 : dtype;
      return cast(binary(op, cast(given_a, DType::float64), cast(given_b, DType::float64)), type);
    }
    if (op == Binary::divide) dtype = DType::float32;
    if (dtype == DType::boolean) dtype = DType::int32;
  }
  const Tensor a = cast(given_a, dtype);
  const Tensor b = cast(given_b, dtype);
  const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast_shapes(a.shape(), b.shape(), kernels::name_of(op));
  const Broadcast plan = broadcast_plan(a.shape(), b.shape(), shape);
  Tensor y = empty(shape, dtype);
  dispatch_numeric(dtype, kernels::name_of(op), [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([op, plan, pa = a.data<T>(), pb = b.data<T>(), to = y.data<T>()] { kernels::binary(op, plan, pa, pb, to); });
  });
  if (!wants_grad({&a, &b})) return y;

  if (op == Binary::add || op == Binary::subtract) {
    // da = Σ dy, db = ±Σ dy, the sums over the axes along which the operand was repeated
    const double sign = op == Binary::add ? 1 : -1;
    return attach(kernels::name_of(op), y, {&a, &b},
                  [sign, shape_a = a.shape(), shape_b = b.shape()](const Tensor& dy, Grads& to) {
                    detail::send_reduced(to, 0, dy, shape_a);
                    detail::send_reduced(to, 1, dy, shape_b, sign);
                  });
  }

  // A product's gradient reads the other factor only, a quotient's in a only b; the other operations read both.
  const bool product = op == Binary::multiply;
  const Tensor kept_a = linked(b) || !(product || op == Binary::divide) ? keep(a) : Tensor();
  const Tensor kept_b = linked(a) || !product ? keep(b) : Tensor();
  // da = Σ dy·∂y/∂a, db = Σ dy·∂y/∂b
  return attach(kernels::name_of(op), y, {&a, &b},
                [op, plan, kept_a, kept_b, shape_a = a.shape(), shape_b = b.shape()](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const T* pa = kept_a.defined() ? kept_a.data<T>() : nullptr;
                    const T* pb = kept_b.defined() ? kept_b.data<T>() : nullptr;
                    const auto send = [&](int input, const Shape& own, auto kernel) {
                      if (!to.wants(input)) return;
                      if (own.numel() == dy.numel()) {
                        const auto dx = to.sink<T>(input);
                        exec([=, g = dy.data<T>()] { kernel(op, plan, pa, pb, g, dx.data, dx.accumulate); });
                        return;
                      }
                      const Tensor whole = empty(dy.shape(), dy.dtype());
                      exec([=, g = dy.data<T>(), d = whole.data<T>()] { kernel(op, plan, pa, pb, g, d, false); });
                      detail::send_reduced(to, input, whole, own);
                    };
                    send(0, shape_a, &kernels::binary_backward_a<T>);
                    send(1, shape_b, &kernels::binary_backward_b<T>);
                  });
                });
}

Tensor sum_of(const std::vector<Tensor>& xs, double scale) {
  check(!xs.empty(), "sum_of: expected at least one tensor, received an empty list");
  DType dtype = xs.front().dtype();
  for (const Tensor& x : xs) {
    check(x.shape() == xs.front().shape(), "sum_of: expected tensors of the same shape, received ", xs.front().shape(),
          " and ", x.shape());
    dtype = promote(dtype, x.dtype());
  }
  check<TypeError>(is_floating(dtype), "sum_of: expected float32 or float64, received ", name_of(dtype));
  std::vector<Tensor> terms;
  for (const Tensor& x : xs) terms.push_back(cast(x, dtype));
  Tensor y = empty(xs.front().shape(), dtype);
  dispatch_floating(dtype, "sum_of", [&](auto tag) {
    using T = typename decltype(tag)::type;
    // As many terms as fit a call; the sum so far is then the first term of the next one.
    kernels::Terms<T> part;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      part.from[part.count++] = terms[i].data<T>();
      const bool end = i + 1 == terms.size();
      if (!end && part.count < part.from.size()) continue;
      exec([part, n = y.numel(), s = static_cast<T>(end ? scale : 1), to = y.data<T>()] {
        kernels::sum_of(part, n, s, to);
      });
      part.from[0] = y.data<T>();
      part.count = 1;
    }
  });
  // dx = scale·dy, the same for all of them
  return attach("sum_of", y, terms, [scale, count = terms.size()](const Tensor& dy, Grads& to) {
    const Tensor dx = scale == 1 ? dy : sum_of({dy}, scale);
    for (std::size_t i = 0; i < count; ++i) to.pass(static_cast<int>(i), dx);
  });
}

Tensor compare(Compare op, const Tensor& given_a, const Tensor& given_b) {
  DType dtype = promote(given_a.dtype(), given_b.dtype());
  if (dtype == DType::boolean) dtype = DType::int32;
  const Tensor a = cast(given_a, dtype);
  const Tensor b = cast(given_b, dtype);
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "compare");
  const Broadcast plan = broadcast_plan(a.shape(), b.shape(), shape);
  Tensor y = empty(shape, DType::boolean);
  dispatch_numeric(dtype, "compare", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([op, plan, pa = a.data<T>(), pb = b.data<T>(), to = y.data<bool>()] {
      kernels::compare(op, plan, pa, pb, to);
    });
  });
  return y;
}

Tensor where(const Tensor& condition, const Tensor& given_a, const Tensor& given_b) {
  const DType dtype = promote(given_a.dtype(), given_b.dtype());
  const Shape shape =
      broadcast_shapes(condition.shape(), broadcast_shapes(given_a.shape(), given_b.shape(), "where"), "where");
  const Tensor c = broadcast_to(cast(condition, DType::boolean), shape);
  const Tensor a = broadcast_to(cast(given_a, dtype), shape);
  const Tensor b = broadcast_to(cast(given_b, dtype), shape);
  if (dtype == DType::boolean) {  // selection of bools in the one numeric type they fit into
    return cast(where(c, cast(a, DType::int32), cast(b, DType::int32)), dtype);
  }
  Tensor y = empty(shape, dtype);
  dispatch_numeric(dtype, "where", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([n = y.numel(), pc = c.data<bool>(), pa = a.data<T>(), pb = b.data<T>(), to = y.data<T>()] {
      kernels::select(n, pc, pa, pb, to);
    });
  });
  if (!wants_grad({&a, &b})) return y;
  // da = c ? dy : 0, db = c ? 0 : dy
  return attach("where", y, {&a, &b}, [c](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (int input : {0, 1}) {
        const auto dx = to.sink<T>(input);
        if (!dx) continue;
        exec([n = dy.numel(), pc = c.data<bool>(), side = input == 0, g = dy.data<T>(), dx] {
          kernels::select_backward(n, pc, side, g, dx.data, dx.accumulate);
        });
      }
    });
  });
}

Tensor prelu(const Tensor& given, const Tensor& slope) {
  const Tensor x = detail::as_floating(given);
  check(broadcast_shapes(x.shape(), slope.shape(), "prelu") == x.shape(), "prelu: expected a slope that repeats over ",
        x.shape(), ", received shape ", slope.shape());
  return where(compare(Compare::greater, x, full({}, 0, x.dtype())), x, multiply(x, slope));
}

Tensor glu(const Tensor& given, Index axis) {
  const Tensor x = detail::as_floating(given);
  const int at = normalize_axis(axis, x.rank(), "glu");
  const Index half = x.dim(at) / 2;
  check(2 * half == x.dim(at), "glu: expected an even size on axis ", axis, ", received shape ", x.shape());
  std::vector<Range> first(static_cast<std::size_t>(at) + 1);
  std::vector<Range> second = first;
  first.back().stop = half;
  second.back().start = half;
  return multiply(slice(x, first), unary(Unary::sigmoid, slice(x, second)));
}

}  // namespace ranvier::ops
