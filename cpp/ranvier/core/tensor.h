// The tensor: a contiguous row-major array with shared storage.
#pragma once

#include <span>

#include "ranvier/core/dtype.h"
#include "ranvier/core/program.h"
#include "ranvier/core/shape.h"
#include "ranvier/core/storage.h"

namespace ranvier {

struct TensorImpl final : RefCounted {
  Ref<Storage> storage;
  std::byte* data = nullptr;
  Shape shape;
  DType dtype = DType::float32;
  Ref<RefCounted> node;    ///< autograd's link to the op that made it; null for plain data
  Ref<RefCounted> origin;  ///< ops' note of what it was computed from (logits under a softmax); usually null
  Ref<TensorImpl> mask;    ///< layers' note of which time steps count; usually null
};

/// A handle: copying it shares the data. A default-made one is "undefined" and only good for being assigned to.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return static_cast<bool>(impl_); }
  const Shape& shape() const { return impl_->shape; }
  DType dtype() const { return impl_->dtype; }
  int rank() const { return impl_->shape.rank(); }
  Index dim(int axis) const { return impl_->shape[axis]; }
  Index numel() const { return impl_->shape.numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype()); }

  void* raw() const { return impl_->data; }
  /// The elements; T must be the tensor's dtype.
  template <class T>
  T* data() const {
    if (dtype_of<T>() != impl_->dtype) [[unlikely]] {
      fail<TypeError>("tensor: expected ", name_of(dtype_of<T>()), ", received ", name_of(impl_->dtype));
    }
    return reinterpret_cast<T*>(impl_->data);
  }

  const Ref<TensorImpl>& impl() const { return impl_; }
  bool same_as(const Tensor& other) const { return impl_ == other.impl_; }
  /// Which steps of a batch of sequences count: bool, shape (batch, time); undefined when all do. Layers hand it on, ops
  /// neither read nor keep it.
  Tensor mask() const { return Tensor(impl_->mask); }
  bool has_mask() const { return static_cast<bool>(impl_->mask); }
  void set_mask(const Tensor& mask) const { impl_->mask = mask.impl_; }
  /// True when no other tensor shares the memory, so that it may be overwritten.
  bool exclusive() const { return impl_.unique() && impl_->storage.unique(); }

 private:
  Ref<TensorImpl> impl_;
};

/// Uninitialised memory from the current pool.
Tensor empty(const Shape& shape, DType dtype);
Tensor zeros(const Shape& shape, DType dtype);
Tensor full(const Shape& shape, double value, DType dtype);
/// A tensor on foreign memory, which must stay valid until `release` is called.
Tensor wrap(void* data, const Shape& shape, DType dtype, std::function<void()> release);
/// Copies `values` into a new tensor. Not for use while a program records (a replay would not copy again).
template <class T>
Tensor from_values(std::span<const T> values, const Shape& shape);

/// The same memory under another shape with as many elements, or a run of `length` rows from `start`; no gradient link.
Tensor view(const Tensor& x, const Shape& shape);
Tensor rows(const Tensor& x, Index start, Index length);
/// Another handle on the same values, with their history, whose mask can be another.
Tensor unmasked(const Tensor& x);

/// A scalar's value as double; ValueError unless it has one element.
double item(const Tensor& x);

/// dst = src, same dtype and number of elements, as a recorded kernel.
void copy_into(const Tensor& dst, const Tensor& src);

}  // namespace ranvier
