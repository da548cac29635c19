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
  if (!data.given()) return {};
  Shape shape{batch};
  for (const Index d : data.row) shape.push_back(d);
  return shape;
}

Shapes batch_shapes(Index batch, const std::vector<Rows>& data) {
  Shapes shapes;
  shapes.reserve(data.size());
  for (const Rows& one : data) shapes.push_back(batch_shape(batch, one));
  return shapes;
}

/// Whether these are batch_shapes(batch, data), asked in every step.
bool fits(const Shapes& shapes, Index batch, const std::vector<Rows>& data) {
  const auto same = [batch](const Shape& shape, const Rows& rows) {
    if (!rows.given()) return shape.rank() == 0;
    return shape.rank() == rows.row.rank() + 1 && shape[0] == batch &&
           std::equal(rows.row.begin(), rows.row.end(), shape.begin() + 1);
  };
  return std::equal(shapes.begin(), shapes.end(), data.begin(), data.end(), same);
}

void gather(const Rows& source, std::span<const Index> order, const Tensor& to) {
  kernels::gather_convert(source.type, to.dtype(), static_cast<Index>(order.size()), source.row.numel(), order.data(),
                          source.data, source.stride, to.raw());
}

void check_order(const std::vector<Rows>& data, std::span<const Index> order, const char* what) {
  for (std::size_t k = 0; k < data.size(); ++k) {
    if (!data[k].given()) continue;
    for (const Index i : order) {
      check(i >= 0 && i<data[k].count, what, data.size()> 1 ? "[" + std::to_string(k) + "]" : "", ": row ", i,
            " is out of range, there are ", data[k].count, " rows");
    }
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

Trainer::Trainer(Ref<Layer> model, Losses losses, Ref<Optimizer> optimizer, std::vector<double> loss_weights)
    : model_(std::move(model)),
      losses_(std::move(losses)),
      optimizer_(std::move(optimizer)),
      loss_weights_(std::move(loss_weights)) {
  if (loss_weights_.empty()) loss_weights_.assign(losses_.size(), 1.0);
  check(loss_weights_.size() == losses_.size(), "loss_weights: expected ", losses_.size(),
        " numbers, one for each output, received ", loss_weights_.size());
}

Trainer::Trainer(Ref<Layer> model, Ref<Loss> loss, Ref<Optimizer> optimizer)
    : Trainer(std::move(model), loss ? Losses{loss} : Losses{}, std::move(optimizer)) {}

Trainer::Turn::Turn(Trainer& trainer) : trainer_(trainer), lock_(trainer.mutex_, std::defer_lock) {
  check<StateError>(trainer.owner_ != std::this_thread::get_id(),
                    "this model is at work already: fit, evaluate or predict was called from within its own step (by a "
                    "layer, loss or metric); call the layers themselves there");
  lock_.lock();
  trainer.owner_ = std::this_thread::get_id();
}

Trainer::Plan& Trainer::plan_for(Mode mode, const Data& data, Index batch, bool& fresh) {
  plans_.remove_if([](const Plan& plan) { return plan.layout != layout_version(); });
  fresh = false;
  for (auto it = plans_.begin(); it != plans_.end(); ++it) {
    if (it->mode == mode && fits(it->x_shapes, batch, data.x) && fits(it->y_shapes, batch, data.y) &&
        fits(it->w_shapes, batch, data.weight)) {
      plans_.splice(plans_.begin(), plans_, it);
      return plans_.front();
    }
  }
  fresh = true;
  Plan& plan = plans_.emplace_front();
  plan.mode = mode;
  plan.x_shapes = batch_shapes(batch, data.x);
  plan.y_shapes = batch_shapes(batch, data.y);
  plan.w_shapes = batch_shapes(batch, data.weight);
  plan.layout = layout_version();
  if (plans_.size() > plans_kept) plans_.pop_back();
  return plan;
}

// Brings the picked rows to where the step reads them.
void Trainer::stage(Plan& plan, const Data& data, std::span<const Index> picked, bool make) const {
  const auto bring = [&](const Rows& rows, const Shape& shape, Tensor& to, auto dtype) {
    if (!rows.given()) return;
    if (make) to = empty(shape, dtype());
    gather(rows, picked, to);
  };
  if (make) {
    plan.x.resize(data.x.size());
    plan.y.resize(losses_.size());
    plan.weights.resize(losses_.size());
  }
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    bring(data.x[i], plan.x_shapes[i], plan.x[i],
          [&] { return model_->input_dtype_at(i, is_integral(data.x[i].type)); });
  }
  for (std::size_t i = 0; i < data.y.size(); ++i) {
    bring(data.y[i], plan.y_shapes[i], plan.y[i], [&] {
      const Loss::Targets targets = losses_[i] ? losses_[i]->targets() : Loss::Targets::floating;
      const bool labels =
          targets == Loss::Targets::labels || (targets == Loss::Targets::as_given && is_integral(data.y[i].type));
      return labels ? DType::int64 : model_->output_dtype_at(i);
    });
  }
  for (std::size_t i = 0; i < data.weight.size(); ++i) {
    bring(data.weight[i], plan.w_shapes[i], plan.weights[i], [&] { return model_->output_dtype_at(i); });
  }
}

// Forward, losses and backward of the batch that lies in the plan's inputs.
void Trainer::compute(Plan& plan) {
  const NoGrad no_history(plan.mode != Mode::train);
  Context context;
  context.training = plan.mode == Mode::train;
  plan.effects.clear();
  context.effects = &plan.effects;
  plan.checks.clear();
  context.checks = &plan.checks;
  if (plan.mode == Mode::train) optimizer_->zero_grad();
  plan.predictions = (*model_)(plan.x, context);
  if (plan.mode == Mode::predict) return;
  plan.total = total_loss(plan, context);
  if (plan.mode != Mode::train) return;
  check(
      Leaf::requires_grad(plan.total), "[", loss_name(),
      "] expected a loss that depends on the model's trained weights, received one without a gradient; compute it from "
      "y_pred with ranvier.ops, without NumPy or stop_gradient");
  backward(plan.total);
}

Tensor Trainer::total_loss(Plan& plan, const Context& context) const {
  check(plan.predictions.size() == losses_.size(), "[", model_->name(), "] expected a loss (or None) for each of its ",
        plan.predictions.size(), " outputs, received ", losses_.size());
  plan.losses.assign(losses_.size(), Tensor());
  Tensor total;
  const auto add = [&](const Tensor& part) { total = total.defined() ? ops::add(total, part) : part; };
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    if (!losses_[i]) continue;
    const Tensor loss = (*losses_[i])(plan.y[i], plan.predictions[i], plan.weights[i]);
    check(loss.numel() == 1, "[", losses_[i]->name(), "] expected a loss with reduction to one number, received shape ",
          loss.shape(), "; use reduction='sum_over_batch_size'");
    plan.losses[i] = loss;
    add(loss_weights_[i] == 1 ? loss : ops::multiply(loss, full({}, loss_weights_[i], loss.dtype())));
  }
  for (const auto& p : model_->parameters()) {
    if (p->trainable() && (p->l1 != 0 || p->l2 != 0)) add(ops::l1l2_penalty(p->value, p->l1, p->l2));
  }
  for (const Tensor& extra : context.losses) add(extra);
  return total;
}

