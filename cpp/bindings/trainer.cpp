// The training step over NumPy arrays.
#include "ranvier/nn/trainer.h"

#include <chrono>

#include "bindings.h"

namespace ranvier::bindings {
namespace {

using nn::Rows;
using nn::Trainer;

kernels::Source source_of(const py::dtype& dtype, const char* what) {
  using kernels::Source;
  const std::pair<char, std::vector<std::pair<py::ssize_t, Source>>> kinds[] = {
      {'f', {{4, Source::f32}, {8, Source::f64}}},
      {'i', {{1, Source::i8}, {2, Source::i16}, {4, Source::i32}, {8, Source::i64}}},
      {'u', {{1, Source::u8}, {2, Source::u16}, {4, Source::u32}, {8, Source::u64}}},
      {'b', {{1, Source::boolean}}}};
  if (dtype.byteorder() == '=' || dtype.byteorder() == '|') {
    for (const auto& [kind, sizes] : kinds) {
      if (kind != dtype.kind()) continue;
      for (const auto& [size, source] : sizes) {
        if (size == dtype.itemsize()) return source;
      }
    }
  }
  fail<TypeError>(what, ": expected a numeric array in native byte order, received dtype ",
                  py::str(dtype).cast<std::string>());
}

/// The rows of an array whose rows are contiguous; the array must outlive them.
Rows rows_from(const py::array& array, const char* what) {
  check(array.ndim() >= 1, what, ": expected at least one axis (rows), received a scalar");
  check(array.ndim() <= max_rank, what, ": expected at most ", max_rank, " axes, received ", array.ndim());
  Rows rows;
  rows.data = array.data();
  rows.type = source_of(array.dtype(), what);
  rows.count = array.shape(0);
  Index stride = array.itemsize();
  for (py::ssize_t i = array.ndim() - 1; i >= 1; --i) {
    check(array.shape(i) == 1 || array.strides(i) == stride, what, ": expected rows that are contiguous in memory");
    stride *= array.shape(i);
  }
  rows.stride = array.strides(0);
  for (py::ssize_t i = 1; i < array.ndim(); ++i) rows.row.push_back(array.shape(i));
  return rows;
}

Rows optional_rows(const std::optional<py::array>& array, const char* what) {
  return array ? rows_from(*array, what) : Rows{};
}

/// Asks Python about Ctrl-C ten times a second while the engine works without the GIL.
std::function<void()> signal_poll() {
  using Clock = std::chrono::steady_clock;
  return [last = Clock::now()]() mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(100)) return;
    last = now;
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  };
}

/// An array for the predictions of `count` rows. The GIL is released while another thread may be at work.
py::array prediction_array(Trainer& trainer, const Rows& x, Index count, Trainer::Options& options) {
  Shape shape;
  {
    const py::gil_scoped_release release;
    shape = trainer.prediction_shape(x);
  }
  check(shape.rank() > 0, "predict: expected outputs with a batch axis, received scalars");
  options.prediction_shape = shape;
  shape[0] = count;
  for (const Index size : shape) check(size >= 0, "predict: the model's output shape ", shape, " is not known");
  const std::vector<py::ssize_t> dims(shape.begin(), shape.end());
  return py::array(numpy_dtype(trainer.prediction_dtype()), dims);
}

using Method = std::vector<double> (Trainer::*)(const Rows&, const Rows&, const Rows&, std::span<const Index>,
                                                const Trainer::Options&);

py::tuple run(Trainer& trainer, Method method, const py::array& x, const py::array& y,
              const std::optional<py::array>& weight, const py::array_t<std::int64_t, py::array::c_style>& order,
              Index batch_size, bool want_predictions, bool stop_on_non_finite) {
  const Rows xs = rows_from(x, "x");
  const Rows ys = rows_from(y, "y");
  const Rows ws = optional_rows(weight, "sample_weight");
  const std::span<const Index> picked(order.data(), static_cast<std::size_t>(order.size()));
  std::optional<py::array> predictions;
  Trainer::Options options;
  options.batch_size = batch_size;
  options.stop_on_non_finite = stop_on_non_finite;
  if (want_predictions) {
    predictions = prediction_array(trainer, xs, order.size(), options);
    options.predictions = predictions->mutable_data();
  }
  std::vector<double> losses;
  {
    const py::gil_scoped_release release;
    losses = (trainer.*method)(xs, ys, ws, picked, options);
  }
  return py::make_tuple(py::array_t<double>(static_cast<py::ssize_t>(losses.size()), losses.data()), predictions);
}

py::array predict(Trainer& trainer, const py::array& x, Index batch_size) {
  const Rows xs = rows_from(x, "x");
  Trainer::Options options;
  py::array out = prediction_array(trainer, xs, xs.count, options);
  options.batch_size = batch_size;
  options.predictions = out.mutable_data();
  options.poll = signal_poll();
  const py::gil_scoped_release release;
  trainer.predict(xs, options);
  return out;
}

}  // namespace

void bind_trainer(py::module_& m) {
  py::class_<Trainer, Ref<Trainer>>(m, "Trainer",
                                    "The training step of a model: recorded once, replayed for each batch.")
      .def(py::init([](Ref<nn::Layer> model, std::optional<Ref<nn::Loss>> loss,
                       std::optional<Ref<nn::Optimizer>> optimizer) {
             return make_ref<Trainer>(std::move(model), loss.value_or(nullptr), optimizer.value_or(nullptr));
           }),
           py::arg("model"), py::arg("loss") = py::none(), py::arg("optimizer") = py::none())
      .def(
          "train",
          [](Trainer& self, const py::array& x, const py::array& y, const std::optional<py::array>& weight,
             const py::array_t<std::int64_t, py::array::c_style>& order, Index batch_size, bool predictions,
             bool stop_on_non_finite) {
            return run(self, &Trainer::train, x, y, weight, order, batch_size, predictions, stop_on_non_finite);
          },
          py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("order"), py::arg("batch_size"),
          py::arg("predictions"), py::arg("stop_on_non_finite") = true,
          "One step for every batch_size rows of `order`. Returns the loss of each step done (float64) and the "
          "predictions made before each update (or None). Stops before the update of the first step whose loss is not "
          "finite; that loss is then the last.")
      .def(
          "evaluate",
          [](Trainer& self, const py::array& x, const py::array& y, const std::optional<py::array>& weight,
             const py::array_t<std::int64_t, py::array::c_style>& order, Index batch_size, bool predictions) {
            return run(self, &Trainer::evaluate, x, y, weight, order, batch_size, predictions, false);
          },
          py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("order"), py::arg("batch_size"),
          py::arg("predictions"), "The loss of each batch, and the predictions or None, without training.")
      .def("predict", &predict, py::arg("x"), py::arg("batch_size"), "Predictions for all rows of x.");
}

}  // namespace ranvier::bindings
