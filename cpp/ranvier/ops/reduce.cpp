#include "ranvier/ops/reduce.h"

#include <array>

#include "ranvier/kernels/reduce.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::keep;
using detail::Split;

namespace {

using Mask = std::array<bool, max_rank>;

// A shape as alternating runs of kept and reduced axes; axes of size 1 count as neither.
class Runs {
 public:
  Runs(const Shape& shape, const Mask& reduced) {
    for (int i = 0; i < shape.rank(); ++i) {
      if (shape[i] != 1) append(shape[i], reduced[static_cast<std::size_t>(i)]);
    }
  }

  int reduced_count() const {
    int n = 0;
    for (int i = 0; i < count_; ++i) n += at(i).reduced ? 1 : 0;
    return n;
  }

  /// Takes out the last reduced run. Without one, a run of length 1.
  Split take_last() {
    Split split{1, 1, 1};
    int i = count_ - 1;
    while (i >= 0 && !at(i).reduced) split.inner *= at(i--).size;
    if (i < 0) return split;
    split.length = at(i).size;
    for (int j = 0; j < i; ++j) split.outer *= at(j).size;
    count_ = i;
    if (split.inner != 1) append(split.inner, false);
    return split;
  }

 private:
  struct Run {
    Index size = 1;
    bool reduced = false;
  };
  Run& at(int i) { return runs_[static_cast<std::size_t>(i)]; }
  const Run& at(int i) const { return runs_[static_cast<std::size_t>(i)]; }
  void append(Index size, bool reduced) {
    if (count_ > 0 && at(count_ - 1).reduced == reduced) {
      at(count_ - 1).size *= size;
    } else {
      at(count_++) = {size, reduced};
    }
  }

  std::array<Run, max_rank> runs_{};
  int count_ = 0;
};

struct Reduction {
  Mask reduced{};
  Shape shape;       // of the result
  Index length = 1;  // elements that go into one result
};

Reduction plan_of(const char* name, const Shape& shape, const Axes& axes, bool keepdims) {
  Reduction r;
  if (axes.empty()) r.reduced.fill(true);
  for (Index axis : axes) {
    bool& reduced = r.reduced[static_cast<std::size_t>(normalize_axis(axis, shape.rank(), name))];
    check(!reduced, name, ": axis ", axis, " appears twice");
    reduced = true;
  }
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = r.reduced[static_cast<std::size_t>(i)];
    if (reduced) r.length *= shape[i];
    if (!reduced) r.shape.push_back(shape[i]);
    if (reduced && keepdims) r.shape.push_back(1);
  }
  return r;
}

// scale·Σ over one run: y = scale·Σ x, dx = scale·dy repeated.
Tensor sum_run(const char* name, const Tensor& x, const Split& at, double scale, const Shape& shape) {
  Tensor y = empty(shape, x.dtype());
  dispatch_numeric(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([at, s = static_cast<T>(scale), from = x.data<T>(), to = y.data<T>()] {
      kernels::reduce_sum(at.outer, at.length, at.inner, from, s, to, false);
    });
  });
  if (!wants_grad({&x})) return y;
  return attach(name, y, {&x}, [at, scale](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([at, s = static_cast<T>(scale), g = dy.data<T>(), dx] {
        kernels::reduce_sum_backward(at.outer, at.length, at.inner, g, s, dx.data, dx.accumulate);
      });
    });
  });
}

Tensor scaled_sum(const char* name, const Tensor& x, const Reduction& r, double scale) {
  Runs runs(x.shape(), r.reduced);
  Tensor y = x;
  for (int left = runs.reduced_count(); left > 1; --left) {
    const Split at = runs.take_last();
    y = sum_run(name, y, at, 1, {at.outer, at.inner});
  }
  return sum_run(name, y, runs.take_last(), scale, r.shape);
}

// x with its reduced axes side by side, and where they are.
struct Gathered {
  Tensor x;
  Split at;
};

