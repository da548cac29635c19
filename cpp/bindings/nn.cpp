// Layers, losses and optimizers.
#include "arguments.h"
#include "json_caster.h"
#include "ranvier/nn/graph.h"
#include "ranvier/nn/initializers.h"
#include "ranvier/nn/loss.h"
#include "ranvier/nn/optimizer.h"
#include "ranvier/nn/sequential.h"
#include "ranvier/nn/stream.h"
#include "ranvier/nn/wrapper_layers.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::bindings {
namespace {

using nn::Layer;
using nn::Loss;
using nn::Optimizer;
using nn::Parameter;
using nn::Parameters;
using nn::Sequential;

io::Json named(const std::string& name, const std::string& dtype = "float32") {
  return io::Json(io::Json::Object{{"name", name}, {"dtype", dtype}});
}

/// A layer whose call is written in Python.
class PythonLayer final : public Layer {
 public:
  PythonLayer(const std::string& name, py::function call, py::function output_shape, py::function variables,
              const std::string& dtype, py::object losses)
      : Layer(named(name, dtype)),
        call_(std::move(call)),
        output_shape_(std::move(output_shape)),
        variables_(std::move(variables)),
        losses_(std::move(losses)) {}
  ~PythonLayer() override {
    const py::gil_scoped_acquire gil;
    clear();
  }

  Shape output_shape(const Shape& input) const override {
    const py::gil_scoped_acquire gil;
    return only(output_shapes_of(shape_to(input)));
  }
  nn::Shapes output_shapes(const nn::Shapes& inputs) const override {
    const py::gil_scoped_acquire gil;
    return output_shapes_of(inputs.size() == 1 ? py::object(shape_to(inputs[0])) : py::object(shapes_to(inputs)));
  }
  Parameters parameters() const override {
    const py::gil_scoped_acquire gil;
    Parameters all;
    for (const py::handle one : py::iter(variables_())) {
      check<TypeError>(py::isinstance<Parameter>(one), "[", name(), "] weights: expected Variables, received ",
                       received(one));
      all.push_back(one.cast<Ref<Parameter>>());
    }
    return all;
  }
  bool replayable() const override { return false; }
  std::size_t outputs() const override { return 0; }

  void clear() {
    call_ = py::object();
    output_shape_ = py::object();
    variables_ = py::object();
    losses_ = py::object();
  }
  int traverse(visitproc visit, void* arg) const {
    for (const py::object* held : {&call_, &output_shape_, &variables_, &losses_}) {
      if (held->ptr() == nullptr) continue;
      if (const int result = visit(held->ptr(), arg)) return result;
    }
    return 0;
  }

 protected:
  void make_all_parameters(const nn::Shapes& /*inputs*/) override {}
  void check_inputs(const nn::Shapes& /*inputs*/) const override {}
  Tensor call(const Tensor& x, nn::Context& context) override {
    const py::gil_scoped_acquire gil;
    return only(called(py::cast(x), context));
  }
  nn::Tensors call_all(const nn::Tensors& xs, nn::Context& context) override {
    const py::gil_scoped_acquire gil;
    return called(xs.size() == 1 ? py::cast(xs[0]) : py::cast(xs), context);
  }

 private:
  nn::Shapes output_shapes_of(const py::object& input) const {
    const py::object made = output_shape_(input);
    const std::optional<nn::Shapes> several = shape_list_from(made);
    return several ? *several : nn::Shapes{shape_from(made)};
  }

  nn::Tensors called(const py::object& input, nn::Context& context) const {
    const py::object made = call_(input, context.training);
    nn::Tensors ys;
    if (is_tensor_list(made)) {
      for (const py::handle one : made) ys.push_back(to_tensor(one));
    } else {
      ys.push_back(to_tensor(made));
    }
    if (losses_.ptr() != nullptr && !losses_.is_none()) {
      for (const py::handle loss : losses_()) context.losses.push_back(to_tensor(loss));
    }
    return ys;
  }

  template <class T>
  T only(std::vector<T> outputs) const {
    if (outputs.size() != 1) reject("expected one output where it is used, received ", outputs.size());
    return std::move(outputs.front());
  }