bool Trainer::has_loss() const {
  return std::any_of(losses_.begin(), losses_.end(), [](const auto& loss) { return static_cast<bool>(loss); });
}

std::string Trainer::loss_name() const {
  std::string names;
  for (const auto& loss : losses_) {
    if (loss) names += (names.empty() ? "" : ", ") + loss->name();
  }
  return names;
}

// Layers in Python may return what they please; there is room for what they announced.
void Trainer::check_predictions(const Plan& plan, const Shapes& room) const {
  check(plan.predictions.size() == room.size(), "[", model_->name(), "] expected ", room.size(), " outputs, received ",
        plan.predictions.size(), "; does a layer's compute_output_shape say what its call returns?");
  for (std::size_t i = 0; i < room.size(); ++i) {
    Shape wanted = room[i];
    if (wanted.rank() > 0) wanted[0] = plan.x_shapes[0][0];
    const DType dtype = prediction_dtype(i);
    const Tensor& y = plan.predictions[i];
    if (y.shape() == wanted && y.dtype() == dtype) continue;
    fail("[", model_->name(), "] expected an output of shape ", wanted, " and dtype ", name_of(dtype), ", received ",
         y.shape(), " and ", name_of(y.dtype()), "; does a layer's compute_output_shape say what its call returns?");
  }
}