Gathered gather_axes(const Tensor& x, const Reduction& r) {
  Runs runs(x.shape(), r.reduced);
  if (runs.reduced_count() <= 1) return {x, runs.take_last()};
  std::vector<Index> order;
  for (const bool reduced : {false, true}) {
    for (int i = 0; i < x.rank(); ++i) {
      if (r.reduced[static_cast<std::size_t>(i)] == reduced) order.push_back(i);
    }
  }
  return {transpose(x, order), {r.shape.numel(), r.length, 1}};
}

template <class T>
using ExtremumFn = void (*)(Index, Index, Index, const T*, T*);

// y = the largest (smallest) element; dx = dy shared by the elements equal to y.
Tensor extremum(const char* name, bool largest, const Tensor& given, const Axes& axes, bool keepdims) {
  const Reduction r = plan_of(name, given.shape(), axes, keepdims);
  check(r.length > 0 || r.shape.numel() == 0, name,
        ": expected at least one element along the reduced axes, received shape ", given.shape());
  if (given.dtype() == DType::boolean) {
    return cast(extremum(name, largest, cast(given, DType::int32), axes, keepdims), DType::boolean);
  }
  const auto [x, at] = gather_axes(given, r);
  Tensor y = empty(r.shape, x.dtype());
  if (y.numel() > 0) {
    dispatch_numeric(x.dtype(), name, [&, &in = x, &where = at](auto tag) {
      using T = typename decltype(tag)::type;
      const ExtremumFn<T> f = largest ? &kernels::reduce_max<T> : &kernels::reduce_min<T>;
      exec([f, where, from = in.template data<T>(), to = y.data<T>()] {
        f(where.outer, where.length, where.inner, from, to);
      });
    });
  }
  if (!wants_grad({&x})) return y;
  return attach(name, y, {&x}, [where = at, kept_x = keep(x), kept_y = keep(y)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([where, px = kept_x.data<T>(), py = kept_y.data<T>(), g = dy.data<T>(), dx] {
        if (where.outer * where.length * where.inner == 0) return;
        kernels::reduce_extremum_backward(where.outer, where.length, where.inner, px, py, g, dx.data, dx.accumulate);
      });
    });
  });
}

using BoolReduction = void (*)(Index, Index, Index, const bool*, bool*);

Tensor reduce_bools(const char* name, BoolReduction f, const Tensor& given, const Axes& axes, bool keepdims) {
  const Reduction r = plan_of(name, given.shape(), axes, keepdims);
  const Gathered in = gather_axes(cast(stop_gradient(given), DType::boolean), r);
  Tensor y = empty(r.shape, DType::boolean);
  exec([f, at = in.at, from = in.x.data<bool>(), to = y.data<bool>()] { f(at.outer, at.length, at.inner, from, to); });
  return y;
}

Tensor arg_extremum(const char* name, bool largest, const Tensor& given, Index axis, bool keepdims) {
  const Tensor x = given.dtype() == DType::boolean ? cast(given, DType::int32) : given;
  const int i = normalize_axis(axis, x.rank(), name);
  const Split at = detail::split_at(x.shape(), i);
  check(at.length > 0, name, ": expected at least one element along axis ", axis, ", received shape ", x.shape());
  Shape shape = x.shape();
  shape[i] = 1;
  Tensor y = empty(keepdims ? shape : shape.without(i), DType::int64);
  dispatch_numeric(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto f = largest ? &kernels::argmax<T> : &kernels::argmin<T>;
    exec([f, at, from = x.data<T>(), to = y.data<std::int64_t>()] { f(at.outer, at.length, at.inner, from, to); });
  });
  return y;
}

}  // namespace

void detail::send_reduced(Grads& to, int input, const Tensor& grad, const Shape& shape, double scale) {
  if (!to.wants(input)) return;
  const bool repeated = shape.numel() != grad.numel();
  if (!repeated && scale == 1) {
    to.pass(input, grad);
    return;
  }
  Mask reduced{};
  const int shift = grad.rank() - shape.rank();
  for (int i = 0; i < grad.rank(); ++i) reduced[static_cast<std::size_t>(i)] = i < shift || shape[i - shift] == 1;
  Runs runs(grad.shape(), reduced);
  dispatch_floating(grad.dtype(), "gradient", [&](auto tag) {
    using T = typename decltype(tag)::type;
    Tensor from = grad;
    for (int left = runs.reduced_count(); left > 1; --left) {
      const Split at = runs.take_last();
      const Tensor partial = empty({at.outer, at.inner}, grad.dtype());
      exec([at, src = from.data<T>(), dst = partial.data<T>()] {
        kernels::reduce_sum(at.outer, at.length, at.inner, src, T{1}, dst, false);
      });
      from = partial;
    }
    const auto sink = to.sink<T>(input);
    exec([at = runs.take_last(), s = static_cast<T>(scale), src = from.data<T>(), sink] {
      kernels::reduce_sum(at.outer, at.length, at.inner, src, s, sink.data, sink.accumulate);
    });
  });
}

