// The module: what is known about this build, threads, the default generator, and the errors.
#include <utility>

#include "arguments.h"
#include "ranvier/ops/random.h"

namespace ranvier::bindings {
namespace {

void translate_errors() {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const TypeError& e) {
      py::set_error(PyExc_TypeError, e.what());
    } catch (const ValueError& e) {
      py::set_error(PyExc_ValueError, e.what());
    } catch (const StateError& e) {
      py::set_error(PyExc_RuntimeError, e.what());
    }
  });
}

py::dict build_info() {
  py::dict info;
  info["version"] = RANVIER_VERSION;
  info["simd"] = RANVIER_SIMD_LEVEL;
#if defined(__clang__)
  info["compiler"] = "Clang " __clang_version__;
#else
  info["compiler"] = "GCC " __VERSION__;
#endif
  info["eigen"] = RANVIER_EIGEN_VERSION;
  info["openmp"] = std::to_string(_OPENMP);
  info["pybind11"] = std::to_string(PYBIND11_VERSION_MAJOR) + "." + std::to_string(PYBIND11_VERSION_MINOR);
  return info;
}

}  // namespace

PYBIND11_MODULE(RANVIER_MODULE_NAME, m) {
  m.doc() = "The compiled engine of ranvier: tensors, ops, layers, optimizers and the training step.";
  m.attr("__name__") = "ranvier._core";  // reprs and pickles name no SIMD level
  m.attr("__version__") = RANVIER_VERSION;
  translate_errors();
  m.def("build_info", &build_info, "How this module was built: version, SIMD level, compiler, Eigen.");
  m.def("get_num_threads", &num_threads, "Threads the engine may use.");
  m.def(
      "set_num_threads",
      [](const py::object& n) {
        const Index count = index_from(n, "set_num_threads");
        check(std::in_range<int>(count), "set_num_threads: expected 1 <= n < 2**31, received ", count);
        set_num_threads(static_cast<int>(count));
      },
      py::arg("n"), "Sets the number of threads; n >= 1.");
  m.def("set_random_seed", &set_random_seed, py::arg("seed"), "Restarts the default generator.");
  m.def(
      "get_random_state", [] { return std::pair(default_generator().seed(), default_generator().counter()); },
      "(seed, counter) of the default generator.");
  m.def(
      "set_random_state",
      [](std::uint64_t seed, std::uint64_t counter) { default_generator().set_state(seed, counter); }, py::arg("seed"),
      py::arg("counter"), "Puts the default generator where get_random_state() said it was.");
  m.def("system_allocations", &system_allocations, "How often tensors have asked the system for memory so far.");
  m.def("is_grad_enabled", &grad_enabled, "Whether ops on this thread keep what backward needs.");
  m.def("set_grad_enabled", &set_grad_enabled, py::arg("on"),
        "Switches history on or off; returns the previous value.");
  bind_tensor(m);
  bind_ops(m);
  bind_nn(m);
  bind_trainer(m);
  bind_io(m);
}

}  // namespace ranvier::bindings
