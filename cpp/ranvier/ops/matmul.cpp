#include "ranvier/ops/matmul.h"

#include <algorithm>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/epilogue.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::ops {

using detail::keep;
using detail::linked;
using kernels::Saves;

namespace {

// op(A)·op(B) for every matrix of a batch: op(A) m×k, op(B) k×n; `batch` gives each operand's matrix by its number.
struct Products {
  bool ta;
  bool tb;
  Index m;
  Index n;
  Index k;
  Broadcast batch;
  Index count;

  Index lda() const { return ta ? m : k; }
  Index ldb() const { return tb ? k : n; }
};

struct Place {
  Index a = 0;
  Index b = 0;
  bool first_a = true;  ///< no earlier product of the batch uses the same matrix of A
  bool first_b = true;
};

Place place(const Products& p, Index i) {
  Place at;
  for (int axis = p.batch.rank - 1; axis >= 0; --axis) {
    const auto d = static_cast<std::size_t>(axis);
    const Index c = i % p.batch.dims[d];
    i /= p.batch.dims[d];
    at.a += c * p.batch.a[d] * p.m * p.k;
    at.b += c * p.batch.b[d] * p.k * p.n;
    at.first_a = at.first_a && (c == 0 || p.batch.a[d] != 0);
    at.first_b = at.first_b && (c == 0 || p.batch.b[d] != 0);
  }
  return at;
}

bool repeats(const Products& p, const std::array<Index, max_rank>& strides) {
  for (std::size_t d = 0; d < static_cast<std::size_t>(p.batch.rank); ++d) {
    if (strides[d] == 0 && p.batch.dims[d] > 1) return true;
  }
  return false;
}

// Small products go to the threads whole; large ones come one after the other, each on all threads.
template <class F>
void for_each_product(const Products& p, bool independent, const F& f) {
  constexpr Index small = Index{1} << 20;
  constexpr Index piece = Index{1} << 16;
  const Index work = std::max<Index>(p.m * p.n * p.k, 1);
  if (!independent || p.count == 1 || work > small) {
    for (Index i = 0; i < p.count; ++i) f(i);
    return;
  }
  parallel_for(p.count, std::max<Index>(piece / work, 1), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) f(i);
  });
}

template <class T>
void multiply_all(const Products& p, const T* a, const T* b, T* c) {
  for_each_product(p, true, [&](Index i) {
    const Place at = place(p, i);
    kernels::gemm<T>(p.ta, p.tb, p.m, p.n, p.k, a + at.a, p.lda(), b + at.b, p.ldb(), T{0}, c + i * p.m * p.n, p.n);
  });
}

// dA = dC·op(B)ᵀ, or its transpose op(B)·dCᵀ when A is stored transposed; a repeated A collects from all its products.
template <class T>
void backward_a(const Products& p, bool shared, const T* b, const T* dc, T* da, bool accumulate) {
  for_each_product(p, !shared, [&](Index i) {
    const Place at = place(p, i);
    const T beta = accumulate || !at.first_a ? T{1} : T{0};
    const T* g = dc + i * p.m * p.n;
    if (p.ta) {
      kernels::gemm<T>(p.tb, true, p.k, p.m, p.n, b + at.b, p.ldb(), g, p.n, beta, da + at.a, p.m);
    } else {
      kernels::gemm<T>(false, !p.tb, p.m, p.k, p.n, g, p.n, b + at.b, p.ldb(), beta, da + at.a, p.k);
    }
  });
}

// dB = op(A)ᵀ·dC, or its transpose dCᵀ·op(A)
template <class T>
void backward_b(const Products& p, bool shared, const T* a, const T* dc, T* db, bool accumulate) {
  for_each_product(p, !shared, [&](Index i) {
    const Place at = place(p, i);
    const T beta = accumulate || !at.first_b ? T{1} : T{0};
    const T* g = dc + i * p.m * p.n;
    if (p.tb) {
      kernels::gemm<T>(true, p.ta, p.n, p.k, p.m, g, p.n, a + at.a, p.lda(), beta, db + at.b, p.k);
    } else {
      kernels::gemm<T>(!p.ta, false, p.k, p.n, p.m, a + at.a, p.lda(), g, p.n, beta, db + at.b, p.n);
    }
  });
}

}  // namespace

