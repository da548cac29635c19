// What recurrent layers and their cells are made of: the cell's weights and options, and states kept between batches.
#pragma once

#include "ranvier/nn/activation.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/ops/rnn.h"

namespace ranvier::nn {

using ops::RnnCell;

/// Which of the two the config of a GRU means.
inline RnnCell gru_cell(const io::Json& config) {
  return config.flag("reset_after", true) ? RnnCell::gru : RnnCell::gru_reset_first;
}

/// A layer with the weights of a cell.
class Recurrence : public KeywordLayer {
 public:
  Recurrence(const io::Json& config, RnnCell cell);
  std::vector<Generator*> generators() override { return {&generator_}; }

  Index units() const { return units_; }
  std::size_t state_count() const { return options_.cell == RnnCell::lstm ? 2 : 1; }
  const ops::RnnOptions& options() const { return options_; }
  /// The cell over sequence.x, with dropout in training.
  ops::RnnResult run(ops::RnnSequence sequence, const ops::RnnOptions& options, bool training);
  /// Rejects states of another number or shape.
  void check_states(const char* what, const Shapes& given, Index batch) const;

 protected:
  ops::RnnOptions options_;

  void make_weights(Index features);
  /// Rejects x of another number of features, on its last axis.
  void check_features(const Shape& x) const;
  void expect(const char* what, const Shape& wanted, const Shape& given) const;

 private:
  double rate_from(const io::Json& config, const char* key) const;
  Activation function_from(const io::Json& config, const char* key, const char* otherwise) const;
  void drop(ops::RnnSequence& sequence);

  Generator generator_;
  Index units_;
  bool use_bias_;
  double dropout_;
  double recurrent_dropout_;
  Ref<Parameter> kernel_;
  Ref<Parameter> recurrent_;
  Ref<Parameter> bias_;
};

/// h and, for an lstm, c of a result; and into a sequence.
Tensors states_of(const ops::RnnResult& result);
void begin_with(ops::RnnSequence& sequence, const Tensors& states);

/// States that a stateful layer goes on from, batch after batch.
class KeptStates {
 public:
  /// Copies of what the next batch begins with: zeros at first. ValueError for another batch size than the one before.
  Tensors begin(const Shapes& shapes, DType dtype);
  /// The states after it; in training they count once the loss is known to be finite.
  void keep(const Tensors& states, const Context& context);
  const Tensors& values() const { return states_; }
  /// Begins anew, with zeros for no states.
  void set(const Tensors& states, DType dtype);

 private:
  void make(const Shapes& shapes, DType dtype);

  Tensors states_;
  bool fresh_ = true;  ///< nothing has been read since the states became zero: the next batch may have any size
};

}  // namespace ranvier::nn