Tensor sum(const Tensor& given, const Axes& axes, bool keepdims) {
  const Tensor x = given.dtype() == DType::boolean ? cast(given, DType::int32) : given;
  return scaled_sum("sum", x, plan_of("sum", x.shape(), axes, keepdims), 1);
}

Tensor mean(const Tensor& given, const Axes& axes, bool keepdims) {
  const Tensor x = detail::as_floating(given);
  const Reduction r = plan_of("mean", x.shape(), axes, keepdims);
  return scaled_sum("mean", x, r, 1.0 / static_cast<double>(r.length));
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdims) { return extremum("max", true, x, axes, keepdims); }
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) { return extremum("min", false, x, axes, keepdims); }

// The mean is a constant here: the derivative of Σ(x − m)² in m is zero at the mean.
Tensor variance(const Tensor& given, const Axes& axes, bool keepdims) {
  const Tensor x = detail::as_floating(given);
  const Tensor centre = mean(stop_gradient(x), axes, true);
  return mean(unary(Unary::square, subtract(x, centre)), axes, keepdims);
}

namespace {

// ∂y/∂x_i is the product of the others: y/x_i where no element is 0, and nothing but the one 0's own when there is one.
Tensor prod_gradient(const Tensor& x, const Tensor& dy, const Split& at) {
  const Tensor cube = view(x, {at.outer, at.length, at.inner});
  const Tensor one = full({}, 1, x.dtype());
  const Tensor zero = full({}, 0, x.dtype());
  const Tensor is_zero = compare(Compare::equal, cube, zero);
  const Tensor safe = where(is_zero, one, cube);
  const Tensor zeros_in_row = sum(is_zero, {1}, true);
  const Tensor others = multiply(prod(safe, {1}, true), view(dy, {at.outer, 1, at.inner}));
  const Tensor none = full({}, 0, DType::int32);
  const Tensor single = full({}, 1, DType::int32);
  const Tensor without_zero = where(compare(Compare::equal, zeros_in_row, none), divide(others, safe), zero);
  const Tensor at_the_zero = where(compare(Compare::equal, zeros_in_row, single), others, zero);
  return where(is_zero, at_the_zero, without_zero);
}

}  // namespace

Tensor prod(const Tensor& given, const Axes& axes, bool keepdims) {
  const Reduction r = plan_of("prod", given.shape(), axes, keepdims);
  const Gathered in = gather_axes(given.dtype() == DType::boolean ? cast(given, DType::int32) : given, r);
  Tensor y = empty(r.shape, in.x.dtype());
  dispatch_numeric(in.x.dtype(), "prod", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([at = in.at, from = in.x.data<T>(), to = y.data<T>()] {
      kernels::reduce_prod(at.outer, at.length, at.inner, from, to);
    });
  });
  if (!wants_grad({&in.x})) return y;
  return attach("prod", y, {&in.x}, [at = in.at, kept = keep(in.x)](const Tensor& dy, Grads& to) {
    to.pass(0, prod_gradient(kept, dy, at));
  });
}

Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce_bools("any", &kernels::reduce_any, x, axes, keepdims);
}
Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce_bools("all", &kernels::reduce_all, x, axes, keepdims);
}
Tensor argmax(const Tensor& x, Index axis, bool keepdims) { return arg_extremum("argmax", true, x, axis, keepdims); }
Tensor argmin(const Tensor& x, Index axis, bool keepdims) { return arg_extremum("argmin", false, x, axis, keepdims); }

}  // namespace ranvier::ops
