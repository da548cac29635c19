// Arguments of the methods users call directly: what does not fit is refused by value, not with a list of signatures.
#pragma once

#include "bindings.h"

namespace ranvier::bindings {

/// A short text of an argument for messages.
std::string received(py::handle object);
/// An int, or anything with __index__; TypeError or ValueError naming `what` otherwise.
Index index_from(py::handle object, const char* what);
/// An int or a sequence of ints, None as -1.
std::vector<Index> indices_from(py::handle object, const char* what);

/// True or False, Python's or NumPy's.
struct Flag {
  bool on = false;
  operator bool() const { return on; }
};
Flag flag_from(py::handle object);

/// A str.
struct Text {
  std::string value;
};
Text text_from(py::handle object);

/// An int or a float, Python's or NumPy's.
struct Number {
  double value = 0;
};
Number number_from(py::handle object);

/// A Tensor, Variable, array or number where a tensor is optional; undefined for None.
Tensor optional_tensor(py::handle object, const Tensor& like);

/// The name of a dtype as text, or NumPy's object for it.
DType dtype_from(py::handle object);

}  // namespace ranvier::bindings

namespace pybind11::detail {

template <>
struct type_caster<ranvier::bindings::Flag> {
  PYBIND11_TYPE_CASTER(ranvier::bindings::Flag, const_name("bool"));
  bool load(handle source, bool) {
    value = ranvier::bindings::flag_from(source);
    return true;
  }
  static handle cast(ranvier::bindings::Flag flag, return_value_policy, handle) { return bool_(flag.on).release(); }
};

template <>
struct type_caster<ranvier::bindings::Text> {
  PYBIND11_TYPE_CASTER(ranvier::bindings::Text, const_name("str"));
  bool load(handle source, bool) {
    value = ranvier::bindings::text_from(source);
    return true;
  }
  static handle cast(const ranvier::bindings::Text& text, return_value_policy, handle) {
    return str(text.value).release();
  }
};

template <>
struct type_caster<ranvier::bindings::Number> {
  PYBIND11_TYPE_CASTER(ranvier::bindings::Number, const_name("float"));
  bool load(handle source, bool) {
    value = ranvier::bindings::number_from(source);
    return true;
  }
  static handle cast(ranvier::bindings::Number number, return_value_policy, handle) {
    return PyFloat_FromDouble(number.value);
  }
};

}  // namespace pybind11::detail
