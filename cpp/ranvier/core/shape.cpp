#include "ranvier/core/shape.h"

#include <algorithm>
#include <limits>
#include <ostream>

#include "ranvier/core/check.h"
#include "ranvier/core/dtype.h"

namespace ranvier {

DType dtype_from_name(std::string_view name) {
  for (DType d : {DType::float32, DType::float64, DType::int32, DType::int64, DType::boolean}) {
    if (name == name_of(d)) return d;
  }
  fail("dtype: expected one of float32, float64, int32, int64, bool, received '", name, "'");
}

Shape::Shape(std::span<const Index> dims) {
  check(dims.size() <= max_rank, "shape: expected at most ", max_rank, " dimensions, received ", dims.size());
  rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
}

Index Shape::numel() const { return numel(0, rank_); }

Index Shape::numel(int first, int last) const {
  std::uint64_t n = 1;  // sizes nobody has checked yet may wrap around, which is defined for unsigned numbers only
  for (int i = first; i < last; ++i) n *= static_cast<std::uint64_t>((*this)[i]);
  return static_cast<Index>(n);
}

void Shape::push_back(Index dim) {
  check(rank_ < max_rank, "shape: expected at most ", max_rank, " dimensions");
  dims_[static_cast<std::size_t>(rank_++)] = dim;
}

Shape Shape::without(int axis) const {
  Shape out;
  for (int i = 0; i < rank_; ++i) {
    if (i != axis) out.push_back((*this)[i]);
  }
  return out;
}

Shape Shape::slice(int first, int last) const {
  return Shape(std::span(begin() + first, static_cast<std::size_t>(std::max(last - first, 0))));
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) {
    if (i > 0) out << ", ";
    if (shape[i] == -1) {
      out << "None";
    } else {
      out << shape[i];
    }
  }
  return out << (shape.rank() == 1 ? ",)" : ")");
}

std::string to_string(const Shape& shape) { return concat_text(shape); }

int normalize_axis(Index axis, int rank, const char* what) {
  check(axis >= -rank && axis < rank, what, ": axis ", axis, " is out of range for a tensor of rank ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::size_t checked_bytes(const Shape& shape, std::size_t item) {
  // A quarter of the address space keeps every later sum of sizes free of overflow.
  constexpr std::size_t limit = std::numeric_limits<std::size_t>::max() / 4;
  std::size_t bytes = item;
  bool empty = false;
  for (Index dim : shape) {
    check(dim >= 0, "shape: expected sizes >= 0, received ", shape);
    empty = empty || dim == 0;
    // Like NumPy also beside a size of 0: strides are products of the other sizes.
    const auto size = static_cast<std::size_t>(std::max<Index>(dim, 1));
    check(bytes <= limit / size, "shape: ", shape, " has more elements than memory can address");
    bytes *= size;
  }
  return empty ? 0 : bytes;
}

std::array<Index, max_rank> strides_of(const Shape& shape) {
  std::array<Index, max_rank> strides{};
  std::uint64_t step = 1;  // see numel
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<std::size_t>(i)] = static_cast<Index>(step);
    step *= static_cast<std::uint64_t>(shape[i]);
  }
  return strides;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* what) {
  const int rank = std::max(a.rank(), b.rank());
  Shape out;
  for (int i = 0; i < rank; ++i) {
    const int ia = i - (rank - a.rank());
    const int ib = i - (rank - b.rank());
    const Index da = ia < 0 ? 1 : a[ia];
    const Index db = ib < 0 ? 1 : b[ib];
    check(da == db || da == 1 || db == 1, what, ": shapes ", a, " and ", b, " cannot be broadcast together");
    out.push_back(da == 1 ? db : da);
  }
  return out;
}

Broadcast broadcast_plan(const Shape& a, const Shape& b, const Shape& out) {
  const auto sa = strides_of(a);
  const auto sb = strides_of(b);
  const auto stride = [&](const Shape& shape, const std::array<Index, max_rank>& strides, int axis) -> Index {
    const int i = axis - (out.rank() - shape.rank());
    return i < 0 || shape[i] == 1 ? 0 : strides[static_cast<std::size_t>(i)];
  };
  Broadcast plan;
  for (int i = 0; i < out.rank(); ++i) {
    const Index dim = out[i];
    if (dim == 1) continue;
    const Index step_a = stride(a, sa, i);
    const Index step_b = stride(b, sb, i);
    const auto last = static_cast<std::size_t>(plan.rank - 1);
    if (plan.rank > 0 && plan.a[last] == step_a * dim && plan.b[last] == step_b * dim) {
      plan.dims[last] *= dim;  // the two loops walk memory as one
      plan.a[last] = step_a;
      plan.b[last] = step_b;
      continue;
    }
    const auto at = static_cast<std::size_t>(plan.rank++);
    plan.dims[at] = dim;
    plan.a[at] = step_a;
    plan.b[at] = step_b;
  }
  if (plan.rank == 0) {
    plan.rank = 1;
    plan.dims[0] = 1;
  }
  return plan;
}

}  // namespace ranvier
