// Activations by name: what a config's "activation" turns into.
#pragma once

#include <string>

#include "ranvier/io/json.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {

/// An elementwise function with its constants, or one that looks at a whole axis.
struct Activation {
  enum class Kind { elementwise, softmax, log_softmax, sparsemax, glu };
  Kind kind = Kind::elementwise;
  ops::Unary function = ops::Unary::identity;
  ops::UnaryArgs args{};
  Index axis = -1;

  /// Whether it can ride in the epilogue of a product.
  bool elementwise() const { return kind == Kind::elementwise; }
  Tensor operator()(const Tensor& x) const;
};

/// From a Keras name ("relu", "linear", null) or {"class_name": "LeakyReLU", "config": {...}}; ValueError otherwise.
Activation activation_from(const io::Json* spec);

}  // namespace ranvier::nn
