#include <algorithm>
#include <tuple>
#include <utility>

#include "arguments.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::bindings {

py::dtype numpy_dtype(DType dtype) {
  return dispatch_any(dtype, [](auto tag) { return py::dtype::of<typename decltype(tag)::type>(); });
}

DType dtype_from_numpy(const py::dtype& dtype) {
  // By kind and size: comparing dtype objects would cost more than a small network.
  const bool native = dtype.byteorder() == '=' || dtype.byteorder() == '|';
  for (const auto& [kind, size, known] : {std::tuple{'f', 4, DType::float32},
                                          {'f', 8, DType::float64},
                                          {'i', 4, DType::int32},
                                          {'i', 8, DType::int64},
                                          {'b', 1, DType::boolean}}) {
    if (native && dtype.kind() == kind && dtype.itemsize() == size) return known;
  }
  fail<TypeError>("array: expected dtype float32, float64, int32, int64 or bool, received ",
                  py::str(dtype).cast<std::string>());
}

Tensor from_numpy(const py::array& array) {
  const bool contiguous = (array.flags() & py::array::c_style) != 0;
  const py::array plain = contiguous ? array : py::array::ensure(array, py::array::c_style);
  if (!plain) fail<TypeError>("array: expected one that can be copied to contiguous memory");
  const DType dtype = dtype_from_numpy(plain.dtype());
  check(plain.ndim() <= max_rank, "array: expected at most ", max_rank, " dimensions, received ", plain.ndim());
  Shape shape;
  for (py::ssize_t i = 0; i < plain.ndim(); ++i) shape.push_back(plain.shape(i));
  const Tensor x = empty(shape, dtype);
  std::memcpy(x.raw(), plain.data(), x.bytes());
  return x;
}

py::array to_numpy(const Tensor& x, bool writable) {
  const std::vector<py::ssize_t> shape(x.shape().begin(), x.shape().end());
  auto* kept = new Tensor(x);
  const py::capsule owner(kept, [](void* tensor) { delete static_cast<Tensor*>(tensor); });
  py::array view(numpy_dtype(x.dtype()), shape, {}, x.raw(), owner);
  if (!writable) view.attr("flags").attr("writeable") = false;
  return view;
}

Tensor to_tensor(py::handle object, const Tensor* like) {
  if (py::isinstance<py::array>(object)) return from_numpy(py::reinterpret_borrow<py::array>(object));
  if (py::isinstance<Tensor>(object)) return object.cast<const Tensor&>();
  if (py::isinstance<nn::Parameter>(object)) return object.cast<const nn::Parameter&>().value;
  if (PyFloat_CheckExact(object.ptr())) {
    const DType dtype = like != nullptr && is_floating(like->dtype()) ? like->dtype() : DType::float32;
    return full({}, PyFloat_AS_DOUBLE(object.ptr()), dtype);
  }
  if (PyBool_Check(object.ptr())) return full({}, object.cast<bool>() ? 1 : 0, DType::boolean);
  if (PyLong_CheckExact(object.ptr())) {
    if (like != nullptr && is_floating(like->dtype())) {
      const double value = PyLong_AsDouble(object.ptr());
      if (value == -1 && PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        fail("expected a number within the range of ", name_of(like->dtype()), ", received ", received(object));
      }
      return full({}, value, like->dtype());
    }
    const std::int64_t value = index_from(object, "tensor");
    if (like != nullptr && like->dtype() == DType::int32 && std::in_range<std::int32_t>(value)) {
      return full({}, static_cast<double>(value), DType::int32);
    }
    return from_values<std::int64_t>(std::span(&value, 1), {});
  }
  if (py::hasattr(object, "__array__") || PyList_Check(object.ptr()) || PyTuple_Check(object.ptr())) {
    const py::array array = py::array::ensure(object);
    if (!array) fail<TypeError>("expected numbers in rows of equal length, received ", received(object));
    return from_numpy(array);
  }
  fail<TypeError>("expected a tensor, an array or a number, received ",
                  py::str(py::type::of(object).attr("__name__")).cast<std::string>());
}

Shape shape_from(const py::handle& object) {
  Shape shape;
  for (const Index size : indices_from(object, "shape")) shape.push_back(size);
  return shape;
}

py::tuple shape_to(const Shape& shape) {
  py::tuple out(shape.rank());
  for (int i = 0; i < shape.rank(); ++i) {
    out[static_cast<std::size_t>(i)] = shape[i] == -1 ? py::object(py::none()) : py::object(py::int_(shape[i]));
  }
  return out;
}

bool is_tensor_list(py::handle object) {
  if (!PyList_Check(object.ptr()) && !PyTuple_Check(object.ptr())) return false;
  const auto items = py::reinterpret_borrow<py::sequence>(object);
  const auto is_tensor = [](py::handle item) {
    return py::isinstance<Tensor>(item) || py::isinstance<py::array>(item) || py::isinstance<nn::Parameter>(item);
  };
  return !items.empty() && std::all_of(items.begin(), items.end(), is_tensor);
}

std::optional<nn::Shapes> shape_list_from(py::handle object) {
  if (!PyList_Check(object.ptr()) && !PyTuple_Check(object.ptr())) return {};
  const auto items = py::reinterpret_borrow<py::sequence>(object);
  if (items.empty()) return {};
  const py::object first = items[0];
  if (!PyList_Check(first.ptr()) && !PyTuple_Check(first.ptr())) return {};
  nn::Shapes shapes;
  for (const py::handle item : items) shapes.push_back(shape_from(item));
  return shapes;
}

py::list shapes_to(const nn::Shapes& shapes) {
  py::list out;
  for (const Shape& shape : shapes) out.append(shape_to(shape));
  return out;
}

}  // namespace ranvier::bindings
