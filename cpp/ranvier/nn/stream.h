// A model that is fed sequences piece by piece: what its layers go on from (states, keys and values) between the pieces.
#pragma once

#include <deque>

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

/// What one use of a layer keeps.
class StreamSlot {
 public:
  /// Empty before the first piece.
  const Tensors& state() const { return state_; }
  /// Time steps read so far.
  Index steps() const { return steps_; }
  /// What the next piece goes on from; counts once the whole model has run.
  void advance(Tensors state, Index steps) {
    next_ = std::move(state);
    next_steps_ = steps_ + steps;
  }

 private:
  friend class Stream;
  const Layer* owner_ = nullptr;
  Tensors state_, next_;
  Index steps_ = 0;
  Index next_steps_ = 0;
};

class Stream final : public RefCounted {
 public:
  explicit Stream(Ref<Layer> model) : model_(std::move(model)) {}

  /// The outputs for the next piece: those of the whole sequence so far, at the steps of this piece. Inference, without
  /// history. After an error everything is as it was before the piece.
  Tensor operator()(const Tensor& piece);
  Tensors operator()(const Tensors& pieces);
  /// Forgets what was read; the next piece begins new sequences.
  void reset();
  /// Sequences side by side; -1 before the first piece.
  Index batch() const { return batch_; }

  /// The slot of a layer that is running: the k-th use of slots in a pass is always the same layer.
  StreamSlot& slot(const Layer& layer);

 private:
  template <class F>
  auto pass(const Tensor& first, const F& f);

  Ref<Layer> model_;
  std::deque<StreamSlot> slots_;
  std::size_t used_ = 0;
  Index batch_ = -1;
};

}  // namespace ranvier::nn