void Trainer::keep_masks(const Plan& plan, Index start, Index rows, std::vector<PredictionMask>& masks) {
  masks.resize(plan.predictions.size());
  for (std::size_t i = 0; i < masks.size(); ++i) {
    const Tensor mask = plan.predictions[i].mask();
    if (!mask.defined() || mask.rank() == 0 || mask.dim(0) != plan.x_shapes[0][0]) continue;
    const std::size_t row = mask.bytes() / static_cast<std::size_t>(mask.dim(0));
    masks[i].row = mask.shape().slice(1, mask.rank());
    masks[i].data.resize(static_cast<std::size_t>(rows) * row, 1);
    std::memcpy(masks[i].data.data() + static_cast<std::size_t>(start) * row, mask.raw(), mask.bytes());
  }
}

// What changes state, once the loss is known to be finite. Stateful layers go on in predictions too.
void Trainer::update(Plan& plan) {
  for (const Context::Effect& effect : plan.effects) effect();
  plan.effects.clear();
  if (plan.mode == Mode::train) optimizer_->step();
}

void Trainer::check_data(Mode mode, const Data& data, std::span<const Index> order) const {
  check(!data.x.empty(), "x: expected at least one input, received an empty list");
  for (const Rows& rows : data.x) check(rows.given(), "x: expected an array for every input, received None");
  check_order(data.x, order, "x");
  if (mode == Mode::predict) return;
  check_order(data.y, order, "y");
  check_order(data.weight, order, "sample_weight");
  check(data.y.size() == losses_.size(), "y: expected ", losses_.size(),
        " entries, one for each output of the model, received ", data.y.size());
  check(data.weight.empty() || data.weight.size() == losses_.size(), "sample_weight: expected ", losses_.size(),
        " entries, one for each output of the model, received ", data.weight.size());
  for (std::size_t i = 0; i < losses_.size(); ++i) {
    check(!losses_[i] || data.y[i].given(), "y: expected targets for output ", i, ", which has a loss, received None");
  }
}

