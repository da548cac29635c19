#include "ranvier/nn/families.h"
#include "ranvier/nn/recurrence.h"
#include "ranvier/nn/stream.h"
#include "ranvier/nn/wrapper_layers.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

/// One time step: output and states from (batch, features) and states.
class Cell : public Recurrence {
 public:
  using Recurrence::output_shapes;
  using Recurrence::outputs;
  using Recurrence::Recurrence;

  std::vector<std::string> argument_names() const override { return {"inputs", "states"}; }
  std::size_t outputs(const Call& /*call*/) const override { return 1 + state_count(); }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    check_step(inputs.front());
    return Shapes(1 + state_count(), Shape{inputs.front()[0], units()});
  }

 protected:
  void make_parameters(const Call& /*call*/, const Shapes& inputs) override {
    const Shape& x = inputs.front();
    check_step(x);
    if (x[1] < 1) reject("expected a known number of features on the last axis, received shape ", x);
    make_weights(x[1]);
  }
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    check_step(inputs.front());
    check_features(inputs.front());
    const Shapes given = call.all(inputs, "states");
    if (!given.empty()) check_states("states", given, inputs.front()[0]);
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    ops::RnnSequence sequence;
    sequence.x = ops::expand_dims(xs.front(), 1);
    begin_with(sequence, call.all(xs, "states"));
    const ops::RnnResult result = run(std::move(sequence), options(), context.training);
    Tensors made = states_of(result);
    made.insert(made.begin(), result.output);
    return made;
  }

 private:
  void check_step(const Shape& x) const {
    if (x.rank() != 2) {
      reject("expected one time step (batch, features), received inputs of shape ", x,
             "; RNN(cell) runs over sequences.");
    }
  }
};

class SimpleRNNCell final : public Cell {
 public:
  explicit SimpleRNNCell(const io::Json& config) : Cell(config, RnnCell::simple) {}
};

class LSTMCell final : public Cell {
 public:
  explicit LSTMCell(const io::Json& config) : Cell(config, RnnCell::lstm) {}
};

class GRUCell final : public Cell {
 public:
  explicit GRUCell(const io::Json& config) : Cell(config, gru_cell(config)) {}
};

/// Cells, one on the other, from those that are stacks themselves too.
class Cells : public WrapperLayer {
 public:
  Cells(const io::Json& config, const char* class_name, const std::vector<Ref<Layer>>& inner, const char* key)
      : WrapperLayer(config, class_name, inner, {key}) {
    for (const auto& layer : inner) {
      if (auto* cell = dynamic_cast<Cell*>(layer.get())) {
        cells_.push_back(cell);
      } else if (auto* stack = dynamic_cast<Cells*>(layer.get())) {
        cells_.insert(cells_.end(), stack->cells_.begin(), stack->cells_.end());
      } else {
        reject("expected cells inside, received a ", layer->class_name());
      }
    }
  }
  bool streams() const override { return true; }

 protected:
  const std::vector<Cell*>& cells() const { return cells_; }
  std::size_t state_count() const {
    std::size_t count = 0;
    for (const Cell* cell : cells_) count += cell->state_count();
    return count;
  }
  Shapes state_shapes(Index batch) const {
    Shapes shapes;
    for (const Cell* cell : cells_) shapes.insert(shapes.end(), cell->state_count(), Shape{batch, cell->units()});
    return shapes;
  }
  void build_cells(Index batch, Index features) const {
    for (Cell* cell : cells_) {
      cell->build(Shape{batch, features});
      features = cell->units();
    }
  }
  void check_cell_states(const char* what, const Shapes& given, Index batch) const {
    if (given.size() != state_count()) reject(what, ": expected ", state_count(), ", received ", given.size());
    auto from = given.begin();
    for (const Cell* cell : cells_) {
      const auto to = from + static_cast<std::ptrdiff_t>(cell->state_count());
      cell->check_states(what, Shapes(from, to), batch);
      from = to;
    }
  }

  /// All cells over sequence.x, each over the whole sequence; output first, then the states.
  Tensors run_cells(ops::RnnSequence sequence, const Tensors& before, ops::RnnOptions how, bool training) const {
    Tensors after;
    Tensor output;
    std::size_t place = 0;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      Cell& cell = *cells_[i];
      const bool last = i + 1 == cells_.size();
      ops::RnnOptions options = cell.options();
      options.begun = how.begun;
      options.go_backwards = how.go_backwards && i == 0;
      options.return_sequences = how.return_sequences || !last;
      options.zero_output_for_mask = how.zero_output_for_mask && last;
      ops::RnnSequence own{sequence.x, {}, {}, sequence.mask, {}};
      if (i > 0) {
        own.x = output;
        // What the first cell gave is in the order of its run.
        if (how.go_backwards && i == 1 && sequence.mask.defined()) {
          sequence.mask = own.mask = ops::flip(sequence.mask, {1});
        }
      }
      if (!before.empty()) {
        const auto from = before.begin() + static_cast<std::ptrdiff_t>(place);
        begin_with(own, Tensors(from, from + static_cast<std::ptrdiff_t>(cell.state_count())));
      }
      place += cell.state_count();
      const ops::RnnResult result = cell.run(std::move(own), options, training);
      output = result.output;
      const Tensors states = states_of(result);
      after.insert(after.end(), states.begin(), states.end());
    }
    after.insert(after.begin(), output);
    return after;
  }

 private:
  std::vector<Cell*> cells_;
};

/// Cells on top of each other as one.
class StackedRNNCells final : public Cells {
 public:
  StackedRNNCells(const io::Json& config, const std::vector<Ref<Layer>>& inner)
      : Cells(config, "StackedRNNCells", inner, "cells") {}
  explicit StackedRNNCells(const io::Json& config) : StackedRNNCells(config, inner_layers(config, {"cells"})) {}

