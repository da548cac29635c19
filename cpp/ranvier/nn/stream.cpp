#include "ranvier/nn/stream.h"

#include "ranvier/core/parallel.h"

namespace ranvier::nn {

template <class F>
auto Stream::pass(const Tensor& first, const F& f) {
  check(first.rank() > 0, "[", model_->name(),
        "] stream: expected a piece of shape (batch, time, ...), received a scalar");
  check(batch_ < 0 || first.dim(0) == batch_, "[", model_->name(), "] stream: expected ", batch_,
        " sequences as in the pieces before, received ", first.dim(0), "; call reset() to begin new ones");
  const NoGrad no_history;
  const FlushDenormals flush;
  Context context;
  context.stream = this;
  used_ = 0;
  const std::size_t known = slots_.size();
  try {
    auto result = f(context);
    for (std::size_t i = 0; i < used_; ++i) {
      slots_[i].state_ = std::move(slots_[i].next_);
      slots_[i].steps_ = slots_[i].next_steps_;
    }
    batch_ = first.dim(0);
    return result;
  } catch (...) {
    slots_.resize(known);
    for (StreamSlot& slot : slots_) slot.next_.clear();
    throw;
  }
}

Tensor Stream::operator()(const Tensor& piece) {
  return pass(piece, [&](Context& context) { return (*model_)(piece, context); });
}

Tensors Stream::operator()(const Tensors& pieces) {
  check(!pieces.empty(), "[", model_->name(), "] stream: expected at least one input, received an empty list");
  return pass(pieces.front(), [&](Context& context) { return (*model_)(pieces, context); });
}

void Stream::reset() {
  slots_.clear();
  batch_ = -1;
}

StreamSlot& Stream::slot(const Layer& layer) {
  if (used_ == slots_.size()) slots_.emplace_back().owner_ = &layer;
  StreamSlot& slot = slots_[used_++];
  check<StateError>(slot.owner_ == &layer, "[", layer.name(),
                    "] stream: the model has changed since the last piece; "
                    "call reset()");
  return slot;
}

}  // namespace ranvier::nn
