#include "ranvier/core/tensor.h"

#include <algorithm>
#include <cstring>

namespace ranvier {
namespace {

Tensor make(Ref<Storage> storage, std::byte* data, const Shape& shape, DType dtype) {
  auto impl = make_ref<TensorImpl>();
  impl->storage = std::move(storage);
  impl->data = data;
  impl->shape = shape;
  impl->dtype = dtype;
  return Tensor(std::move(impl));
}

}  // namespace

Tensor empty(const Shape& shape, DType dtype) {
  Ref<Storage> storage = Pool::current().allocate(checked_bytes(shape, size_of(dtype)));
  std::byte* data = storage->data();
  return make(std::move(storage), data, shape, dtype);
}

Tensor zeros(const Shape& shape, DType dtype) {
  Tensor y = empty(shape, dtype);
  exec([data = y.raw(), bytes = y.bytes()] { std::memset(data, 0, bytes); });
  return y;
}

Tensor full(const Shape& shape, double value, DType dtype) {
  Tensor y = empty(shape, dtype);
  dispatch_any(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([data = y.data<T>(), n = y.numel(), v = static_cast<T>(value)] { std::fill_n(data, n, v); });
  });
  return y;
}

Tensor unmasked(const Tensor& x) {
  Tensor y = make(x.impl()->storage, x.impl()->data, x.shape(), x.dtype());
  y.impl()->node = x.impl()->node;
  y.impl()->origin = x.impl()->origin;
  return y;
}

Tensor wrap(void* data, const Shape& shape, DType dtype, std::function<void()> release) {
  const std::size_t bytes = checked_bytes(shape, size_of(dtype));
  return make(make_ref<Storage>(data, bytes, std::move(release)), static_cast<std::byte*>(data), shape, dtype);
}

template <class T>
Tensor from_values(std::span<const T> values, const Shape& shape) {
  check<StateError>(Program::recording() == nullptr, "from_values: not possible while a program records");
  check(shape.numel() == static_cast<Index>(values.size()), "from_values: expected ", shape.numel(),
        " values for shape ", shape, ", received ", values.size());
  Tensor y = empty(shape, dtype_of<T>());
  std::copy(values.begin(), values.end(), y.data<T>());
  return y;
}
template Tensor from_values(std::span<const float>, const Shape&);
template Tensor from_values(std::span<const double>, const Shape&);
template Tensor from_values(std::span<const std::int32_t>, const Shape&);
template Tensor from_values(std::span<const std::int64_t>, const Shape&);
template Tensor from_values(std::span<const bool>, const Shape&);

Tensor view(const Tensor& x, const Shape& shape) {
  check(shape.numel() == x.numel(), "reshape: expected a shape with ", x.numel(), " elements like ", x.shape(),
        ", received ", shape);
  if (shape.numel() == 0) (void)checked_bytes(shape, size_of(x.dtype()));  // beside a 0 any other size would do
  return make(x.impl()->storage, x.impl()->data, shape, x.dtype());
}

Tensor rows(const Tensor& x, Index start, Index length) {
  check(x.rank() > 0 && start >= 0 && length >= 0 && start <= x.dim(0) - length, "rows: ", start, "..", start + length,
        " is out of range for shape ", x.shape());
  Shape shape = x.shape();
  const auto row = static_cast<std::size_t>(shape.numel(1, shape.rank())) * size_of(x.dtype());
  shape[0] = length;
  return make(x.impl()->storage, x.impl()->data + static_cast<std::size_t>(start) * row, shape, x.dtype());
}

double item(const Tensor& x) {
  check(x.numel() == 1, "item: expected a tensor with one element, received shape ", x.shape());
  return dispatch_any(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return static_cast<double>(*x.data<T>());
  });
}

void copy_into(const Tensor& dst, const Tensor& src) {
  check(dst.numel() == src.numel() && dst.dtype() == src.dtype(), "copy: expected ", name_of(dst.dtype()), " of shape ",
        dst.shape(), ", received ", name_of(src.dtype()), " of shape ", src.shape());
  exec([to = dst.raw(), from = src.raw(), bytes = dst.bytes()] { std::memmove(to, from, bytes); });
}

}  // namespace ranvier
