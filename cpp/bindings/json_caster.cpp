#include "json_caster.h"

#include <string>

#include "ranvier/io/text.h"

namespace ranvier::bindings {
namespace {

namespace py = pybind11;
using io::Json;

/// Where we are inside the configuration; made into text only for an error.
struct Place {
  const Place* outer = nullptr;
  const std::string* key = nullptr;
  std::size_t index = 0;
  int depth = 0;

  std::string text() const {
    if (outer == nullptr) return "config";
    return outer->text() + (key != nullptr ? "[" + io::quoted(*key) + "]" : concat_text('[', index, ']'));
  }
};

std::string text_from(py::handle object, const Place& place) {
  Py_ssize_t length = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &length);
  if (text == nullptr) {
    PyErr_Clear();
    fail(place.text(), ": expected text that can be written as UTF-8, received lone surrogates");
  }
  return {text, static_cast<std::size_t>(length)};
}

Json integer_from(py::handle object, const Place& place) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow == 0) return value;
  if (overflow > 0) {
    const unsigned long long big = PyLong_AsUnsignedLongLong(object.ptr());
    if (!PyErr_Occurred()) return big;
    PyErr_Clear();
  }
  fail(place.text(), ": expected an integer of at most 64 bits; store a longer one as str");
}

Json convert(py::handle object, const Place& place) {
  if (place.depth > Json::max_depth) {
    fail(place.text().substr(0, 60), "...: expected at most ", Json::max_depth,
         " levels of nesting (does it contain itself?)");
  }
  PyObject* p = object.ptr();
  if (p == Py_None) return nullptr;
  if (PyBool_Check(p)) return p == Py_True;
  if (PyLong_Check(p)) return integer_from(object, place);
  if (PyFloat_Check(p)) return PyFloat_AS_DOUBLE(p);
  if (PyUnicode_Check(p)) return text_from(object, place);
  if (PyList_Check(p) || PyTuple_Check(p)) {
    Json::Array values;
    for (const py::handle item : py::reinterpret_borrow<py::sequence>(object)) {
      values.push_back(convert(item, {&place, nullptr, values.size(), place.depth + 1}));
    }
    return values;
  }
  if (PyDict_Check(p)) {
    Json::Object members;
    for (const auto& [key, value] : py::reinterpret_borrow<py::dict>(object)) {
      if (!PyUnicode_Check(key.ptr())) {
        fail<TypeError>(place.text(), ": expected keys of type str, received ", Py_TYPE(key.ptr())->tp_name);
      }
      std::string name = text_from(key, place);
      Json member = convert(value, {&place, &name, 0, place.depth + 1});
      members.emplace_back(std::move(name), std::move(member));
    }
    return members;
  }
  const py::object scalar = py::module_::import("numpy").attr("generic");
  if (py::isinstance(object, scalar)) {
    const py::object item = object.attr("item")();
    if (!py::isinstance(item, scalar)) return convert(item, place);  // longdouble gives itself
  }
  fail<TypeError>(place.text(), ": expected dict, list, tuple, str, int, float, bool or None, received ",
                  Py_TYPE(p)->tp_name, py::hasattr(object, "tolist") ? "; convert it with .tolist()" : "");
}

}  // namespace

Json json_from_python(py::handle object) { return convert(object, Place()); }

py::object json_to_python(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::null:
      return py::none();
    case Json::Kind::boolean:
      return py::bool_(value.as_flag());
    case Json::Kind::integer:
      return py::int_(value.as_integer());
    case Json::Kind::big_integer:
      return py::int_(value.as<std::uint64_t>());
    case Json::Kind::number:
      return py::float_(value.as_number());
    case Json::Kind::text:
      return py::str(value.as_text());
    case Json::Kind::array: {
      py::list list(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) list[i] = json_to_python(value.at(i));
      return list;
    }
    case Json::Kind::object: {
      py::dict dict;
      for (const auto& [key, member] : value.as_object()) dict[py::str(key)] = json_to_python(member);
      return dict;
    }
  }
  return py::none();
}

}  // namespace ranvier::bindings
