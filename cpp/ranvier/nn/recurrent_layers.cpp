#include <algorithm>
#include <cstring>

#include "ranvier/nn/activation.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/random_layer.h"
#include "ranvier/nn/stream.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/rnn.h"

namespace ranvier::nn {
namespace {

using ops::RnnCell;

/// Memory of the layer's own, zero: never a recording's, which would be handed on when the step is over.
Tensor own_zeros(const Shape& shape, DType dtype) {
  const PoolScope scope(Pool::global());
  const Tensor made = empty(shape, dtype);
  std::memset(made.raw(), 0, made.bytes());
  return made;
}

/// A cell over the time steps of (batch, time, features); which one, its subclasses say.
class Recurrent : public KeywordLayer {
 public:
  using KeywordLayer::output_shapes;
  using KeywordLayer::outputs;

  Recurrent(const io::Json& config, RnnCell cell)
      : KeywordLayer(config),
        generator_(seed_of(config)),
        units_(config.integer("units")),
        use_bias_(config.flag("use_bias", true)),
        return_state_(config.flag("return_state", false)),
        stateful_(config.flag("stateful", false)),
        dropout_(rate_from(config, "dropout")),
        recurrent_dropout_(rate_from(config, "recurrent_dropout")) {
    if (units_ < 1) reject("expected units >= 1, received ", units_);
    options_.cell = cell;
    options_.return_sequences = config.flag("return_sequences", false);
    options_.go_backwards = config.flag("go_backwards", false);
    options_.zero_output_for_mask = config.flag("zero_output_for_mask", false);
    const Activation f = function_from(config, "activation", "tanh");
    options_.activation = f.function;
    options_.activation_args = f.args;
    if (cell == RnnCell::simple) return;
    const Activation gate = function_from(config, "recurrent_activation", "sigmoid");
    options_.recurrent_activation = gate.function;
    options_.recurrent_args = gate.args;
  }

  std::vector<std::string> argument_names() const override { return {"sequences", "initial_state", "mask"}; }
  std::size_t outputs(const Call& /*call*/) const override { return return_state_ ? 1 + state_count() : 1; }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    Shapes made(1 + state_count(), Shape{x[0], units_});
    if (options_.return_sequences) made[0] = {x[0], x[1], units_};
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
  std::vector<Generator*> generators() override { return {&generator_}; }

  Tensors states() const override { return states_; }
  void set_states(const Tensors& states) override {
    if (!stateful_) reject("expected stateful=True for states that are kept between batches");
    if (states.empty()) {
      for (const Tensor& state : states_) std::memset(state.raw(), 0, state.bytes());
      fresh_ = true;
      return;
    }
    if (states.size() != state_count()) {
      reject("expected ", state_count(), " states, received ", states.size());
    }
    const Shape shape{states[0].rank() > 0 ? states[0].dim(0) : 0, units_};
    for (const Tensor& state : states) {
      if (!(state.shape() == shape) || state.dtype() != dtype()) {
        reject("expected states of shape ", shape, " and dtype ", name_of(dtype()), ", received ", state.shape(),
               " and ", name_of(state.dtype()));
      }
    }
    make_states(shape[0]);
    for (std::size_t i = 0; i < states.size(); ++i) copy_into(states_[i], states[i]);
    fresh_ = false;
  }

 protected:
  void make_parameters(const Call& /*call*/, const Shapes& inputs) override {
    const Shape& x = inputs.front();
    check_sequences(x);
    if (x[2] < 1) reject("expected a known number of features on the last axis, received shape ", x);
    const Index columns = kernels::gates_of(options_.cell) * units_;
    kernel_ = add_parameter("kernel", {x[2], columns}, "GlorotUniform");
    recurrent_ = add_parameter("recurrent_kernel", {units_, columns}, "Orthogonal", true, "recurrent");
    if (!use_bias_) return;
    bias_ = add_parameter("bias", options_.cell == RnnCell::gru ? Shape{2, columns} : Shape{columns}, "Zeros");
    begin_bias(bias_->value);
  }
  /// What a cell's bias is besides what its initializer says.
  virtual void begin_bias(const Tensor& /*bias*/) const {}

  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    check_sequences(x);
    if (x[2] != kernel_->value.dim(0)) {
      reject("expected ", kernel_->value.dim(0), " features (last axis), received x with shape ", x, ".");
    }
    const Shapes given = call.all(inputs, "initial_state");
    if (!given.empty() && given.size() != state_count()) {
      reject("initial_state: expected ", state_count(), " of shape ", Shape{x[0], units_}, ", received ", given.size());
    }
    for (const Shape& state : given) expect("initial_state", {x[0], units_}, state);
    if (const Shape* mask = call.find(inputs, "mask")) expect("mask", {x[0], x[1]}, *mask);
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    ops::RnnSequence sequence;
    sequence.x = xs.front();
    const Index batch = sequence.x.dim(0);
    const Tensor given_mask = call.find(xs, "mask");
    sequence.mask = given_mask.defined() ? given_mask : sequence.x.mask();
    StreamSlot* slot = context.stream != nullptr ? &context.stream->slot(*this) : nullptr;
    ops::RnnOptions options = options_;
    options.begun = slot != nullptr && slot->steps() > 0;
    Tensors before = call.all(xs, "initial_state");
    if (options.begun) {
      before = slot->state();
    } else if (before.empty() && stateful_ && slot == nullptr) {
      before = states_for(batch);
    }
    if (!before.empty()) sequence.h = before[0];
    if (before.size() > 1) sequence.c = before[1];
    if (context.training) drop(sequence);

