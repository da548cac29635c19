// What the files of the bindings share: conversions between Python objects and the engine's types.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

#include "ranvier/core/parallel.h"
#include "ranvier/nn/layer.h"

PYBIND11_DECLARE_HOLDER_TYPE(T, ranvier::Ref<T>, true)

namespace ranvier::bindings {

namespace py = pybind11;

/// Denormals are flushed inside a bound function and the caller's mode restored after it.
using Flush = py::call_guard<FlushDenormals>;

/// A Tensor as it is, a Variable's value, a NumPy array or number copied into a new tensor. Python numbers take the dtype
/// of `like` when given (an integer never makes a float tensor an integer one). TypeError for anything else.
Tensor to_tensor(py::handle object, const Tensor* like = nullptr);
/// A copy of a NumPy array of one of the engine's dtypes; C-contiguity is arranged here.
Tensor from_numpy(const py::array& array);
/// A NumPy view on the tensor's memory that keeps it alive.
py::array to_numpy(const Tensor& x, bool writable);
py::dtype numpy_dtype(DType dtype);
DType dtype_from_numpy(const py::dtype& dtype);

/// (None, 784) and back.
Shape shape_from(const py::handle& object);
py::tuple shape_to(const Shape& shape);
/// Whether the object is a list or tuple of tensors, variables or arrays: several inputs, not rows of numbers.
bool is_tensor_list(py::handle object);
/// Several shapes, or none when the object is one shape.
std::optional<nn::Shapes> shape_list_from(py::handle object);
py::list shapes_to(const nn::Shapes& shapes);

void bind_tensor(py::module_& m);
void bind_ops(py::module_& m);
void bind_nn(py::module_& m);
void bind_trainer(py::module_& m);
void bind_io(py::module_& m);

}  // namespace ranvier::bindings
