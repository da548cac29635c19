#include "arguments.h"

#include "ranvier/io/text.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::bindings {

std::string received(py::handle object) {
  const py::object text = py::reinterpret_steal<py::object>(PyObject_Repr(object.ptr()));
  if (!text) {
    PyErr_Clear();
    return Py_TYPE(object.ptr())->tp_name;
  }
  return io::printable(text.cast<std::string>().substr(0, 80));
}

Index index_from(py::handle object, const char* what) {
  if (PyIndex_Check(object.ptr()) == 0) fail<TypeError>(what, ": expected an integer, received ", received(object));
  const py::object number = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  check(overflow == 0, what, ": expected an integer of at most 64 bits, received ", received(number));
  return value;
}

std::vector<Index> indices_from(py::handle object, const char* what) {
  if (PyIndex_Check(object.ptr()) != 0 && !py::isinstance<py::array>(object)) return {index_from(object, what)};
  const bool sequence = PyList_Check(object.ptr()) || PyTuple_Check(object.ptr()) || py::isinstance<py::array>(object);
  if (!sequence || (py::isinstance<py::array>(object) && py::reinterpret_borrow<py::array>(object).ndim() == 0)) {
    fail<TypeError>(what, ": expected integers, received ", received(object));
  }
  std::vector<Index> all;
  for (const py::handle item : py::iter(object)) all.push_back(item.is_none() ? -1 : index_from(item, what));
  return all;
}

Flag flag_from(py::handle object) {
  if (object.ptr() == Py_True || object.ptr() == Py_False) return {object.ptr() == Py_True};
  const bool whole = PyIndex_Check(object.ptr()) != 0 && !py::isinstance<py::array>(object);
  if (whole || std::string(Py_TYPE(object.ptr())->tp_name).starts_with("numpy.bool")) {
    const int truth = PyObject_IsTrue(object.ptr());
    if (truth >= 0) return {truth != 0};
    throw py::error_already_set();
  }
  fail<TypeError>("expected True or False, received ", received(object));
}

Text text_from(py::handle object) {
  if (!py::isinstance<py::str>(object)) fail<TypeError>("expected a str, received ", received(object));
  return {object.cast<std::string>()};
}

Number number_from(py::handle object) {
  const double value = py::isinstance<py::str>(object) ? -1 : PyFloat_AsDouble(object.ptr());
  if (!py::isinstance<py::str>(object) && PyErr_Occurred() == nullptr) return {value};
  PyErr_Clear();
  fail<TypeError>("expected a number, received ", received(object));
}

Tensor optional_tensor(py::handle object, const Tensor& like) {
  if (object.is_none()) return {};
  const Tensor x = to_tensor(object, &like);
  return x.dtype() == like.dtype() || py::isinstance<Tensor>(object) ? x : ops::cast(x, like.dtype());
}

DType dtype_from(py::handle object) {
  if (py::isinstance<py::str>(object)) return dtype_from_name(object.cast<std::string>());
  try {
    if (!object.is_none()) return dtype_from_numpy(py::dtype::from_args(py::reinterpret_borrow<py::object>(object)));
  } catch (const py::error_already_set&) {  // NumPy's text names none of the engine's types
  }
  fail<TypeError>("dtype: expected one of float32, float64, int32, int64, bool, received ", received(object));
}

}  // namespace ranvier::bindings