  py::object call_;
  py::object output_shape_;
  py::object variables_;
  py::object losses_;  ///< scalars of the last call, or None
};

/// A loss written in Python: values per sample (or one number).
class PythonLoss final : public Loss {
 public:
  PythonLoss(const std::string& name, py::function function, const std::string& reduction)
      : Loss(io::Json(io::Json::Object{{"name", name}, {"reduction", reduction}})), function_(std::move(function)) {}
  ~PythonLoss() override {
    const py::gil_scoped_acquire gil;
    clear();
  }
  Targets targets() const override { return Targets::as_given; }
  bool replayable() const override { return false; }
  void clear() { function_ = py::object(); }
  int traverse(visitproc visit, void* arg) const {
    return function_.ptr() == nullptr ? 0 : visit(function_.ptr(), arg);
  }

 protected:
  Tensor per_sample(const Tensor& target, const Tensor& prediction) const override {
    const py::gil_scoped_acquire gil;
    return to_tensor(function_(target, prediction));
  }

 private:
  py::object function_;
};

/// Lets Python's garbage collector see through T, whose callables usually refer back to the object that owns it.
template <class T>
py::custom_type_setup collectable() {
  return py::custom_type_setup([](PyHeapTypeObject* heap) {
    PyTypeObject& type = heap->ht_type;
    type.tp_flags |= Py_TPFLAGS_HAVE_GC;
    type.tp_traverse = [](PyObject* self, visitproc visit, void* arg) -> int {
      Py_VISIT(Py_TYPE(self));
      if (!py::detail::is_holder_constructed(self)) return 0;
      return py::cast<const T&>(py::handle(self)).traverse(visit, arg);
    };
    type.tp_clear = [](PyObject* self) -> int {
      if (py::detail::is_holder_constructed(self)) py::cast<T&>(py::handle(self)).clear();
      return 0;
    };
  });
}

Tensor as_input(const Layer& layer, std::size_t input, py::handle x) {
  const Tensor given = to_tensor(x);
  const Tensor y = ops::cast(given, layer.input_dtype_at(input, !is_floating(given.dtype())));
  if (given.has_mask()) y.set_mask(given.mask());
  return y;
}

nn::Tensors as_inputs(const Layer& layer, const py::object& x) {
  nn::Tensors xs;
  if (is_tensor_list(x)) {
    for (const py::handle one : x) xs.push_back(as_input(layer, xs.size(), one));
  } else {
    xs.push_back(as_input(layer, 0, x));
  }
  return xs;
}

py::object one_or_list(nn::Tensors ys) { return ys.size() == 1 ? py::cast(std::move(ys[0])) : py::cast(std::move(ys)); }

py::object call_layer(Layer& self, const py::object& x, bool training) {
  nn::Context context;
  context.training = training;
  if (!is_tensor_list(x) && self.outputs() == 1) return py::cast(self(as_input(self, 0, x), context));
  return one_or_list(self(as_inputs(self, x), context));
}

/// What each tensor of a call is for, and its options.
using CallTuple = std::tuple<std::vector<std::string>, io::Json>;
/// (layer, inputs, number of outputs, training or None, call or None).
using NodeTuple =
    std::tuple<std::size_t, std::vector<std::size_t>, std::size_t, std::optional<bool>, std::optional<CallTuple>>;

nn::Call call_from(const std::optional<CallTuple>& call) {
  if (!call) return {};
  const auto& [arguments, options] = *call;
  check<TypeError>(options.is_object(), "options: expected a dict, received ", options.describe());
  return {arguments, options};
}

/// A model and what it goes on from.
struct PyStream : RefCounted {
  explicit PyStream(Ref<Layer> layer) : model(std::move(layer)), stream(make_ref<nn::Stream>(model)) {}
  Ref<Layer> model;
  Ref<nn::Stream> stream;
};

Ref<nn::Graph> make_graph(const std::string& name, std::vector<Ref<Layer>> layers, std::vector<NodeTuple> nodes,
                          std::size_t inputs, std::vector<std::size_t> outputs) {
  nn::Wiring wiring{std::move(layers), {}, inputs, std::move(outputs)};
  for (auto& [layer, values, count, training, call] : nodes) {
    wiring.nodes.push_back({layer, std::move(values), count, training, call_from(call)});
  }
  return make_ref<nn::Graph>(name, std::move(wiring));
}

void bind_layers(py::module_& m) {
  py::class_<Layer, Ref<Layer>> layer(m, "Layer", "A layer of the engine, made from its Keras class name and config.");
  layer.def(py::init(&nn::make_layer), py::arg("class_name"), py::arg("config"));
  layer.def_property_readonly("name", &Layer::name, "The layer's name.");
  layer.def_property_readonly("built", &Layer::built, "Whether its weights exist.");
  layer.def_property("trainable", &Layer::trainable, &Layer::set_trainable, "Whether its weights are trained.");
  layer.def_property_readonly("variables", &Layer::parameters, "Its weights, trainable ones first.");
  layer.def_property_readonly("replayable", &Layer::replayable, "False when Python takes part in its call.");
  layer.def(
      "build",
      [](Layer& self, const py::object& shape) {
        if (const auto several = shape_list_from(shape)) return self.build(*several);
        self.build(shape_from(shape));
      },
      py::arg("input_shape"),
      "Makes the weights for inputs of this shape; None is an unknown size. A list of shapes for several inputs.");
  layer.def(
      "output_shape",
      [](const Layer& self, const py::object& shape) -> py::object {
        const auto several = shape_list_from(shape);
        const nn::Shapes made = self.output_shapes(several ? *several : nn::Shapes{shape_from(shape)});
        return made.size() == 1 ? py::object(shape_to(made[0])) : py::object(shapes_to(made));
      },
      py::arg("input_shape"),
      "The shape of the output for inputs of this shape; lists of shapes for several inputs or outputs.");
  layer.def("__call__", &call_layer, py::arg("x"), py::arg("training") = false, Flush(),
            "Runs the layer on a batch. A list of tensors for several inputs; a list comes back for several outputs.");
  layer.def(
      "bind",
      [](const Ref<Layer>& self, std::vector<std::string> arguments, const io::Json& options) {
        return nn::bind(self, call_from(CallTuple{std::move(arguments), options}));
      },
      py::arg("arguments"), py::arg("options"),
      "The same layer for calls whose tensors are for these arguments (repeated for lists), with these options.");
  layer.def_property_readonly("supports_masking", &Layer::supports_masking,
                              "Whether the mask of its input is that of its output.");
  layer.def_property(
      "states",
      [](const Layer& self) {
        nn::Tensors copies;
        for (const Tensor& state : self.states()) {
          copies.push_back(empty(state.shape(), state.dtype()));
          copy_into(copies.back(), state);
        }
        return copies;
      },
      &Layer::set_states, "What a stateful layer carries from batch to batch (copies); set to [] it is zero again.");
  layer.def_property_readonly("streams", &Layer::streams, "Whether it can be fed a sequence piece by piece.");
  layer.def_property(
      "random_state",
      [](Layer& self) {
        std::vector<std::pair<std::uint64_t, std::uint64_t>> state;
        for (const Generator* g : self.generators()) state.emplace_back(g->seed(), g->counter());
        return state;
      },
      [](Layer& self, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& state) {
        const auto own = self.generators();
        check(own.size() == state.size(), "[", self.name(), "] expected ", own.size(), " generator states, received ",
              state.size());
        for (std::size_t i = 0; i < own.size(); ++i) own[i]->set_state(state[i].first, state[i].second);
      },
      "(seed, counter) of each of its generators.");

  py::class_<PythonLayer, Layer, Ref<PythonLayer>>(m, "PythonLayer", "A layer whose call is a Python function.",
                                                   collectable<PythonLayer>())
      .def(py::init<const std::string&, py::function, py::function, py::function, const std::string&, py::object>(),
           py::arg("name"), py::arg("call"), py::arg("output_shape"), py::arg("variables"),
           py::arg("dtype") = "float32", py::arg("losses") = py::none());

  py::class_<Sequential, Layer, Ref<Sequential>>(m, "Sequential", "A stack of layers, itself a layer.")
      .def(py::init([](const std::string& name, std::vector<Ref<Layer>> layers) {
             return make_ref<Sequential>(name, std::move(layers));
           }),
           py::arg("name"), py::arg("layers"))
      .def_property_readonly("layers", &Sequential::layers, "The layers.");
  py::class_<nn::Graph, Layer, Ref<nn::Graph>>(
      m, "Graph",
      "Layers wired up freely, itself a layer. Values are numbered: the inputs first, then the outputs of each node in "
      "order. A node is (place of its layer, values it reads, number of its outputs, training or None, call or None); "
      "a call is (what each value is for, options), as for Layer.bind.")
      .def(py::init(&make_graph), py::arg("name"), py::arg("layers"), py::arg("nodes"), py::arg("inputs"),
           py::arg("outputs"))
      .def_property_readonly("layers", &nn::Graph::layers, "The layers, each once.");
  py::class_<PyStream, Ref<PyStream>>(m, "Stream", "A model that is fed sequences piece by piece.")
      .def(py::init([](Ref<Layer> model) {
             check<TypeError>(static_cast<bool>(model), "model: expected a layer, received None");
             return make_ref<PyStream>(std::move(model));
           }),
           py::arg("model"))
      .def(
          "__call__",
          [](PyStream& self, const py::object& x) -> py::object {
            if (!is_tensor_list(x) && self.model->outputs() == 1) {
              return py::cast((*self.stream)(as_input(*self.model, 0, x)));
            }
            return one_or_list((*self.stream)(as_inputs(*self.model, x)));
          },
          py::arg("x"), Flush(), "The outputs for the next piece of each sequence.")
      .def(
          "reset", [](PyStream& self) { self.stream->reset(); }, "Forgets what was read.");
  m.def(
      "wrap",
      [](const std::string& class_name, const io::Json& config, std::vector<Ref<Layer>> layers) {
        return nn::wrap(class_name, config, std::move(layers));
      },
      py::arg("class_name"), py::arg("config"), py::arg("layers"),
      "A layer around others, made from its Keras class name, its config without them, and them.");
  m.def("layer_names", &nn::layer_names, "Class names that Layer() knows.");
  m.def(
      "initialize",
      [](const std::string& class_name, const io::Json& config, const py::object& shape, const std::string& dtype) {
        return nn::initialize(io::Json(io::Json::Object{{"class_name", class_name}, {"config", config}}),
                              shape_from(shape), dtype_from_name(dtype));
      },
      py::arg("class_name"), py::arg("config"), py::arg("shape"), py::arg("dtype") = "float32",
      "A tensor filled by an initialiser, given by its Keras class name and config.");
}

void bind_losses(py::module_& m) {
  py::class_<Loss, Ref<Loss>>(m, "Loss", "A loss of the engine, made from its Keras class name and config.")
      .def(py::init(&nn::make_loss), py::arg("class_name"), py::arg("config"))
      .def_property_readonly("name", &Loss::name, "The loss's name.")
      .def(
          "__call__",
          [](const Loss& self, const Tensor& y_true, const Tensor& y_pred, const std::optional<Tensor>& weight) {
            const bool labels = self.targets() == Loss::Targets::labels || self.targets() == Loss::Targets::as_given;
            const Tensor target = labels ? y_true : ops::cast(y_true, y_pred.dtype());
            const Tensor w = weight ? ops::cast(*weight, y_pred.dtype()) : Tensor();
            return self(target, y_pred, w);
          },
          py::arg("y_true"), py::arg("y_pred"), py::arg("sample_weight") = py::none(), Flush(),
          "The loss of one batch: a scalar unless the reduction is None.");
  py::class_<PythonLoss, Loss, Ref<PythonLoss>>(
      m, "PythonLoss", "A loss whose values per sample a Python function gives.", collectable<PythonLoss>())
      .def(py::init<const std::string&, py::function, const std::string&>(), py::arg("name"), py::arg("fn"),
           py::arg("reduction") = "sum_over_batch_size");
}

void bind_optimizers(py::module_& m) {
  py::class_<Optimizer, Ref<Optimizer>>(m, "Optimizer", "An optimizer, made from its Keras class name and config.")
      .def(py::init(&nn::make_optimizer), py::arg("class_name"), py::arg("config"))
      .def_readwrite("learning_rate", &Optimizer::learning_rate, "The step size; read by every update.")
      .def_readwrite("iterations", &Optimizer::iterations, "Updates done so far.")
      .def_property_readonly("built", &Optimizer::built, "Whether it has weights to update.")
      .def_property_readonly("variables", &Optimizer::parameters, "The weights it updates.")
      .def(
          "build",
          [](Optimizer& self, const Parameters& variables) {
            for (const auto& one : variables) {
              check<TypeError>(static_cast<bool>(one), "variables: expected Variables, not None");
            }
            self.build(variables);
          },
          py::arg("variables"), "Takes over these weights; those it has already stay.")
      .def("step", &Optimizer::step, Flush(), "One update of every trainable weight from its gradient.")
      .def("zero_grad", &Optimizer::zero_grad, "Forgets the gradients.")
      .def("slots", &Optimizer::slots, "Its state as (name, tensor) pairs; the tensors share the memory.")
      .def("load_slots", &Optimizer::load_slots, py::arg("slots"), py::arg("iterations"),
           "Sets the whole state; ValueError before anything has changed when it does not fit.");
}

}  // namespace

void bind_nn(py::module_& m) {
  bind_layers(m);
  bind_losses(m);
  bind_optimizers(m);
}

}  // namespace ranvier::bindings
