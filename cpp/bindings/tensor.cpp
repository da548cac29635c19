// Tensor and Variable as Python sees them.
#include <pybind11/operators.h>

#include "arguments.h"
#include "indexing.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::bindings {
namespace {

using nn::Parameter;
using ops::Binary;
using ops::Compare;

const Tensor& value_of(const Tensor& x) { return x; }
const Tensor& value_of(const Parameter& p) { return p.value; }

bool operand(const py::object& x) {
  return py::isinstance<Tensor>(x) || py::isinstance<Parameter>(x) || py::isinstance<py::array>(x) ||
         py::isinstance<py::int_>(x) || py::isinstance<py::float_>(x) || PyIndex_Check(x.ptr()) ||
         py::isinstance<py::list>(x);
}

ops::Axes axes_from(const py::object& axis) { return axis.is_none() ? ops::Axes() : indices_from(axis, "axis"); }

/// The arithmetic that Tensor and Variable share.
template <class Class>
void bind_arithmetic(Class& cls) {
  using Self = typename Class::type;
  const auto binary = [&cls](const char* name, const char* reflected, Binary op) {
    cls.def(
        name,
        [op](const Self& self, const py::object& other) -> py::object {
          if (!operand(other)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
          const Tensor& a = value_of(self);
          return py::cast(ops::binary(op, a, to_tensor(other, &a)));
        },
        py::is_operator(), Flush());
    if (reflected == nullptr) return;
    cls.def(
        reflected,
        [op](const Self& self, const py::object& other) -> py::object {
          if (!operand(other)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
          const Tensor& a = value_of(self);
          return py::cast(ops::binary(op, to_tensor(other, &a), a));
        },
        py::is_operator(), Flush());
  };
  binary("__add__", "__radd__", Binary::add);
  binary("__sub__", "__rsub__", Binary::subtract);
  binary("__mul__", "__rmul__", Binary::multiply);
  binary("__truediv__", "__rtruediv__", Binary::divide);
  binary("__pow__", "__rpow__", Binary::power);
  const auto compare = [&cls](const char* name, Compare op) {
    cls.def(
        name,
        [op](const Self& self, const py::object& other) -> py::object {
          if (!operand(other)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
          const Tensor& a = value_of(self);
          return py::cast(ops::compare(op, a, to_tensor(other, &a)));
        },
        py::is_operator(), Flush());
  };
  compare("__lt__", Compare::less);
  compare("__le__", Compare::less_equal);
  compare("__gt__", Compare::greater);
  compare("__ge__", Compare::greater_equal);
  compare("__eq__", Compare::equal);
  compare("__ne__", Compare::not_equal);
  cls.def("__hash__",
          [](const Self& self) { return reinterpret_cast<std::uintptr_t>(value_of(self).impl().get()) >> 4; });
  cls.def(
      "__matmul__",
      [](const Self& self, const py::object& other) { return ops::matmul(value_of(self), to_tensor(other)); },
      py::is_operator(), Flush());
  cls.def(
      "__rmatmul__",
      [](const Self& self, const py::object& other) { return ops::matmul(to_tensor(other), value_of(self)); },
      py::is_operator(), Flush());
  cls.def(
      "__neg__", [](const Self& self) { return ops::unary(ops::Unary::negative, value_of(self)); }, Flush());
  cls.def(
      "__abs__", [](const Self& self) { return ops::unary(ops::Unary::abs, value_of(self)); }, Flush());
  cls.def(
      "__getitem__", [](const Self& self, const py::object& key) { return get_item(value_of(self), key); }, Flush());
  cls.def("__len__", [](const Self& self) {
    check<TypeError>(value_of(self).rank() > 0, "len() of a tensor without axes");
    return value_of(self).dim(0);
  });
  cls.def("__bool__", [](const Self& self) { return item(value_of(self)) != 0; });
  cls.def("__float__", [](const Self& self) { return item(value_of(self)); });
  cls.def("__int__", [](const Self& self) { return static_cast<std::int64_t>(item(value_of(self))); });
  cls.def_property_readonly(
      "shape", [](const Self& self) { return shape_to(value_of(self).shape()); }, "Sizes.");
  cls.def_property_readonly(
      "dtype", [](const Self& self) { return std::string(name_of(value_of(self).dtype())); },
      "Name of the element type, \"float32\".");
  cls.def_property_readonly(
      "ndim", [](const Self& self) { return value_of(self).rank(); }, "Number of axes.");
  cls.def_property(
      "_keras_mask",
      [](const Self& self) -> std::optional<Tensor> {
        const Tensor mask = value_of(self).mask();
        return mask.defined() ? std::optional(mask) : std::nullopt;
      },
      [](const Self& self, const std::optional<Tensor>& mask) {
        const Tensor& x = value_of(self);
        if (mask) {
          check(mask->dtype() == DType::boolean && mask->rank() <= x.rank() &&
                    x.shape().slice(0, mask->rank()) == mask->shape(),
                "mask: expected bools for the first axes of shape ", x.shape(), ", received ", name_of(mask->dtype()),
                " of shape ", mask->shape());
        }
        x.set_mask(mask.value_or(Tensor()));
      },
      "Which steps count: bools of shape (batch, time), or None when all do.");
  cls.def_property_readonly(
      "size", [](const Self& self) { return value_of(self).numel(); }, "Number of elements.");
  cls.def_property_readonly(
      "grad",
      [](const Self& self) -> std::optional<Tensor> {
        const Tensor grad = Leaf::grad(value_of(self));
        return grad.defined() ? std::optional(view(grad, value_of(self).shape())) : std::nullopt;
      },
      "The gradient collected so far, None when there is none. It shares memory with the buffer gradients go to.");
  cls.def(
      "__array__",
      [](const Self& self, const py::object& dtype, const py::object& copy) -> py::object {
        const py::array own = to_numpy(value_of(self), false);
        const bool converts = !dtype.is_none() && !py::dtype::from_args(dtype).equal(own.dtype());
        if (converts) return own.attr("astype")(dtype);
        return !copy.is_none() && flag_from(copy) ? own.attr("copy")() : py::object(own);
      },
      py::arg("dtype") = py::none(), py::arg("copy") = py::none());
  cls.attr("__array_priority__") = 1000;  // array + tensor asks the tensor
  cls.attr("__array_ufunc__") = py::none();
}

template <class Class>
void bind_reductions(Class& cls) {
  using Reduction = Tensor (*)(const Tensor&, const ops::Axes&, bool);
  const std::pair<const char*, Reduction> reductions[] = {{"sum", ops::sum}, {"mean", ops::mean},    {"max", ops::max},
                                                          {"min", ops::min}, {"var", ops::variance}, {"any", ops::any},
                                                          {"all", ops::all}, {"prod", ops::prod}};
  for (const auto& [name, function] : reductions) {
    cls.def(
        name,
        [function](const Tensor& self, const py::object& axis, Flag keepdims) {
          return function(self, axes_from(axis), keepdims);
        },
        py::arg("axis") = py::none(), py::arg("keepdims") = Flag(), Flush(),
        "Reduces over `axis` (an int, several, or None for all).");
  }
}

py::object number(const Tensor& x) {
  const double value = item(x);
  if (is_floating(x.dtype())) return py::float_(value);
  if (x.dtype() == DType::boolean) return py::bool_(value != 0);
  return x.dtype() == DType::int64 ? py::int_(*x.data<std::int64_t>()) : py::int_(*x.data<std::int32_t>());
}

std::string tensor_repr(const Tensor& x) {
  const py::object text = py::module_::import("numpy").attr("array2string")(
      to_numpy(x, false), py::arg("separator") = ", ", py::arg("threshold") = 100, py::arg("precision") = 6);
  return concat_text("<Tensor shape=", x.shape(), " dtype=", name_of(x.dtype()),
                     Leaf::requires_grad(x) ? (Leaf::is_leaf(x) ? " requires_grad" : " with history") : "", "\n",
                     text.cast<std::string>(), ">");
}

/// Tensor.__new__(Tensor) would be an object with nothing in it, whose use reads memory nobody has written.
py::custom_type_setup only_made_with(newfunc make) {
  return py::custom_type_setup([make](PyHeapTypeObject* heap) { heap->ht_type.tp_new = make; });
}

PyObject* refuse_new(PyTypeObject* type, PyObject* /*arguments*/, PyObject* /*keywords*/) {
  PyErr_Format(PyExc_TypeError, "%s: expected to be made by ranvier.ops.convert_to_tensor(x) or another operation",
               type->tp_name);
  return nullptr;
}

PyObject* new_with_arguments(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  const bool derived =
      reinterpret_cast<PyObject*>(type) != py::type::of<Parameter>().ptr();  // its __init__ may need none
  if (derived || PyTuple_GET_SIZE(arguments) > 0 || (keywords != nullptr && PyDict_GET_SIZE(keywords) > 0)) {
    return py::detail::make_new_instance(type);
  }
  PyErr_Format(PyExc_TypeError, "%s: expected a value, as in Variable([1.0, 2.0])", type->tp_name);
  return nullptr;
}

void bind_tensor_class(py::module_& m) {
  py::class_<Tensor> cls(m, "Tensor",
                         "An array of the engine: contiguous, on the CPU, part of automatic differentiation.",
                         only_made_with(&refuse_new));
  bind_arithmetic(cls);
  bind_reductions(cls);
  cls.def(
      "numpy", [](const Tensor& self) { return to_numpy(self, false); },
      "The values as a NumPy array: a read-only view, no copy.");
  cls.def("item", &number, "The value of a tensor with one element as a Python number.");
  cls.def(
      "tolist", [](const Tensor& self) { return to_numpy(self, false).attr("tolist")(); }, "Nested Python lists.");
  cls.def(
      "backward",
      [](const Tensor& self, const py::object& gradient) {
        const Tensor start = optional_tensor(gradient, self);
        const py::gil_scoped_release release;
        backward(self, start);
      },
      py::arg("gradient") = py::none(), Flush(),
      "Adds the derivative of this scalar to `.grad` of every weight and leaf it depends on. `gradient` (same shape) "
      "starts "
      "the walk for a tensor that is not a scalar. What the computation kept is freed: RuntimeError on a second call.");
  cls.def("detach", &stop_gradient, "The same values without history.");
  cls.def(
      "astype", [](const Tensor& self, const py::object& dtype) { return ops::cast(self, dtype_from(dtype)); },
      py::arg("dtype"), Flush(), "The values as another dtype.");
  cls.def(
      "reshape",
      [](const Tensor& self, const py::args& shape) {
        return ops::reshape(self,
                            indices_from(shape.size() == 1 ? py::object(shape[0]) : py::object(shape), "reshape"));
      },
      Flush(), "The same values under another shape; one size may be -1.");
  cls.def_property_readonly(
      "T", [](const Tensor& self) { return ops::transpose(self); }, "The axes reversed.");
  cls.def_property(
      "requires_grad", &Leaf::requires_grad,
      [](const Tensor& self, Flag on) { on ? Leaf::require_grad(self) : Leaf::drop(self); },
      "Whether gradients are collected for this tensor (settable unless it was computed from others).");
  cls.def("__iter__", [](const py::object& self) {
    return py::module_::import("builtins")
        .attr("map")(self.attr("__getitem__"), py::module_::import("builtins").attr("range")(py::len(self)));
  });
  cls.def("__repr__", &tensor_repr);
  cls.def(
      "__reduce__",
      [](const Tensor& self) -> py::tuple {
        return py::make_tuple(py::module_::import("ranvier._core").attr("as_tensor"),
                              py::make_tuple(to_numpy(self, false)));
      },
      "For copy and pickle: the values, without history.");
  cls.def(
      "__dlpack__",
      [](const Tensor& self, const py::kwargs& kwargs) { return to_numpy(self, true).attr("__dlpack__")(**kwargs); },
      "DLPack export: shares the memory.");
  cls.def("__dlpack_device__", [](const Tensor&) { return py::make_tuple(1, 0); });
}

void bind_variable_class(py::module_& m) {
  py::class_<Parameter, Ref<Parameter>> cls(m, "Variable", "A weight of a layer: a named tensor that keeps its place.",
                                            only_made_with(&new_with_arguments));
  bind_arithmetic(cls);
  cls.def(py::init([](const py::object& value, Flag trainable, const Text& name, const std::optional<Text>& path) {
            const Tensor given = to_tensor(value);
            const Tensor own = empty(given.shape(), given.dtype());
            copy_into(own, given);
            auto made = make_ref<Parameter>(name.value, own, trainable);
            if (path) made->path = path->value;
            return made;
          }),
          py::arg("value"), py::arg("trainable") = Flag{true}, py::arg("name") = Text{"variable"},
          py::arg("path") = py::none());
  cls.def_property_readonly(
      "value", [](const Parameter& self) { return self.value; },
      "The weight as a tensor: the same memory, and gradients of what is computed from it reach "
      "the weight.");
  const auto text = [&cls](const char* name, std::string Parameter::*member, const char* what) {
    cls.def_property(
        name, [member](const Parameter& self) { return self.*member; },
        [member](Parameter& self, const Text& given) { self.*member = given.value; }, what);
  };
  const auto number = [&cls](const char* name, double Parameter::*member, const char* what) {
    cls.def_property(
        name, [member](const Parameter& self) { return self.*member; },
        [member](Parameter& self, Number given) { self.*member = given.value; }, what);
  };
  text("name", &Parameter::name, "\"kernel\".");
  text("path", &Parameter::path, "\"dense/kernel\".");
  number("l1", &Parameter::l1, "Strength of the penalty l1·sum(abs(w)) added to the loss.");
  number("l2", &Parameter::l2, "Strength of the penalty l2·sum(w²) added to the loss.");
  cls.def_property(
      "decay", [](const Parameter& self) { return self.decay; }, [](Parameter& self, Flag on) { self.decay = on; },
      "Whether the optimizer's weight decay applies.");
  cls.def_property(
      "trainable", &Parameter::trainable, [](Parameter& self, Flag on) { self.set_trainable(on); },
      "Whether it collects gradients and is updated.");
  cls.def(
      "assign",
      [](Parameter& self, const py::object& value) {
        const Tensor given = to_tensor(value, &self.value);
        self.assign(given.rank() == 0 && self.value.rank() > 0 && !py::isinstance<py::array>(value)
                        ? full(self.value.shape(), item(given), self.value.dtype())
                        : given);
      },
      py::arg("value"), Flush(),
      "Copies new values in: an array or tensor of the same shape, or a number for all. ValueError otherwise.");
  cls.def(
      "numpy", [](const Parameter& self) { return to_numpy(self.value, false).attr("copy")(); }, "A copy as an array.");
  cls.def(
      "__reduce__",
      [](const Parameter& self) -> py::tuple {
        const py::object array = to_numpy(self.value, false).attr("copy")();
        py::dict settings;  // set one by one after the construction
        settings["l1"] = self.l1;
        settings["l2"] = self.l2;
        settings["decay"] = self.decay;
        return py::make_tuple(py::type::of<Parameter>(), py::make_tuple(array, self.trainable(), self.name, self.path),
                              py::make_tuple(py::none(), settings));
      },
      "For copy and pickle: a Variable of its own with the same values.");
  cls.def("__repr__", [](const Parameter& self) {
    return concat_text("<Variable path=", self.path, ", shape=", self.value.shape(),
                       ", dtype=", name_of(self.value.dtype()), self.trainable() ? "" : ", not trainable", ">");
  });
}

Tensor from_dlpack(const py::object& x) {
  auto* array = new py::array(py::module_::import("numpy").attr("from_dlpack")(x));
  if ((array->flags() & py::array::c_style) == 0) {
    const Tensor copy = from_numpy(*array);
    delete array;
    return copy;
  }
  Shape shape;
  for (py::ssize_t i = 0; i < array->ndim(); ++i) shape.push_back(array->shape(i));
  return wrap(const_cast<void*>(array->data()), shape, dtype_from_numpy(array->dtype()), [array] {
    const py::gil_scoped_acquire gil;
    delete array;
  });
}

}  // namespace

void bind_tensor(py::module_& m) {
  bind_tensor_class(m);
  bind_variable_class(m);
  m.def(
      "as_tensor",
      [](const py::object& x, const std::optional<std::string>& dtype) {
        const Tensor made = to_tensor(x);
        return dtype ? ops::cast(made, dtype_from_name(*dtype)) : made;
      },
      py::arg("x"), py::arg("dtype") = py::none(), Flush(),
      "A tensor from a Tensor (itself), a Variable (its value), an array, list or number (a copy).");
  m.def(
      "gradients",
      [](const Tensor& y, const std::vector<Tensor>& of, const py::object& gradient) {
        const Tensor start = optional_tensor(gradient, y);
        std::vector<Tensor> found;
        {
          const py::gil_scoped_release release;
          found = gradients(y, of, start);
        }
        py::list all;
        for (Tensor& x : found) all.append(x.defined() ? py::cast(std::move(x)) : py::object(py::none()));
        return all;
      },
      py::arg("y"), py::arg("of"), py::arg("gradient") = py::none(), Flush(),
      "The derivatives of the scalar `y` with respect to the tensors `of`, computed values or leaves; None where y "
      "does "
      "not depend on one. Unlike `y.backward()` it adds to no `.grad`. `gradient` (shape of y) starts the walk when y "
      "is "
      "not a scalar. What the computation kept is freed.");
  m.def("from_dlpack", &from_dlpack, py::arg("x"), "A tensor on the memory of any object with __dlpack__ (CPU).");
}

}  // namespace ranvier::bindings
