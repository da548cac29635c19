#include "ranvier/nn/families.h"
#include "ranvier/nn/recurrence.h"
#include "ranvier/nn/stream.h"

namespace ranvier::nn {
namespace {

/// A cell over the time steps of (batch, time, features).
class Recurrent : public Recurrence {
 public:
  using Recurrence::output_shapes;
  using Recurrence::outputs;

  Recurrent(const io::Json& config, RnnCell cell)
      : Recurrence(config, cell),
        return_state_(config.flag("return_state", false)),
        stateful_(config.flag("stateful", false)) {
    options_.return_sequences = config.flag("return_sequences", false);
    options_.go_backwards = config.flag("go_backwards", false);
    options_.zero_output_for_mask = config.flag("zero_output_for_mask", false);
  }

  std::vector<std::string> argument_names() const override { return {"sequences", "initial_state", "mask"}; }
  std::size_t outputs(const Call& /*call*/) const override { return return_state_ ? 1 + state_count() : 1; }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    Shapes made(1 + state_count(), Shape{x[0], units()});
    if (options_.return_sequences) made[0] = {x[0], x[1], units()};
    if (!return_state_) made.resize(1);
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
      check_states("states", shapes, states[0].rank() > 0 ? states[0].dim(0) : 0);
    }
    kept_.set(states, dtype());
  }

 protected:
  void make_parameters(const Call& /*call*/, const Shapes& inputs) override {
    const Shape& x = inputs.front();
    check_sequences(x);
    if (x[2] < 1) reject("expected a known number of features on the last axis, received shape ", x);
    make_weights(x[2]);
  }

  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    check_features(x);
    const Shapes given = call.all(inputs, "initial_state");
    if (!given.empty()) check_states("initial_state", given, x[0]);
    if (const Shape* mask = call.find(inputs, "mask")) expect("mask", {x[0], x[1]}, *mask);
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    ops::RnnSequence sequence;
    sequence.x = xs.front();
    const Index batch = sequence.x.dim(0);
    const Tensor given_mask = call.find(xs, "mask");
    sequence.mask = given_mask.defined() ? given_mask : sequence.x.mask();
    StreamSlot* slot = context.stream != nullptr ? &context.stream->slot(*this) : nullptr;
    const bool keeps = stateful_ && slot == nullptr;
    ops::RnnOptions options = options_;
    options.begun = slot != nullptr && slot->steps() > 0;
    const Tensors given = call.all(xs, "initial_state");
    const Tensors kept = keeps ? kept_.begin(Shapes(state_count(), Shape{batch, units()}), dtype()) : Tensors();
    begin_with(sequence, options.begun ? slot->state() : given.empty() ? kept : given);

    const Index steps = sequence.x.dim(1);
    const ops::RnnResult result = run(std::move(sequence), options, context.training);
    const Tensors after = states_of(result);
    if (slot != nullptr) slot->advance(after, steps);
    if (keeps) kept_.keep(after, context);
    Tensors made{result.output};
    if (return_state_) made.insert(made.end(), after.begin(), after.end());
    if (options_.return_sequences && given_mask.defined()) made[0].set_mask(given_mask);
    return made;
  }

 private:
  void check_sequences(const Shape& x) const {
    if (x.rank() != 3) {
      reject("expected (batch, time, features), received x with shape ", x,
             x.rank() == 2 ? "; a layer before it may need return_sequences=True, or x an axis of features." : ".");
    }
    if (x[1] == 0) reject("expected at least one time step, received x with shape ", x, ".");
  }

  bool return_state_;
  bool stateful_;
  KeptStates kept_;
};

class SimpleRNN final : public Recurrent {
 public:
  explicit SimpleRNN(const io::Json& config) : Recurrent(config, RnnCell::simple) {}
};

class LSTM final : public Recurrent {
 public:
  explicit LSTM(const io::Json& config) : Recurrent(config, RnnCell::lstm) {}
};

class GRU final : public Recurrent {
 public:
  explicit GRU(const io::Json& config) : Recurrent(config, gru_cell(config)) {}
};

}  // namespace

Family recurrent_layers() {
  return {layer_class<SimpleRNN>("SimpleRNN"), layer_class<LSTM>("LSTM"), layer_class<GRU>("GRU")};
}

}  // namespace ranvier::nn
