#include "ranvier/nn/recurrence.h"

#include <algorithm>
#include <cstring>

#include "ranvier/nn/random_layer.h"
#include "ranvier/ops/detail.h"

namespace ranvier::nn {
namespace {

/// Memory of the layer's own, zero: never a recording's, which would be handed on when the step is over.
Tensor own_zeros(const Shape& shape, DType dtype) {
  const PoolScope scope(Pool::global());
  const Tensor made = empty(shape, dtype);
  std::memset(made.raw(), 0, made.bytes());
  return made;
}

}  // namespace

Recurrence::Recurrence(const io::Json& config, RnnCell cell)
    : KeywordLayer(config),
      generator_(seed_of(config)),
      units_(config.integer("units")),
      use_bias_(config.flag("use_bias", true)),
      dropout_(rate_from(config, "dropout")),
      recurrent_dropout_(rate_from(config, "recurrent_dropout")) {
  if (units_ < 1) reject("expected units >= 1, received ", units_);
  constexpr Index most_units = Index{1} << 40;  // beyond it sizes of weights would overflow
  if (units_ > most_units) reject("expected units <= ", most_units, ", received ", units_);
  options_.cell = cell;
  const Activation f = function_from(config, "activation", "tanh");
  options_.activation = f.function;
  options_.activation_args = f.args;
  if (cell == RnnCell::simple) return;
  const Activation gate = function_from(config, "recurrent_activation", "sigmoid");
  options_.recurrent_activation = gate.function;
  options_.recurrent_args = gate.args;
}

double Recurrence::rate_from(const io::Json& config, const char* key) const {
  const double rate = config.number(key, 0.0);
  if (!(rate >= 0 && rate <= 1)) reject("expected 0 <= ", key, " <= 1, received ", rate);
  return rate;
}

Activation Recurrence::function_from(const io::Json& config, const char* key, const char* otherwise) const {
  const io::Json* given = config.find(key);
  const io::Json fallback(otherwise);
  const Activation f = activation_from(given != nullptr ? given : &fallback);
  if (!f.elementwise()) reject("expected ", key, " to be elementwise in a recurrent layer of the engine");
  return f;
}

void Recurrence::make_weights(Index features) {
  const Index columns = kernels::gates_of(options_.cell) * units_;
  kernel_ = add_parameter("kernel", {features, columns}, "GlorotUniform");
  recurrent_ = add_parameter("recurrent_kernel", {units_, columns}, "Orthogonal", true, "recurrent");
  if (!use_bias_) return;
  bias_ = add_parameter("bias", options_.cell == RnnCell::gru ? Shape{2, columns} : Shape{columns}, "Zeros");
  if (options_.cell != RnnCell::lstm || !config().flag("unit_forget_bias", true)) return;
  // A gate that begins open lets gradients through time (Jozefowicz et al. 2015).
  dispatch_floating(dtype(), "bias", [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::fill_n(bias_->value.data<T>() + units_, units_, T{1});
  });
}

void Recurrence::check_features(const Shape& x) const {
  if (x.back() != kernel_->value.dim(0)) {
    reject("expected ", kernel_->value.dim(0), " features (last axis), received x with shape ", x, ".");
  }
}

void Recurrence::check_states(const char* what, const Shapes& given, Index batch) const {
  if (given.size() != state_count()) {
    reject(what, ": expected ", state_count(), " of shape ", Shape{batch, units_}, ", received ", given.size());
  }
  for (const Shape& state : given) expect(what, {batch, units_}, state);
}

void Recurrence::expect(const char* what, const Shape& wanted, const Shape& given) const {
  const auto fits = [](Index a, Index b) { return a == b || a < 0 || b < 0; };
  if (given.rank() == 2 && fits(given[0], wanted[0]) && fits(given[1], wanted[1])) return;
  reject(what, ": expected shape ", wanted, ", received ", given, ".");
}

// The same draw at all time steps (Gal & Ghahramani 2016). In gated cells a rate of 1 means none, as in Keras.
void Recurrence::drop(ops::RnnSequence& sequence) {
  const auto acts = [this](double rate) { return rate > 0 && (rate < 1 || options_.cell == RnnCell::simple); };
  const Index batch = sequence.x.dim(0);
  if (acts(dropout_)) {
    sequence.x = ops::dropout(sequence.x, dropout_, {batch, 1, sequence.x.dim(2)}, generator_);
  }
  if (acts(recurrent_dropout_)) {
    sequence.recurrent_dropout = ops::dropout(full({batch, units_}, 1, dtype()), recurrent_dropout_, {}, generator_);
  }
}

ops::RnnResult Recurrence::run(ops::RnnSequence sequence, const ops::RnnOptions& options, bool training) {
  if (training) drop(sequence);
  return ops::rnn(sequence, {kernel_->value, recurrent_->value, use_bias_ ? bias_->value : Tensor()}, options);
}

Tensors states_of(const ops::RnnResult& result) {
  Tensors states{result.h};
  if (result.c.defined()) states.push_back(result.c);
  return states;
}

void begin_with(ops::RnnSequence& sequence, const Tensors& states) {
  if (!states.empty()) sequence.h = states[0];
  if (states.size() > 1) sequence.c = states[1];
}

void KeptStates::make(const Shapes& shapes, DType dtype) {
  const bool same = states_.size() == shapes.size() &&
                    std::equal(shapes.begin(), shapes.end(), states_.begin(),
                               [](const Shape& shape, const Tensor& state) { return shape == state.shape(); });
  if (same) return;
  states_.clear();
  for (const Shape& shape : shapes) states_.push_back(own_zeros(shape, dtype));
  change_layout();
}

Tensors KeptStates::begin(const Shapes& shapes, DType dtype) {
  if (states_.empty() || fresh_) {
    make(shapes, dtype);
  } else {
    check(states_[0].dim(0) == shapes[0][0], "is stateful and keeps the states of ", states_[0].dim(0),
          " sequences, received x with ", shapes[0][0],
          "; call reset_state() before a batch of another size, or give every batch the same size.");
  }
  Tensors copies;  // backward reads them after the states have moved on
  for (const Tensor& state : states_) {
    copies.push_back(empty(state.shape(), state.dtype()));
    copy_into(copies.back(), state);
  }
  return copies;
}

void KeptStates::keep(const Tensors& states, const Context& context) {
  Tensors values;
  for (const Tensor& state : states) values.push_back(stop_gradient(state));
  context.after_step([kept = states_, values] {
    for (std::size_t i = 0; i < kept.size(); ++i) copy_into(kept[i], values[i]);
  });
  fresh_ = false;
}

void KeptStates::set(const Tensors& states, DType dtype) {
  fresh_ = states.empty();
  if (fresh_) {
    for (const Tensor& state : states_) std::memset(state.raw(), 0, state.bytes());
    return;
  }
  Shapes shapes;
  for (const Tensor& state : states) shapes.push_back(state.shape());
  make(shapes, dtype);
  for (std::size_t i = 0; i < states.size(); ++i) copy_into(states_[i], states[i]);
}

}  // namespace ranvier::nn
