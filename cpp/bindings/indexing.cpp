#include "indexing.h"

#include "arguments.h"
#include "ranvier/ops/shape.h"

namespace ranvier::bindings {
namespace {

bool is_array_key(const py::handle& key) {
  return py::isinstance<py::array>(key) || py::isinstance<py::list>(key) || py::isinstance<Tensor>(key);
}

Tensor rows_to_take(const py::handle& key, Index length) {
  py::array array = py::array::ensure(key);
  if (array && array.dtype().kind() == 'b') {
    check(array.ndim() == 1, "index: a boolean index must have one axis, received ", array.ndim());
    if (array.shape(0) != length) {
      throw py::index_error(concat_text("index: expected a boolean index of ", length,
                                        " elements, as many as the axis has, ", "received ", array.shape(0)));
    }
    array = py::module_::import("numpy").attr("flatnonzero")(array);
  }
  check<TypeError>(array && (array.dtype().kind() == 'i' || array.dtype().kind() == 'u'),
                   "index: expected integers or booleans in an array index");
  return from_numpy(py::array_t<std::int64_t, py::array::forcecast>(array));
}

}  // namespace

Tensor get_item(const Tensor& x, const py::object& key) {
  const py::tuple keys = py::isinstance<py::tuple>(key) ? py::reinterpret_borrow<py::tuple>(key) : py::make_tuple(key);
  int consumed = 0;
  bool ellipsis = false;
  for (const py::handle k : keys) {
    if (k.is(py::ellipsis())) {
      if (ellipsis) throw py::index_error("index: only one ellipsis (...) is allowed");
      ellipsis = true;
    } else if (!k.is_none()) {
      ++consumed;
    }
  }
  if (consumed > x.rank()) {
    throw py::index_error(concat_text("index: too many indices for shape ", x.shape(), ": ", consumed));
  }

  std::vector<ops::Range> ranges;
  std::vector<Index> shape;  // of the result before the array index
  int array_axis = -1;       // its axis in the result
  Tensor array_rows;
  int axis = 0;
  const auto whole = [&] {
    ranges.emplace_back();
    shape.push_back(x.dim(axis++));
  };
  for (const py::handle k : keys) {
    if (k.is(py::ellipsis())) {
      for (int i = x.rank() - consumed; i > 0; --i) whole();
    } else if (k.is_none()) {
      shape.push_back(1);
    } else if (py::isinstance<py::slice>(k)) {
      Py_ssize_t start = 0, stop = 0, step = 0;  // as everywhere in Python, whatever lies beyond 64 bits is cut off
      if (PySlice_Unpack(k.ptr(), &start, &stop, &step) != 0) throw py::error_already_set();
      ranges.push_back({start, stop, step});
      shape.push_back(PySlice_AdjustIndices(x.dim(axis), &start, &stop, step));
      ++axis;
    } else if (is_array_key(k)) {
      check<TypeError>(!array_rows.defined(), "index: only one array index is supported; use ops.take for the others");
      array_rows = rows_to_take(k, x.dim(axis));
      array_axis = static_cast<int>(shape.size());
      whole();
    } else if (PyIndex_Check(k.ptr()) != 0) {
      Index i = index_from(k, "index");
      const Index n = x.dim(axis);
      if (i < -n || i >= n) {
        throw py::index_error(concat_text("index: ", i, " is out of range for axis ", axis, " of size ", n));
      }
      i = i < 0 ? i + n : i;
      ranges.push_back({i, i + 1, 1});
      ++axis;
    } else {
      fail<TypeError>("index: expected integers, slices, None, ... or an integer array, received ",
                      py::str(py::type::of(k).attr("__name__")).cast<std::string>());
    }
  }
  while (axis < x.rank()) whole();
  const Tensor picked = ops::reshape(ops::slice(x, ranges), shape);
  return array_rows.defined() ? ops::gather(picked, array_rows, array_axis) : picked;
}

}  // namespace ranvier::bindings
