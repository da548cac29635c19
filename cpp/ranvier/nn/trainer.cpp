#include "ranvier/nn/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "ranvier/core/parallel.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"

namespace ranvier::nn {
namespace {

constexpr std::size_t plans_kept = 8;

Shape batch_shape(Index batch, const Rows& data) {
  Shape shape{batch};
  if (!data.given()) return {};
  for (const Index d : data.row) shape.push_back(d);
  return shape;
}

void gather(const Rows& source, std::span<const Index> order, const Tensor& to) {
  kernels::gather_convert(source.type, to.dtype(), static_cast<Index>(order.size()), source.row.numel(), order.data(),
                          source.data, source.stride, to.raw());
}

void check_order(const Rows& data, std::span<const Index> order, const char* what) {
  for (const Index i : order) {
    check(i >= 0 && i < data.count, what, ": row ", i, " is out of range, there are ", data.count, " rows");
  }
}

bool is_integral(kernels::Source type) { return type != kernels::Source::f32 && type != kernels::Source::f64; }

}  // namespace

Rows rows_of(const Tensor& x) {
  check(x.rank() >= 1, "data: expected at least one axis (rows), received a scalar");
  using kernels::Source;
  constexpr Source types[] = {Source::f32, Source::f64, Source::i32, Source::i64, Source::boolean};
  const Shape row = x.shape().slice(1, x.rank());
  return {x.raw(), types[static_cast<std::size_t>(x.dtype())], x.dim(0),
          row.numel() * static_cast<Index>(size_of(x.dtype())), row};
}

Trainer::Trainer(Ref<Layer> model, Ref<Loss> loss, Ref<Optimizer> optimizer)
    : model_(std::move(model)), loss_(std::move(loss)), optimizer_(std::move(optimizer)) {}

Trainer::Turn::Turn(Trainer& trainer) : trainer_(trainer), lock_(trainer.mutex_, std::defer_lock) {
  check<StateError>(trainer.owner_ != std::this_thread::get_id(),
                    "this model is at work already: fit, evaluate or predict was called from within its own step (by a "
                    "layer, loss or metric); call the layers themselves there");
  lock_.lock();
  trainer.owner_ = std::this_thread::get_id();
}

Trainer::Plan& Trainer::plan_for(Mode mode, const Shape& x, const Shape& y, const Shape& w, bool& fresh) {
  plans_.remove_if([](const Plan& plan) { return plan.layout != layout_version(); });
  fresh = false;
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (it->mode == mode && it->x_shape == x && it->y_shape == y && it->w_shape == w) {
      plans_.splice(plans_.begin(), plans_, it);
      return plans_.front();
    }
  }
  fresh = true;
  Plan& plan = plans_.emplace_front();
  plan.mode = mode;
  plan.x_shape = x;
  plan.y_shape = y;
  plan.w_shape = w;
  plan.layout = layout_version();
  if (plans_.size() > plans_kept) plans_.pop_back();
  return plan;
}

// Forward, loss and backward of the batch that lies in the plan's inputs.
void Trainer::compute(Plan& plan) {
  const NoGrad no_history(plan.mode != Mode::train);
  Context context;
  context.training = plan.mode == Mode::train;
  plan.effects.clear();
  context.effects = &plan.effects;
  if (plan.mode == Mode::train) optimizer_->zero_grad();
  plan.prediction = (*model_)(plan.x, context);
  if (plan.mode == Mode::predict) return;
  Tensor total = (*loss_)(plan.y, plan.prediction, plan.weight);
  check(total.numel() == 1, "[", loss_->name(), "] expected a loss with reduction to one number, received shape ",
        total.shape(), "; use reduction='sum_over_batch_size'");
  for (const auto& p : model_->parameters()) {
    if (p->trainable() && (p->l1 != 0 || p->l2 != 0)) {
      total = ops::add(total, ops::l1l2_penalty(p->value, p->l1, p->l2));
    }
  }
  for (const Tensor& extra : context.losses) total = ops::add(total, extra);
  plan.loss = total;
  if (plan.mode != Mode::train) return;
  check(
      Leaf::requires_grad(total), "[", loss_->name(),
      "] expected a loss that depends on the model's trained weights, received one without a gradient; compute it from "
      "y_pred with ranvier.ops, without NumPy or stop_gradient");
  backward(total);
}

// Layers in Python may return what they please; there is room for what they announced.
void Trainer::check_prediction(const Plan& plan, const Shape& room, DType dtype) const {
  Shape wanted = room;
  if (wanted.rank() > 0) wanted[0] = plan.x_shape[0];
  const Tensor& y = plan.prediction;
  if (y.shape() == wanted && y.dtype() == dtype) return;
  fail("[", model_->name(), "] expected an output of shape ", wanted, " and dtype ", name_of(dtype), ", received ",
       y.shape(), " and ", name_of(y.dtype()), "; does a layer's compute_output_shape say what its call returns?");
}

