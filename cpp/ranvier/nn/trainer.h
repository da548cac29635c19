// The training step: recorded once for each batch size, replayed for every batch.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <span>
#include <thread>

#include "ranvier/kernels/move.h"
#include "ranvier/nn/layer.h"
#include "ranvier/nn/loss.h"
#include "ranvier/nn/optimizer.h"

namespace ranvier::nn {

/// Data the caller owns: `count` rows of `row` elements each, `stride` bytes apart.
struct Rows {
  const void* data = nullptr;
  kernels::Source type = kernels::Source::f32;
  Index count = 0;
  Index stride = 0;
  Shape row;
  bool given() const { return data != nullptr; }
};
/// A float32/float64/int32/int64/bool tensor's rows; the tensor must outlive them.
Rows rows_of(const Tensor& x);

class Trainer final : public RefCounted {
 public:
  /// loss may be null for prediction only, optimizer for prediction and evaluation only.
  Trainer(Ref<Layer> model, Ref<Loss> loss, Ref<Optimizer> optimizer);

  struct Options {
    Index batch_size = 32;
    bool stop_on_non_finite = true;
    void* predictions = nullptr;           ///< receives the predictions of all rows, in order, when not null
    std::function<void()> poll = nullptr;  ///< called between batches; may throw
    Shape prediction_shape = {};           ///< of the room there is (the first size is not looked at), if known
  };

  /// One step for every `batch_size` rows of `order`; returns the loss of each step done. Stops before the update of the
  /// first step whose loss is not finite (that loss is then the last one).
  std::vector<double> train(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                            const Options& options);
  /// The loss of every batch, without training.
  std::vector<double> evaluate(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                               const Options& options);
  /// Predictions of all rows into `out`; its size is count × row_size(prediction_shape).
  void predict(const Rows& x, const Options& options);
  /// Shape of a prediction for one row of x, and its dtype; builds the model if needed.
  Shape prediction_shape(const Rows& x);
  DType prediction_dtype() const;

 private:
  enum class Mode : std::uint8_t { train, evaluate, predict };

  /// One thread at a time; the same thread again (a layer in Python that trains its own model) is an error, not a deadlock.
  class Turn {
   public:
    explicit Turn(Trainer& trainer);
    ~Turn() { trainer_.owner_ = std::thread::id(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Trainer& trainer_;
    std::unique_lock<std::mutex> lock_;
  };

  /// One recorded step with the tensors it reads and writes.
  struct Plan {
    Mode mode;
    Shape x_shape, y_shape, w_shape;
    std::uint64_t layout;
    Program step;    ///< forward, loss and, in training, backward
    Program update;  ///< the optimizer
    Tensor x, y, weight, loss, prediction;
    std::vector<Context::Effect> effects;  ///< of the step under way, run with the update
  };

  std::vector<double> run(Mode mode, const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                          const Options& options);
  Plan& plan_for(Mode mode, const Shape& x, const Shape& y, const Shape& w, bool& fresh);
  void compute(Plan& plan);
  void check_prediction(const Plan& plan, const Shape& room, DType dtype) const;
  void update(Plan& plan);

  Ref<Layer> model_;
  Ref<Loss> loss_;
  Ref<Optimizer> optimizer_;
  std::list<Plan> plans_;  ///< most recently used first
  std::mutex mutex_;
  std::atomic<std::thread::id> owner_;  ///< whose turn it is
};

}  // namespace ranvier::nn