Tensor matmul(const Tensor& given_a, const Tensor& given_b, bool transpose_a, bool transpose_b) {
  check(given_a.rank() > 0 && given_b.rank() > 0, "matmul: expected vectors or matrices, received shapes ",
        given_a.shape(), " and ", given_b.shape(), "; use * for a scalar factor");
  const DType dtype = promote(given_a.dtype(), given_b.dtype());
  check<TypeError>(is_floating(dtype), "matmul: expected float32 or float64, received ", name_of(given_a.dtype()),
                   " and ", name_of(given_b.dtype()), "; cast them first");
  const Tensor a = cast(given_a, dtype);
  const Tensor b = cast(given_b, dtype);
  const bool vector_a = a.rank() == 1;
  const bool vector_b = b.rank() == 1;

  Products p{};
  p.ta = transpose_a && !vector_a;
  p.tb = transpose_b && !vector_b;
  const Index rows_a = vector_a ? 1 : a.dim(a.rank() - 2);
  const Index cols_a = a.dim(a.rank() - 1);
  const Index rows_b = vector_b ? b.dim(0) : b.dim(b.rank() - 2);
  const Index cols_b = vector_b ? 1 : b.dim(b.rank() - 1);
  p.m = p.ta ? cols_a : rows_a;
  p.k = p.ta ? rows_a : cols_a;
  p.n = p.tb ? rows_b : cols_b;
  const Index inner_b = p.tb ? cols_b : rows_b;
  check(p.k == inner_b, "matmul: expected inner dimensions to agree, received ", a.shape(), p.ta ? " (transposed)" : "",
        " and ", b.shape(), p.tb ? " (transposed)" : "");

  const Shape batch_a = a.shape().slice(0, a.rank() - 2);
  const Shape batch_b = b.shape().slice(0, b.rank() - 2);
  Shape shape = broadcast_shapes(batch_a, batch_b, "matmul");
  p.count = shape.numel();
  p.batch = broadcast_plan(batch_a, batch_b, shape);
  if (!vector_a) shape.push_back(p.m);
  if (!vector_b) shape.push_back(p.n);
  if (!p.ta && batch_b.numel() == 1 && p.count > 1) {  // one B for all: the rows of all A are one tall matrix
    p.m *= p.count;
    p.count = 1;
    p.batch = broadcast_plan({}, {}, {});
  }

  Tensor y = empty(shape, dtype);
  dispatch_floating(dtype, "matmul", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([p, pa = a.data<T>(), pb = b.data<T>(), pc = y.data<T>()] { multiply_all(p, pa, pb, pc); });
  });
  if (!wants_grad({&a, &b})) return y;
  const Tensor kept_a = linked(b) ? keep(a) : Tensor();
  const Tensor kept_b = linked(a) ? keep(b) : Tensor();
  return attach("matmul", y, {&a, &b},
                [p, kept_a, kept_b, size_a = a.numel(), size_b = b.numel()](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    if (const auto da = to.sink<T>(0)) {
                      if (p.count == 0) detail::clear(da, size_a);
                      exec([p, shared = repeats(p, p.batch.a), pb = kept_b.data<T>(), g = dy.data<T>(), da] {
                        backward_a(p, shared, pb, g, da.data, da.accumulate);
                      });
                    }
                    if (const auto db = to.sink<T>(1)) {
                      if (p.count == 0) detail::clear(db, size_b);
                      exec([p, shared = repeats(p, p.batch.b), pa = kept_a.data<T>(), g = dy.data<T>(), db] {
                        backward_b(p, shared, pa, g, db.data, db.accumulate);
                      });
                    }
                  });
                });
}

namespace {

// The product of a dense layer: x (m, k), kernel (k, n).
struct DenseSize {
  Index m;
  Index n;
  Index k;
};

// How many leading axes of a kernel hold the `in` features of x; 0 when no number of them does.
int axes_of_input(const Shape& kernel, Index in) {
  for (int axes = 1; axes < kernel.rank(); ++axes) {
    if (kernel.numel(0, axes) == in) return axes;
  }
  return 0;
}

// z = x·W + b: dW = xᵀ·dz, dx = dz·Wᵀ, given the gradient dz of z.
template <class T>
void dense_backward(const DenseSize& size, const Tensor& x, const Tensor& kernel, const T* dz, Grads& to) {
  if (const auto dw = to.sink<T>(1)) {
    exec([size, px = x.data<T>(), dz, dw] {
      kernels::gemm<T>(true, false, size.k, size.n, size.m, px, size.k, dz, size.n, dw.accumulate ? T{1} : T{0},
                       dw.data, size.n);
    });
  }
  if (const auto dx = to.sink<T>(0)) {
    exec([size, pw = kernel.data<T>(), dz, dx] {
      kernels::gemm<T>(false, true, size.m, size.k, size.n, dz, size.n, pw, size.n, dx.accumulate ? T{1} : T{0},
                       dx.data, size.k);
    });
  }
}

}  // namespace