// What changes state, once the loss is known to be finite.
void Trainer::update(Plan& plan) {
  for (const Context::Effect& effect : plan.effects) effect();
  plan.effects.clear();
  optimizer_->step();
}

std::vector<double> Trainer::run(Mode mode, const Rows& x, const Rows& y, const Rows& weight,
                                 std::span<const Index> order, const Options& options) {
  const Turn turn(*this);
  const FlushDenormals flush;
  check(options.batch_size >= 1, "batch_size: expected at least 1, received ", options.batch_size);
  check_order(x, order, "x");
  if (y.given()) check_order(y, order, "y");
  if (weight.given()) check_order(weight, order, "sample_weight");
  if (!model_->built()) model_->build(batch_shape(-1, x));
  if (mode == Mode::train) {
    optimizer_->build(model_->trainable_parameters());
    check(optimizer_->built(), "[", model_->name(),
          "] fit: expected trainable weights, received none; add a layer that "
          "has some");
  }
  const bool replay = model_->replayable() && (mode == Mode::predict || loss_->replayable());
  const DType dtype = model_->dtype();
  DType target_dtype = dtype;
  if (mode != Mode::predict) {
    const bool labels = loss_->targets() == Loss::Targets::labels ||
                        (loss_->targets() == Loss::Targets::as_given && is_integral(y.type));
    if (labels) target_dtype = DType::int64;
  }

  std::vector<double> losses;
  const auto rows = static_cast<Index>(order.size());
  const Index batch_size = std::min(options.batch_size, std::max<Index>(rows, 1));  // no sum with it overflows then
  losses.reserve(static_cast<std::size_t>((rows + batch_size - 1) / batch_size));
  auto* out = static_cast<std::byte*>(options.predictions);
  const bool announced = out == nullptr || options.prediction_shape.rank() > 0;
  const Shape room = announced ? options.prediction_shape : model_->output_shape(batch_shape(-1, x));
  for (Index start = 0; start < rows; start += batch_size) {
    const Index batch = std::min(batch_size, rows - start);
    const auto picked = order.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(batch));
    bool fresh = true;
    Plan& plan = plan_for(mode, batch_shape(batch, x), batch_shape(batch, y), batch_shape(batch, weight), fresh);
    try {
      if (fresh || !replay) {
        plan.x = empty(plan.x_shape, model_->input_dtype(is_integral(x.type)));
        if (y.given()) plan.y = empty(plan.y_shape, target_dtype);
        if (weight.given()) plan.weight = empty(plan.w_shape, dtype);
      }
      gather(x, picked, plan.x);
      if (y.given()) gather(y, picked, plan.y);
      if (weight.given()) gather(weight, picked, plan.weight);
      if (!replay) {
        compute(plan);
      } else if (fresh) {
        const Program::Recording recording(plan.step);
        compute(plan);
      } else {
        plan.step.replay();
      }
      if (out != nullptr) check_prediction(plan, room, dtype);
      if (mode != Mode::predict) losses.push_back(item(plan.loss));
      if (mode == Mode::train) {
        if (options.stop_on_non_finite && !std::isfinite(losses.back())) {
          if (fresh) plans_.pop_front();  // its update was never recorded
          return losses;
        }
        if (!replay) {
          update(plan);
        } else if (fresh) {
          const Program::Recording recording(plan.update);
          update(plan);
        } else {
          plan.update.replay();
        }
      }
    } catch (...) {
      plans_.pop_front();  // half recorded
      throw;
    }
    if (out != nullptr) {
      std::memcpy(out, plan.prediction.raw(), plan.prediction.bytes());
      out += plan.prediction.bytes();
    }
    if (!replay) plans_.pop_front();
    if (options.poll) options.poll();
  }
  return losses;
}

std::vector<double> Trainer::train(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                                   const Options& options) {
  check<StateError>(loss_ && optimizer_, "train: a loss and an optimizer are needed; compile the model with both");
  return run(Mode::train, x, y, weight, order, options);
}

std::vector<double> Trainer::evaluate(const Rows& x, const Rows& y, const Rows& weight, std::span<const Index> order,
                                      const Options& options) {
  check<StateError>(static_cast<bool>(loss_), "evaluate: a loss is needed; compile the model with one");
  return run(Mode::evaluate, x, y, weight, order, options);
}

void Trainer::predict(const Rows& x, const Options& options) {
  std::vector<Index> order(static_cast<std::size_t>(x.count));
  std::iota(order.begin(), order.end(), Index{0});
  run(Mode::predict, x, {}, {}, order, options);
}

Shape Trainer::prediction_shape(const Rows& x) {
  const Turn turn(*this);
  const Shape batch = batch_shape(-1, x);
  model_->build(batch);
  return model_->output_shape(batch);
}

DType Trainer::prediction_dtype() const { return model_->dtype(); }

}  // namespace ranvier::nn
