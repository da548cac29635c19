// The table of differentiable ops: what a case is and how its inputs are drawn. The cases are in ops_cases_*.h; the
// gradient, precision, replay and thread checks of test_ops_table.cpp walk them.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier::testing {

using Tensors = std::vector<Tensor>;

/// Small reproducible numbers in [0, 1).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1 << 24);
  }

 private:
  std::uint64_t state_;
};

/// How the values of an input are drawn. `weights`: positive rows that sum to 1; `integers`: int64 in [low, high).
enum class Draw { uniform, weights, integers, zero_or_one };

struct Input {
  Shape shape;
  double low = -2;
  double high = 2;
  Draw draw = Draw::uniform;
  bool gradient = true;
};

struct Case {
  std::string name;
  std::vector<Input> inputs;
  std::function<Tensor(const Tensors&)> f;
  bool large = false;  ///< big enough for several threads; too big for differences
  double tolerance = 1e-6;
  bool draws = false;  ///< random: float32 and float64 draw different numbers
};

inline Tensor scalar(const Tensor& like, double value) { return full({}, value, like.dtype()); }

class Table {
 public:
  std::vector<Case> cases;

  void add(std::string name, std::vector<Input> inputs, std::function<Tensor(const Tensors&)> f,
           double tolerance = 1e-6) {
    cases.push_back({std::move(name), std::move(inputs), std::move(f), false, tolerance});
  }
  void large(std::string name, std::vector<Input> inputs, std::function<Tensor(const Tensors&)> f) {
    cases.push_back({"large " + std::move(name), std::move(inputs), std::move(f), true});
  }
};

inline std::vector<double> values_of(const Tensor& x) {
  std::vector<double> out(static_cast<std::size_t>(x.numel()));
  dispatch_any(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(x.data<T>()[i]);
  });
  return out;
}

inline void fill(const Tensor& x, const std::vector<double>& values) {
  dispatch_any(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::size_t i = 0; i < values.size(); ++i) x.data<T>()[i] = static_cast<T>(values[i]);
  });
}

inline std::vector<double> draw(const Input& input, Numbers& numbers) {
  std::vector<double> v(static_cast<std::size_t>(input.shape.numel()));
  for (double& value : v) {
    // Through float, so that both precisions start from the same numbers.
    value = static_cast<double>(static_cast<float>(input.low + (input.high - input.low) * numbers.next()));
    if (input.draw == Draw::integers) value = std::floor(value);
    if (input.draw == Draw::zero_or_one) value = value < 0.5 ? 0 : 1;
  }
  if (input.draw == Draw::weights) {
    const auto n = static_cast<std::size_t>(input.shape.back());
    for (std::size_t r = 0; r < v.size(); r += n) {
      double total = 0;
      for (std::size_t i = 0; i < n; ++i) total += v[r + i];
      for (std::size_t i = 0; i < n; ++i) v[r + i] = static_cast<double>(static_cast<float>(v[r + i] / total));
    }
  }
  return v;
}

inline Tensor tensor_of(const std::vector<double>& values, const Shape& shape, DType dtype = DType::float64) {
  Tensor x = empty(shape, dtype);
  fill(x, values);
  return x;
}

/// Fills tensors drawn before with the values of another seed.
inline void redraw(const Case& c, std::uint64_t seed, const Tensors& inputs) {
  Numbers numbers(seed);
  for (std::size_t i = 0; i < inputs.size(); ++i) fill(inputs[i], draw(c.inputs[i], numbers));
}

/// The inputs of a case in float64 or float32 (the float32 ones are the float64 ones rounded).
inline Tensors draw_inputs(const Case& c, std::uint64_t seed, DType dtype) {
  Tensors inputs;
  for (const Input& input : c.inputs) {
    inputs.push_back(empty(input.shape, input.draw == Draw::integers ? DType::int64 : dtype));
  }
  redraw(c, seed, inputs);
  return inputs;
}

}  // namespace ranvier::testing