Tensor dense(const Tensor& given, const Tensor& kernel, const Tensor& bias, Unary activation, UnaryArgs args) {
  check(kernel.rank() >= 2, "dense: expected a kernel of shape (in, units), received ", kernel.shape());
  const Index in = given.rank() > 0 ? given.shape().back() : 0;
  const int split = axes_of_input(kernel.shape(), in);
  check(given.rank() > 0 && split > 0, "dense: expected ", kernel.dim(0),
        " features (last axis), received x with shape ", given.shape());
  const Index units = kernel.shape().numel(split, kernel.rank());
  check(!bias.defined() || bias.numel() == units, "dense: expected a bias of shape (", units, ",), received ",
        bias.defined() ? bias.shape() : Shape{});
  check<TypeError>(!bias.defined() || bias.dtype() == kernel.dtype(), "dense: expected a bias of the kernel's dtype ",
                   name_of(kernel.dtype()), ", received another");
  const Tensor x = cast(given, kernel.dtype());
  const DenseSize size{x.shape().numel(0, x.rank() - 1), units, in};
  Shape shape = x.shape();
  shape[x.rank() - 1] = size.n;

  const bool wanted = wants_grad({&x, &kernel, &bias});
  const bool sigmoid = activation == Unary::sigmoid;  // its argument is remembered for a cross-entropy
  const Saves saves = kernels::saves_of(activation);
  // Some functions leave (half) their derivative behind instead of their argument, which spares backward its computation.
  const bool slope = wanted && kernels::unary_slope_tile<float>(activation) != nullptr;
  Tensor y = empty(shape, x.dtype());
  Tensor z = sigmoid || (wanted && saves == Saves::x) ? empty(shape, x.dtype()) : Tensor();
  // y = f(z), z = x·W + b
  dispatch_floating(x.dtype(), "dense", [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto epilogue = detail::epilogue_of<T>(bias, activation, args, z);
    if (slope) epilogue.with_slope = kernels::unary_slope_tile<T>(activation);
    exec([size, epilogue, px = x.data<T>(), pw = kernel.data<T>(), py = y.data<T>()] {
      kernels::gemm<T>(false, false, size.m, size.n, size.k, px, size.k, pw, size.n, T{0}, py, size.n, &epilogue);
    });
  });

  const Tensor kept_x = wanted && linked(kernel) ? keep(x) : Tensor();
  const Tensor kept_kernel = wanted && linked(x) ? keep(kernel) : Tensor();
  // dz = dy·f' and db = Σ_rows dz, then the products' part
  const auto through = [size, args, kept_x, kept_kernel](Unary f, const Tensor& kept) {
    return [=](const Tensor& dy, Grads& to) {
      const Tensor dz = detail::back_through(f, args, kept, dy, to, 2);
      dispatch_floating(dz.dtype(), "gradient", [&](auto tag) {
        using T = typename decltype(tag)::type;
        dense_backward(size, kept_x, kept_kernel, static_cast<const T*>(dz.data<T>()), to);
      });
    };
  };
  if (sigmoid) {
    if (wanted) attach("dense", z, {&x, &kernel, &bias}, through(Unary::identity, {}));
    remember_logits(y, Squash::sigmoid, z);
    if (!wanted) return y;
    // dz = dy·y·(1 − y)
    return attach("sigmoid", y, {&z}, [kept = keep(y)](const Tensor& dy, Grads& to) {
      dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
        using T = typename decltype(tag)::type;
        const auto dz = to.sink<T>(0);
        exec([n = dy.numel(), py = kept.data<T>(), g = dy.data<T>(), dz] {
          kernels::unary_backward<T>(Unary::sigmoid, {}, n, nullptr, py, g, dz.data, dz.accumulate);
        });
      });
    });
  }
  if (!wanted) return y;
  return attach("dense", y, {&x, &kernel, &bias},
                through(slope ? Unary::square : activation, saves == Saves::y   ? keep(y)
                                                            : saves == Saves::x ? z
                                                                                : Tensor()));
}

}  // namespace ranvier::ops
