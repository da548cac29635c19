// Shapes: up to eight dimensions held inline, row-major strides, and the broadcasting rule.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace ranvier {

using Index = std::int64_t;
constexpr int max_rank = 8;

/// The sizes of a tensor. A batch dimension not known yet is written -1 (layers before their first call).
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Index> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const Index> dims);

  int rank() const { return rank_; }
  Index operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  Index& operator[](int axis) { return dims_[static_cast<std::size_t>(axis)]; }
  Index back() const { return dims_[static_cast<std::size_t>(rank_ - 1)]; }
  const Index* begin() const { return dims_.data(); }
  const Index* end() const { return dims_.data() + rank_; }

  /// Number of elements; 1 for a scalar. Overflow is ruled out where tensors are made (checked_bytes).
  Index numel() const;
  /// Product of the dimensions [first, last).
  Index numel(int first, int last) const;

  void push_back(Index dim);
  Shape without(int axis) const;
  Shape slice(int first, int last) const;

  bool operator==(const Shape& other) const;

 private:
  std::array<Index, max_rank> dims_{};
  int rank_ = 0;
};

/// "(32, 28, 28)", "(10,)", "()", with None for -1: the way Python prints it.
std::string to_string(const Shape& shape);
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// `axis` in [0, rank) from Python's negative or positive form; ValueError otherwise.
int normalize_axis(Index axis, int rank, const char* what);

/// Bytes of a tensor of this shape; ValueError on a negative size or when it cannot be addressed.
std::size_t checked_bytes(const Shape& shape, std::size_t item);

/// Row-major strides in elements.
std::array<Index, max_rank> strides_of(const Shape& shape);

/// NumPy's broadcasting; ValueError naming both shapes when they do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* what);

/// Loop nest over `out` reading two operands: dimensions merged where possible, stride 0 where an operand repeats.
struct Broadcast {
  int rank = 0;
  std::array<Index, max_rank> dims{};
  std::array<Index, max_rank> a{};
  std::array<Index, max_rank> b{};
};

/// The loop nest for operands of shapes a and b over out = broadcast_shapes(a, b).
Broadcast broadcast_plan(const Shape& a, const Shape& b, const Shape& out);

}  // namespace ranvier