    const ops::RnnResult result =
        ops::rnn(sequence, {kernel_->value, recurrent_->value, use_bias_ ? bias_->value : Tensor()}, options);
    Tensors made{result.output, result.h};
    if (result.c.defined()) made.push_back(result.c);
    if (slot != nullptr) {
      slot->advance(Tensors(made.begin() + 1, made.end()), sequence.x.dim(1));
    } else if (stateful_) {
      remember(Tensors(made.begin() + 1, made.end()), batch, context);
    }
    if (!return_state_) made.resize(1);
    if (options_.return_sequences && given_mask.defined()) made[0].set_mask(given_mask);
    return made;
  }

 private:
  std::size_t state_count() const { return options_.cell == RnnCell::lstm ? 2 : 1; }

  double rate_from(const io::Json& config, const char* key) const {
    const double rate = config.number(key, 0.0);
    if (!(rate >= 0 && rate <= 1)) reject("expected 0 <= ", key, " <= 1, received ", rate);
    return rate;
  }

  Activation function_from(const io::Json& config, const char* key, const char* otherwise) const {
    const io::Json* given = config.find(key);
    const io::Json fallback(otherwise);
    const Activation f = activation_from(given != nullptr ? given : &fallback);
    if (!f.elementwise()) reject("expected ", key, " to be elementwise in a recurrent layer of the engine");
    return f;
  }

  void check_sequences(const Shape& x) const {
    if (x.rank() != 3) {
      reject("expected (batch, time, features), received x with shape ", x,
             x.rank() == 2 ? "; a layer before it may need return_sequences=True, or x an axis of features." : ".");
    }
    if (x[1] == 0) reject("expected at least one time step, received x with shape ", x, ".");
  }
  void expect(const char* what, const Shape& wanted, const Shape& given) const {
    const auto fits = [](Index a, Index b) { return a == b || a < 0 || b < 0; };
    if (given.rank() == 2 && fits(given[0], wanted[0]) && fits(given[1], wanted[1])) return;
    reject(what, ": expected shape ", wanted, ", received ", given, ".");
  }

  // The same draw at all time steps (Gal & Ghahramani 2016). In gated cells a rate of 1 means none, as in Keras.
  void drop(ops::RnnSequence& sequence) {
    const auto acts = [this](double rate) { return rate > 0 && (rate < 1 || options_.cell == RnnCell::simple); };
    const Index batch = sequence.x.dim(0);
    if (acts(dropout_)) {
      sequence.x = ops::dropout(sequence.x, dropout_, {batch, 1, sequence.x.dim(2)}, generator_);
    }
    if (acts(recurrent_dropout_)) {
      sequence.recurrent_dropout = ops::dropout(full({batch, units_}, 1, dtype()), recurrent_dropout_, {}, generator_);
    }
  }

  // What a stateful layer goes on from.
  void make_states(Index batch) {
    if (states_.empty() || states_[0].dim(0) != batch) {
      states_.clear();
      for (std::size_t i = 0; i < state_count(); ++i) states_.push_back(own_zeros({batch, units_}, dtype()));
      change_layout();
    }
  }
  const Tensors& states_for(Index batch) {
    if (states_.empty() || fresh_) {
      make_states(batch);
    } else if (states_[0].dim(0) != batch) {
      reject("is stateful and keeps the states of ", states_[0].dim(0), " sequences, received x with ", batch,
             "; call reset_state() before a batch of another size, or give every batch the same size.");
    }
    return states_;
  }
  void remember(const Tensors& after, Index batch, const Context& context) {
    states_for(batch);
    Tensors values;
    for (const Tensor& state : after) values.push_back(stop_gradient(state));
    context.after_step([states = states_, values] {
      for (std::size_t i = 0; i < states.size(); ++i) copy_into(states[i], values[i]);
    });
    fresh_ = false;
  }

 protected:
  Index units() const { return units_; }

 private:
  Generator generator_;
  Index units_;
  bool use_bias_;
  bool return_state_;
  bool stateful_;
  double dropout_;
  double recurrent_dropout_;
  ops::RnnOptions options_;
  Ref<Parameter> kernel_;
  Ref<Parameter> recurrent_;
  Ref<Parameter> bias_;
  Tensors states_;
  bool fresh_ = true;  ///< nothing has been read since the states became zero: the next batch may have any size
};

class SimpleRNN final : public Recurrent {
 public:
  explicit SimpleRNN(const io::Json& config) : Recurrent(config, RnnCell::simple) {}
};

class LSTM final : public Recurrent {
 public:
  explicit LSTM(const io::Json& config)
      : Recurrent(config, RnnCell::lstm), unit_forget_bias_(config.flag("unit_forget_bias", true)) {}

 protected:
  // A gate that begins open lets gradients through time (Jozefowicz et al. 2015).
  void begin_bias(const Tensor& bias) const override {
    if (!unit_forget_bias_) return;
    dispatch_floating(bias.dtype(), "bias", [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::fill_n(bias.data<T>() + units(), units(), T{1});
    });
  }

 private:
  bool unit_forget_bias_;
};

class GRU final : public Recurrent {
 public:
  explicit GRU(const io::Json& config)
      : Recurrent(config, config.flag("reset_after", true) ? RnnCell::gru : RnnCell::gru_reset_first) {}
};

}  // namespace

Family recurrent_layers() {
  return {layer_class<SimpleRNN>("SimpleRNN"), layer_class<LSTM>("LSTM"), layer_class<GRU>("GRU")};
}

}  // namespace ranvier::nn