  std::vector<std::string> argument_names() const override { return {"inputs", "states"}; }
  std::size_t outputs(const Call& /*call*/) const override { return 1 + state_count(); }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Index batch = inputs.front()[0];
    Shapes shapes = state_shapes(batch);
    shapes.insert(shapes.begin(), Shape{batch, cells().back()->units()});
    return shapes;
  }

 protected:
  void make_parameters(const Call& call, const Shapes& inputs) override { check_inputs(call, inputs); }
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    if (x.rank() != 2) reject("expected one time step (batch, features), received inputs of shape ", x);
    build_cells(x[0], x[1]);
    const Shapes given = call.all(inputs, "states");
    if (!given.empty()) check_cell_states("states", given, x[0]);
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    ops::RnnSequence sequence;
    sequence.x = ops::expand_dims(xs.front(), 1);
    return run_cells(std::move(sequence), call.all(xs, "states"), {}, context.training);
  }
};

/// A cell, or a stack of them, over the time steps of (batch, time, features).
class RNN final : public Cells {
 public:
  RNN(const io::Json& config, const std::vector<Ref<Layer>>& inner)
      : Cells(config, "RNN", inner, "cell"),
        return_state_(config.flag("return_state", false)),
        stateful_(config.flag("stateful", false)) {
    options_.return_sequences = config.flag("return_sequences", false);
    options_.go_backwards = config.flag("go_backwards", false);
    options_.zero_output_for_mask = config.flag("zero_output_for_mask", false);
  }
  explicit RNN(const io::Json& config) : RNN(config, inner_layers(config, {"cell"})) {}

  std::vector<std::string> argument_names() const override { return {"sequences", "initial_state", "mask"}; }
  std::size_t outputs(const Call& /*call*/) const override { return return_state_ ? 1 + state_count() : 1; }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    const Index units = cells().back()->units();
    Shapes made{options_.return_sequences ? Shape{x[0], x[1], units} : Shape{x[0], units}};
    const Shapes states = return_state_ ? state_shapes(x[0]) : Shapes();
    made.insert(made.end(), states.begin(), states.end());
    return made;
  }
  bool supports_masking() const override { return true; }
  Tensor mask_for(const Tensor& x, const Tensor& /*y*/) const override {
    return options_.return_sequences ? x.mask() : Tensor();
  }
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override {
    Tensors masks(ys.size());
    masks[0] = mask_for(xs[0], ys[0]);
    return masks;
  }
  bool streams() const override { return !options_.go_backwards; }

  Tensors states() const override { return kept_.values(); }
  void set_states(const Tensors& states) override {
    if (!stateful_) reject("expected stateful=True for states that are kept between batches");
    if (!states.empty()) {
      Shapes shapes;
      for (const Tensor& state : states) {
        shapes.push_back(state.shape());
        if (state.dtype() != dtype()) reject("expected states of dtype ", name_of(dtype()));
      }
      check_cell_states("states", shapes, states[0].rank() > 0 ? states[0].dim(0) : 0);
    }
    kept_.set(states, dtype());
  }

 protected:
  void make_parameters(const Call& call, const Shapes& inputs) override { check_inputs(call, inputs); }
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    build_cells(x[0], x[2]);
    const Shapes given = call.all(inputs, "initial_state");
    if (!given.empty()) check_cell_states("initial_state", given, x[0]);
    const Shape* mask = call.find(inputs, "mask");
    if (mask != nullptr && (mask->rank() != 2 || (*mask)[1] != x[1])) {
      reject("mask: expected shape ", x.slice(0, 2), " (batch, time), received ", *mask, ".");
    }
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor x = with_mask(xs.front(), call.find(xs, "mask"));
    StreamSlot* slot = context.stream != nullptr ? &context.stream->slot(*this) : nullptr;
    const bool keeps = stateful_ && slot == nullptr;
    ops::RnnOptions how = options_;
    how.begun = slot != nullptr && slot->steps() > 0;
    const Tensors given = call.all(xs, "initial_state");
    const Tensors kept = keeps ? kept_.begin(state_shapes(x.dim(0)), dtype()) : Tensors();
    Tensors made = run_cells({x, {}, {}, x.mask(), {}},
                             how.begun       ? slot->state()
                             : given.empty() ? kept
                                             : given,
                             how, context.training);
    const Tensors after(made.begin() + 1, made.end());
    if (slot != nullptr) slot->advance(after, x.dim(1));
    if (keeps) kept_.keep(after, context);
    if (!return_state_) made.resize(1);
    if (options_.return_sequences) made[0] = with_mask(made[0], x.mask());
    return made;
  }

 private:
  void check_sequences(const Shape& x) const {
    if (x.rank() != 3) reject("expected (batch, time, features), received x with shape ", x, ".");
    if (x[1] == 0) reject("expected at least one time step, received x with shape ", x, ".");
  }

  ops::RnnOptions options_;
  bool return_state_;
  bool stateful_;
  KeptStates kept_;
};

}  // namespace

Ref<Layer> wrap_cells(const std::string& class_name, const io::Json& config, const std::vector<Ref<Layer>>& inner) {
  if (class_name == "RNN") return make_ref<RNN>(config, inner);
  if (class_name == "StackedRNNCells") return make_ref<StackedRNNCells>(config, inner);
  return {};
}

Family recurrent_cells() {
  return {layer_class<SimpleRNNCell>("SimpleRNNCell"), layer_class<LSTMCell>("LSTMCell"),
          layer_class<GRUCell>("GRUCell"), layer_class<StackedRNNCells>("StackedRNNCells"), layer_class<RNN>("RNN")};
}

}  // namespace ranvier::nn