std::vector<double> Trainer::run(Mode mode, const Data& data, std::span<const Index> order, const Options& options) {
  const Turn turn(*this);
  const FlushDenormals flush;
  check(options.batch_size >= 1, "batch_size: expected at least 1, received ", options.batch_size);
  check_data(mode, data, order);
  if (!model_->built()) model_->build(batch_shapes(-1, data.x));
  if (mode == Mode::train) {
    optimizer_->build(model_->trainable_parameters());
    check(optimizer_->built(), "[", model_->name(),
          "] fit: expected trainable weights, received none; add a layer that "
          "has some");
  }
  const auto replayed = [](const Ref<Loss>& loss) { return !loss || loss->replayable(); };
  const bool replay =
      model_->replayable() && (mode == Mode::predict || std::all_of(losses_.begin(), losses_.end(), replayed));

  std::vector<double> losses;
  const auto rows = static_cast<Index>(order.size());
  const Index batch_size = std::min(options.batch_size, std::max<Index>(rows, 1));  // no sum with it overflows then
  const std::size_t columns = loss_columns();
  if (mode != Mode::predict) losses.reserve(static_cast<std::size_t>((rows + batch_size - 1) / batch_size) * columns);
  const std::vector<void*>& out = options.predictions;
  const bool announced = out.empty() || !options.prediction_shapes.empty();
  const Shapes found = announced ? Shapes() : model_->output_shapes(batch_shapes(-1, data.x));
  const Shapes& room = announced ? options.prediction_shapes : found;
  check(out.empty() || out.size() == room.size(), "predictions: expected room for ", room.size(),
        " outputs, received it for ", out.size());
  for (Index start = 0; start < rows; start += batch_size) {
    const Index batch = std::min(batch_size, rows - start);
    const auto picked = order.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(batch));
    // The plan of the step before serves again unless this is the rest, or a weight has moved.
    const bool again = replay && start > 0 && batch == batch_size && plans_.front().layout == layout_version();
    bool fresh = false;
    Plan& plan = again ? plans_.front() : plan_for(mode, data, batch, fresh);
    try {
      stage(plan, data, picked, fresh || !replay);
      if (!replay) {
        compute(plan);
      } else if (fresh) {
        const Program::Recording recording(plan.step);
        compute(plan);
      } else {
        plan.step.replay();
      }
      for (const Context::Check& check_step : plan.checks) check_step(picked);
      if (!out.empty()) check_predictions(plan, room);
      if (mode != Mode::predict) {
        losses.push_back(item(plan.total));
        for (std::size_t i = 0; columns > 1 && i < plan.losses.size(); ++i) {
          losses.push_back(plan.losses[i].defined() ? item(plan.losses[i]) : 0.0);
        }
      }
      if (mode == Mode::train && options.stop_on_non_finite && !std::isfinite(losses[losses.size() - columns])) {
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
    } catch (...) {
      plans_.pop_front();  // half recorded
      throw;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Tensor& y = plan.predictions[i];
      const std::size_t row = y.bytes() / static_cast<std::size_t>(batch);
      std::memcpy(static_cast<std::byte*>(out[i]) + static_cast<std::size_t>(start) * row, y.raw(), y.bytes());
    }
    if (options.masks != nullptr) keep_masks(plan, start, rows, *options.masks);
    if (!replay) plans_.pop_front();
    if (options.poll) options.poll();
  }
  return losses;
}

std::vector<double> Trainer::train(const RowsList& x, const RowsList& y, const RowsList& weight,
                                   std::span<const Index> order, const Options& options) {
  check<StateError>(has_loss() && optimizer_, "train: a loss and an optimizer are needed; compile the model with both");
  return run(Mode::train, {x, y, weight}, order, options);
}

std::vector<double> Trainer::evaluate(const RowsList& x, const RowsList& y, const RowsList& weight,
                                      std::span<const Index> order, const Options& options) {
  check<StateError>(has_loss(), "evaluate: a loss is needed; compile the model with one");
  return run(Mode::evaluate, {x, y, weight}, order, options);
}

void Trainer::predict(const RowsList& x, const Options& options) {
  std::vector<Index> order(x.empty() ? 0 : static_cast<std::size_t>(x.front().count));
  std::iota(order.begin(), order.end(), Index{0});
  const RowsList none;
  run(Mode::predict, {x, none, none}, order, options);
}

Shapes Trainer::prediction_shapes(const RowsList& x) {
  const Turn turn(*this);
  if (x.size() == 1 && model_->outputs() == 1) {  // without lists, for one row is predicted in microseconds
    const Shape batch = batch_shape(-1, x[0]);
    model_->build(batch);
    return {model_->output_shape(batch)};
  }
  const Shapes batch = batch_shapes(-1, x);
  model_->build(batch);
  return model_->output_shapes(batch);
}

}  // namespace ranvier::nn
