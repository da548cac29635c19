#include "ranvier/ops/embedding.h"

#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::ops {

Tensor embedding(const Tensor& table, const Tensor& indices, kernels::Stray* stray) {
  check(table.rank() == 2 && table.dim(0) > 0, "embedding: expected a table of shape (rows, width), received shape ",
        table.shape());
  if (indices.dtype() == DType::boolean) return embedding(table, cast(indices, DType::int64), stray);
  const Index n = indices.numel();
  const Index rows = table.dim(0);
  const Index width = table.dim(1);
  Shape shape = indices.shape();
  shape.push_back(width);
  const Tensor index = empty(indices.shape(), DType::int64);
  Tensor y = empty(shape, table.dtype());
  dispatch_numeric(indices.dtype(), "embedding", [&](auto tag) {
    using I = typename decltype(tag)::type;
    exec([=, given = static_cast<const I*>(indices.data<I>()), to = index.data<std::int64_t>()] {
      kernels::check_indices<I>(n, rows, given, to, stray);
    });
  });
  dispatch_floating(table.dtype(), "embedding", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([=, at = static_cast<const std::int64_t*>(index.data<std::int64_t>()),
          from = static_cast<const T*>(table.data<T>()),
          to = y.data<T>()] { kernels::gather_rows<T>(n, width, at, from, to); });
  });
  if (!wants_grad({&table})) return y;
  // d table[index[i]] = Σ dy[i] over the places the row was looked up for
  return attach("embedding", y, {&table}, [=](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto sink = to.row_sink<T>(0);
      if (!sink) return;
      const auto* at = static_cast<const std::int64_t*>(index.data<std::int64_t>());
      const T* from = dy.data<T>();
      T* data = sink.data;
      if (sink.rows == nullptr) {
        detail::clear(sink, rows * width);
        exec([=] { kernels::scatter_add_rows<T>(n, rows, width, at, from, data); });
        return;
      }
      const Tensor order = empty({n}, DType::int64);
      exec([=, set = sink.rows, place = order.data<std::int64_t>()] {
        const Index* ends = set->group(n, at, place);
        kernels::add_grouped_rows<T>(set->touched(), width, place, ends, from, data);
      });
    });
  });
}

Tensor not_zero(const Tensor& indices) {
  if (indices.dtype() == DType::boolean) return not_zero(cast(indices, DType::int32));
  Tensor mask = empty(indices.shape(), DType::boolean);
  dispatch_numeric(indices.dtype(), "mask", [&](auto tag) {
    using I = typename decltype(tag)::type;
    exec([n = indices.numel(), given = static_cast<const I*>(indices.data<I>()), to = mask.data<bool>()] {
      kernels::nonzero<I>(n, given, to);
    });
  });
  return mask;
}

}  // namespace ranvier::ops
