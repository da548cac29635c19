// Python's dict, list, tuple, str, int, float, bool and None, and NumPy's scalars, as io::Json and back: configurations on
// their way between the Python front and the engine's factories. Include it where a bound function takes or returns Json.
#pragma once

#include <pybind11/pybind11.h>

#include "ranvier/io/json.h"

namespace ranvier::bindings {

/// TypeError naming the place, as in "config['layers'][0]['units']: expected ..., received set"; ValueError for integers
/// beyond 64 bits, text that is not UTF-8 and nesting that is too deep or never ends.
io::Json json_from_python(pybind11::handle object);
/// Objects become dicts in their order, arrays lists.
pybind11::object json_to_python(const io::Json& value);

}  // namespace ranvier::bindings

namespace pybind11::detail {

template <>
struct type_caster<ranvier::io::Json> {
  PYBIND11_TYPE_CASTER(ranvier::io::Json, const_name("object"));

  bool load(handle source, bool) {
    value = ranvier::bindings::json_from_python(source);
    return true;
  }
  static handle cast(const ranvier::io::Json& source, return_value_policy, handle) {
    return ranvier::bindings::json_to_python(source).release();
  }
};

}  // namespace pybind11::detail
