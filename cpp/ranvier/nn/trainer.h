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

/// Which time steps of the predictions count: rows of bools; empty when there is no mask.
struct PredictionMask {
  Shape row;
  std::vector<std::uint8_t> data;
};

class Trainer final : public RefCounted {
 public:
  using Losses = std::vector<Ref<Loss>>;

  /// losses: one per output of the model, null for those that are not trained on; may be empty for prediction only.
  /// optimizer may be null for prediction and evaluation only. The total is Σ loss_weights[i]·losses[i] (weights of 1 when
  /// empty) and what layers and regularised weights add.
  Trainer(Ref<Layer> model, Losses losses, Ref<Optimizer> optimizer, std::vector<double> loss_weights = {});
  /// A model of one output.
  Trainer(Ref<Layer> model, Ref<Loss> loss, Ref<Optimizer> optimizer);

  struct Options {
    Index batch_size = 32;
    bool stop_on_non_finite = true;
    std::vector<void*> predictions = {};   ///< receive the predictions of all rows, in order, one for each output
    std::function<void()> poll = nullptr;  ///< called between batches; may throw
    Shapes prediction_shapes = {};         ///< of the room there is (the first sizes are not looked at), if known
    std::vector<PredictionMask>* masks = nullptr;  ///< receives the masks of the predictions, one for each output
  };
  /// One entry per input or output; targets and weights may be left out where they are not needed.
  using RowsList = std::vector<Rows>;

  /// One step for every `batch_size` rows of `order`; returns the losses of each step done, `loss_columns` numbers a step.
  /// Stops before the update of the first step whose total is not finite (its losses are then the last ones).
  std::vector<double> train(const RowsList& x, const RowsList& y, const RowsList& weight, std::span<const Index> order,
                            const Options& options);
  /// The losses of every batch, without training.
  std::vector<double> evaluate(const RowsList& x, const RowsList& y, const RowsList& weight,
                               std::span<const Index> order, const Options& options);
  /// Predictions of all rows into `options.predictions`, which have room for count × row_size(prediction_shapes).
  void predict(const RowsList& x, const Options& options);
  // The same for a model of one input and one output.
  std::vector<double> train(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                            const Options& options) {
    return train(RowsList{x}, RowsList{y}, RowsList{weight}, order, options);
  }
  std::vector<double> evaluate(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                               const Options& options) {
    return evaluate(RowsList{x}, RowsList{y}, RowsList{weight}, order, options);
  }
  void predict(const Rows& x, const Options& options) { predict(RowsList{x}, options); }

  /// 1 for a model of one output; else the total, then the loss of each output without its weight (0 without a loss).
  std::size_t loss_columns() const { return losses_.size() == 1 ? 1 : 1 + losses_.size(); }
  /// Shapes of the predictions for one row of x, and their dtypes; builds the model if needed.
  Shapes prediction_shapes(const RowsList& x);
  DType prediction_dtype(std::size_t output) const { return model_->output_dtype_at(output); }

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

  /// What goes into a pass over the data.
  struct Data {
    const RowsList& x;
    const RowsList& y;
    const RowsList& weight;
  };

  /// One recorded step with the tensors it reads and writes.
  struct Plan {
    Mode mode;
    Shapes x_shapes, y_shapes, w_shapes;
    std::uint64_t layout;
    Program step;                                ///< forward, losses and, in training, backward
    Program update;                              ///< the optimizer
    Tensors x, y, weights, losses, predictions;  ///< y, weights and losses are undefined where there are none
    Tensor total;
    std::vector<Context::Effect> effects;  ///< of the step under way, run with the update
    std::vector<Context::Check> checks;    ///< asked after the step, before the update
  };

  std::vector<double> run(Mode mode, const Data& data, std::span<const Index> order, const Options& options);
  void check_data(Mode mode, const Data& data, std::span<const Index> order) const;
  Plan& plan_for(Mode mode, const Data& data, Index batch, bool& fresh);
  void stage(Plan& plan, const Data& data, std::span<const Index> picked, bool make) const;
  void compute(Plan& plan);
  Tensor total_loss(Plan& plan, const Context& context) const;
  void check_predictions(const Plan& plan, const Shapes& room) const;
  void update(Plan& plan);
  static void keep_masks(const Plan& plan, Index start, Index rows, std::vector<PredictionMask>& masks);
  bool has_loss() const;
  std::string loss_name() const;

  Ref<Layer> model_;
  Losses losses_;
  Ref<Optimizer> optimizer_;
  std::vector<double> loss_weights_;
  std::list<Plan> plans_;  ///< most recently used first
  std::mutex mutex_;
  std::atomic<std::thread::id> owner_;  ///< whose turn it is
};

}  // namespace ranvier::nn
