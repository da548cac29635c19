// The training step over NumPy arrays.
#include "ranvier/nn/trainer.h"

#include <chrono>

#include "bindings.h"

namespace ranvier::bindings {
namespace {

using nn::Rows;
using nn::Trainer;

kernels::Source source_of(const py::dtype& dtype, const std::string& what) {
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
Rows rows_from(const py::array& array, const std::string& what) {
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

using Array = py::array;
using OptionalArrays = std::vector<std::optional<Array>>;
using Order = py::array_t<std::int64_t, py::array::c_style>;

/// Where an array stands, for messages: "x", or "x[1]" among several.
std::string place(const char* what, std::size_t i, std::size_t count) {
  return count == 1 ? what : what + std::string("[") + std::to_string(i) + "]";
}

Trainer::RowsList rows_list(const OptionalArrays& arrays, const char* what) {
  Trainer::RowsList all;
  all.reserve(arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    all.push_back(arrays[i] ? rows_from(*arrays[i], place(what, i, arrays.size())) : Rows{});
  }
  return all;
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

/// Arrays for the predictions of `count` rows. The GIL is released while another thread may be at work.
std::vector<Array> prediction_arrays(Trainer& trainer, const Trainer::RowsList& x, Index count,
                                     Trainer::Options& options) {
  {
    const py::gil_scoped_release release;
    options.prediction_shapes = trainer.prediction_shapes(x);
  }
  std::vector<Array> arrays;
  arrays.reserve(options.prediction_shapes.size());
  options.predictions.reserve(options.prediction_shapes.size());
  for (Shape shape : options.prediction_shapes) {
    check(shape.rank() > 0, "predict: expected outputs with a batch axis, received scalars");
    shape[0] = count;
    for (const Index size : shape) check(size >= 0, "predict: the model's output shape ", shape, " is not known");
    arrays.emplace_back(numpy_dtype(trainer.prediction_dtype(arrays.size())),
                        std::vector<py::ssize_t>(shape.begin(), shape.end()));
    options.predictions.push_back(arrays.back().mutable_data());
  }
  return arrays;
}

using Method = std::vector<double> (Trainer::*)(const Trainer::RowsList&, const Trainer::RowsList&,
                                                const Trainer::RowsList&, std::span<const Index>,
                                                const Trainer::Options&);

py::tuple run(Trainer& trainer, Method method, const std::vector<Array>& x, const OptionalArrays& y,
              const std::optional<OptionalArrays>& weight, const Order& order, Index batch_size, bool want_predictions,
              bool stop_on_non_finite) {
  const Trainer::RowsList xs = rows_list({x.begin(), x.end()}, "x");
  const Trainer::RowsList ys = rows_list(y, "y");
  const Trainer::RowsList ws = weight ? rows_list(*weight, "sample_weight") : Trainer::RowsList{};
  const std::span<const Index> picked(order.data(), static_cast<std::size_t>(order.size()));
  std::optional<std::vector<Array>> predictions;
  Trainer::Options options;
  options.batch_size = batch_size;
  options.stop_on_non_finite = stop_on_non_finite;
  std::vector<nn::PredictionMask> masks;
  if (want_predictions) {
    predictions = prediction_arrays(trainer, xs, order.size(), options);
    options.masks = &masks;
  }
  std::vector<double> losses;
  {
    const py::gil_scoped_release release;
    losses = (trainer.*method)(xs, ys, ws, picked, options);
  }
  const auto columns = static_cast<py::ssize_t>(trainer.loss_columns());
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(losses.size()) / columns, columns};
  std::vector<std::optional<Array>> steps;  // that count, of each output with a mask
  for (const nn::PredictionMask& mask : masks) {
    if (mask.data.empty()) {
      steps.emplace_back();
      continue;
    }
    std::vector<py::ssize_t> sizes{static_cast<py::ssize_t>(order.size())};
    sizes.insert(sizes.end(), mask.row.begin(), mask.row.end());
    steps.emplace_back(Array(py::dtype("bool"), sizes, mask.data.data()));
  }
  return py::make_tuple(py::array_t<double>(shape, losses.data()), predictions, std::move(steps));
}

py::object predict(Trainer& trainer, const py::object& x, Index batch_size) {
  Trainer::RowsList xs;
  if (PyList_Check(x.ptr()) || PyTuple_Check(x.ptr())) {
    for (const auto& one : x.cast<std::vector<Array>>()) {
      xs.push_back(rows_from(one, place("x", xs.size(), py::len(x))));
      check(xs.back().count == xs.front().count, "x: expected arrays of as many rows each, received ", xs.front().count,
            " and ", xs.back().count);
    }
    check(!xs.empty(), "x: expected at least one array, received an empty list");
  } else {
    xs.push_back(rows_from(x.cast<Array>(), "x"));
  }
  Trainer::Options options;
  std::vector<Array> out = prediction_arrays(trainer, xs, xs.front().count, options);
  options.batch_size = batch_size;
  options.poll = signal_poll();
  {
    const py::gil_scoped_release release;
    trainer.predict(xs, options);
  }
  return out.size() == 1 ? py::object(std::move(out[0])) : py::cast(out);
}

}  // namespace

void bind_trainer(py::module_& m) {
  py::class_<Trainer, Ref<Trainer>>(m, "Trainer",
                                    "The training step of a model: recorded once, replayed for each batch.")
      .def(py::init([](Ref<nn::Layer> model, const std::vector<std::optional<Ref<nn::Loss>>>& losses,
                       std::optional<Ref<nn::Optimizer>> optimizer, std::optional<std::vector<double>> loss_weights) {
             check<TypeError>(static_cast<bool>(model), "model: expected a layer, received None");
             Trainer::Losses all;
             for (const auto& loss : losses) all.push_back(loss.value_or(nullptr));
             return make_ref<Trainer>(std::move(model), std::move(all), optimizer.value_or(nullptr),
                                      loss_weights.value_or(std::vector<double>{}));
           }),
           py::arg("model"), py::arg("losses") = py::list(), py::arg("optimizer") = py::none(),
           py::arg("loss_weights") = py::none())
      .def(
          "train",
          [](Trainer& self, const std::vector<Array>& x, const OptionalArrays& y,
             const std::optional<OptionalArrays>& weight, const Order& order, Index batch_size, bool predictions,
             bool stop_on_non_finite) {
            return run(self, &Trainer::train, x, y, weight, order, batch_size, predictions, stop_on_non_finite);
          },
          py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("order"), py::arg("batch_size"),
          py::arg("predictions"), py::arg("stop_on_non_finite") = true,
          "One step for every batch_size rows of `order`, with one array for each input in x, and one (or None) for "
          "each "
          "output in y and sample_weight. Returns the losses of each step done, float64, and the predictions made "
          "before "
          "each update (one array for each output, or None). Losses have shape (steps, 1) for one output, else (steps, "
          "1 + outputs): the total, then each output's own without its weight, 0 without a loss. Stops before the "
          "update "
          "of the first step whose total is not finite; its losses are then the last. The third result holds the masks "
          "of the predictions, bools of shape (rows, time), or None for each output without one.")
      .def(
          "evaluate",
          [](Trainer& self, const std::vector<Array>& x, const OptionalArrays& y,
             const std::optional<OptionalArrays>& weight, const Order& order, Index batch_size, bool predictions) {
            return run(self, &Trainer::evaluate, x, y, weight, order, batch_size, predictions, false);
          },
          py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::arg("order"), py::arg("batch_size"),
          py::arg("predictions"),
          "The losses of each batch, the predictions or None, and their masks, without training.")
      .def("predict", &predict, py::arg("x"), py::arg("batch_size"),
           "Predictions for all rows of x, an array or one for each input: an array, or a list for several outputs.");
}

}  // namespace ranvier::bindings
