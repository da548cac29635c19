#include "ranvier/ops/loss.h"

#include "ranvier/kernels/softmax.h"
#include "ranvier/kernels/update.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::ops {

using detail::as_floating;
using detail::keep;

namespace {

// Keras's backend.epsilon(): probabilities are kept this far from 0 and 1 before the logarithm.
constexpr double probability_margin = 1e-7;

struct Rows {
  Index count;
  Index n;
  Shape shape;  // of one value per row
};

Rows rows_of(const Tensor& p) {
  if (p.rank() == 0) return {1, 1, {}};
  return {p.shape().numel(0, p.rank() - 1), p.shape().back(), p.shape().slice(0, p.rank() - 1)};
}

bool same_up_to_trailing_one(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() > b.rank() ? a : b;
  const Shape& shorter = a.rank() > b.rank() ? b : a;
  if (longer.rank() == shorter.rank()) return a == b;
  return longer.rank() == shorter.rank() + 1 && longer.back() == 1 && longer.slice(0, shorter.rank()) == shorter;
}

// The target's values in the prediction's precision; no gradient goes there.
Tensor aligned_target(const char* name, const Tensor& prediction, const Tensor& target) {
  check(same_up_to_trailing_one(prediction.shape(), target.shape()), name, ": expected a target of shape ",
        prediction.shape(), " like the prediction, received shape ", target.shape());
  return cast(stop_gradient(target), prediction.dtype());
}

}  // namespace

Tensor pointwise_loss(PointwiseLoss kind, const Tensor& given, const Tensor& target, LossArgs args) {
  Tensor p = as_floating(given);
  const Tensor t = aligned_target(kernels::name_of(kind), p, target);
  if (kind == PointwiseLoss::binary_cross_entropy) {
    // From the logit z under p = σ(z), nothing saturates: the gradient goes to z and is σ(z) − t.
    if (const Tensor logits = logits_of(p, Squash::sigmoid); logits.defined()) {
      kind = PointwiseLoss::binary_cross_entropy_logits;
      p = logits;
    }
  }
  const Rows rows = rows_of(p);
  const double scale = kind == PointwiseLoss::kl_divergence ? 1.0 : 1.0 / static_cast<double>(rows.n);
  Tensor loss = empty(rows.shape, p.dtype());
  // loss = scale·Σ_j f(p_j, t_j); dp = scale·dloss·∂f/∂p
  dispatch_floating(p.dtype(), kernels::name_of(kind), [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([kind, args, count = rows.count, n = rows.n, scale, pp = p.data<T>(), pt = t.data<T>(), to = loss.data<T>()] {
      kernels::pointwise_loss(kind, args, count, n, pp, pt, static_cast<T>(scale), to);
    });
  });
  if (!wants_grad({&p})) return loss;
  return attach(kernels::name_of(kind), loss, {&p},
                [kind, args, count = rows.count, n = rows.n, scale, kept = keep(p), t](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const auto dp = to.sink<T>(0);
                    exec([kind, args, count, n, scale, pp = kept.data<T>(), pt = t.data<T>(), g = dy.data<T>(), dp] {
                      kernels::pointwise_loss_backward(kind, args, count, n, pp, pt, static_cast<T>(scale), g, dp.data,
                                                       dp.accumulate);
                    });
                  });
                });
}

namespace {

// Logits and, for the gradient, where their softmax is (or is to be written: `prob` is then new memory).
struct Scores {
  Tensor logits;  // undefined: only probabilities are known
  Tensor prob;    // undefined: nobody wants a gradient
  bool prob_is_known = false;
};

Scores scores_of(const Tensor& prediction, bool from_logits) {
  Scores s;
  if (from_logits) {
    s.logits = prediction;
    if (wants_grad({&prediction})) s.prob = empty(prediction.shape(), prediction.dtype());
    return s;
  }
  s.logits = logits_of(prediction, Squash::softmax);
  if (s.logits.defined() && wants_grad({&s.logits})) s.prob = keep(prediction);
  s.prob_is_known = true;
  return s;
}

// Keras: rows are normalised to sum 1 and kept away from 0 and 1, then −Σ t·log p.
Tensor cross_entropy_of_probabilities(const Tensor& prediction, const Tensor& target) {
  const Tensor p = divide(prediction, sum(prediction, {-1}, true));
  const Tensor clipped = unary(Unary::clip, p, {probability_margin, 1 - probability_margin});
  return unary(Unary::negative, sum(multiply(target, unary(Unary::log, clipped)), {-1}));
}

}  // namespace

Tensor categorical_cross_entropy(const Tensor& given, const Tensor& target, bool from_logits, double label_smoothing) {
  const Tensor prediction = as_floating(given);
  check(prediction.rank() > 0, "categorical_cross_entropy: expected class scores on the last axis, received a scalar");
  check(prediction.shape() == target.shape(), "categorical_cross_entropy: expected a target of shape ",
        prediction.shape(), " like the prediction, received shape ", target.shape(),
        "; integer labels belong to sparse_categorical_crossentropy");
  const Tensor t = cast(stop_gradient(target), prediction.dtype());
  const Rows rows = rows_of(prediction);
  const Scores scores = scores_of(prediction, from_logits);
  if (!scores.logits.defined()) {
    if (label_smoothing == 0) return cross_entropy_of_probabilities(prediction, t);
    const Tensor kept = multiply(t, full({}, 1 - label_smoothing, t.dtype()));
    const Tensor spread = full({}, label_smoothing / static_cast<double>(rows.n), t.dtype());
    return cross_entropy_of_probabilities(prediction, add(kept, spread));
  }
  Tensor loss = empty(rows.shape, prediction.dtype());
  dispatch_floating(prediction.dtype(), "categorical_cross_entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* prob = scores.prob.defined() && !scores.prob_is_known ? scores.prob.data<T>() : nullptr;
    exec([count = rows.count, n = rows.n, px = scores.logits.data<T>(), pt = t.data<T>(),
          smoothing = static_cast<T>(label_smoothing), to = loss.data<T>(),
          prob] { kernels::cross_entropy(count, n, px, pt, smoothing, to, prob); });
  });
  if (!scores.prob.defined()) return loss;
  // dx = dloss·(softmax(x)·Σt − t)
  return attach("categorical_cross_entropy", loss, {&scores.logits},
                [count = rows.count, n = rows.n, label_smoothing, prob = scores.prob, t](const Tensor& dy, Grads& to) {
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    using T = typename decltype(tag)::type;
                    const auto dx = to.sink<T>(0);
                    exec([count, n, smoothing = static_cast<T>(label_smoothing), pp = prob.data<T>(), pt = t.data<T>(),
                          g = dy.data<T>(), dx] {
                      kernels::cross_entropy_backward(count, n, pp, pt, smoothing, g, dx.data, dx.accumulate);
                    });
                  });
                });
}

namespace {

template <class F>
void dispatch_label(DType dtype, const F& f) {
  if (dtype == DType::int32) {
    f(Tag<std::int32_t>{});
  } else {
    f(Tag<std::int64_t>{});
  }
}

Tensor integer_labels(const Tensor& label) {
  if (label.dtype() == DType::int32 || label.dtype() == DType::int64) return label;
  return cast(label, label.dtype() == DType::boolean ? DType::int32 : DType::int64);
}

Tensor sparse_cross_entropy_of_probabilities(const Tensor& prediction, const Tensor& label, const Shape& shape,
                                             std::optional<Index> ignore) {
  const Tensor flat = view(label, shape);
  const Tensor target = one_hot(flat, prediction.shape().back(), prediction.dtype());
  const Tensor loss = cross_entropy_of_probabilities(prediction, target);
  if (!ignore) return loss;
  const Tensor counts = compare(Compare::not_equal, flat, full({}, static_cast<double>(*ignore), flat.dtype()));
  return where(counts, loss, full({}, 0, loss.dtype()));
}

}  // namespace

Tensor sparse_categorical_cross_entropy(const Tensor& given, const Tensor& given_label, bool from_logits,
                                        std::optional<Index> ignore_class) {
  const Tensor prediction = as_floating(given);
  check(prediction.rank() > 0,
        "sparse_categorical_cross_entropy: expected class scores on the last axis, received a scalar");
  const Rows rows = rows_of(prediction);
  check(same_up_to_trailing_one(rows.shape, given_label.shape()) && given_label.numel() == rows.count,
        "sparse_categorical_cross_entropy: expected integer labels of shape ", rows.shape,
        ", one for each row of the prediction ", prediction.shape(), ", received shape ", given_label.shape(),
        given_label.shape() == prediction.shape() ? "; one-hot targets belong to categorical_crossentropy" : "");
  const Tensor label = integer_labels(given_label);
  const Scores scores = scores_of(prediction, from_logits);
  if (!scores.logits.defined())
    return sparse_cross_entropy_of_probabilities(prediction, label, rows.shape, ignore_class);

  const bool use_ignore = ignore_class.has_value();
  const Index ignore = ignore_class.value_or(0);
  Tensor loss = empty(rows.shape, prediction.dtype());
  dispatch_floating(prediction.dtype(), "sparse_categorical_cross_entropy", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* prob = scores.prob.defined() && !scores.prob_is_known ? scores.prob.data<T>() : nullptr;
    dispatch_label(label.dtype(), [&](auto label_tag) {
      using I = typename decltype(label_tag)::type;
      exec([count = rows.count, n = rows.n, px = scores.logits.data<T>(), pl = label.data<I>(), use_ignore,
            skip = static_cast<I>(ignore), to = loss.data<T>(),
            prob] { kernels::sparse_cross_entropy(count, n, px, pl, use_ignore, skip, to, prob); });
    });
  });
  if (!scores.prob.defined()) return loss;
  // dx = dloss·(softmax(x) − onehot(label))
  return attach(
      "sparse_categorical_cross_entropy", loss, {&scores.logits},
      [count = rows.count, n = rows.n, use_ignore, ignore, prob = scores.prob, label](const Tensor& dy, Grads& to) {
        dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
          using T = typename decltype(tag)::type;
          const auto dx = to.sink<T>(0);
          dispatch_label(label.dtype(), [&](auto label_tag) {
            using I = typename decltype(label_tag)::type;
            exec([count, n, use_ignore, skip = static_cast<I>(ignore), pp = prob.data<T>(), pl = label.data<I>(),
                  g = dy.data<T>(), dx] {
              kernels::sparse_cross_entropy_backward(count, n, pp, pl, use_ignore, skip, g, dx.data, dx.accumulate);
            });
          });
        });
      });
}

namespace {

// weight·loss, the weight's axes being the first ones of the loss.
Tensor weighted(const Tensor& loss, const Tensor& weight) {
  // Predictions of one axis have one loss for all of them; Keras multiplies it with every weight.
  if (loss.rank() == 0 && weight.rank() == 1) return multiply(loss, cast(weight, loss.dtype()));
  int rank = weight.rank();
  while (rank > 0 && (rank > loss.rank() || (weight.dim(rank - 1) == 1 && loss.dim(rank - 1) != 1))) --rank;
  check(rank == weight.rank() || weight.shape().numel(rank, weight.rank()) == 1,
        "loss: expected sample weights of shape ", loss.shape(), ", received shape ", weight.shape());
  check(weight.shape().slice(0, rank) == loss.shape().slice(0, rank), "loss: expected sample weights of shape ",
        loss.shape(), " or of its first axes, received shape ", weight.shape());
  Shape shape = weight.shape().slice(0, rank);
  while (shape.rank() < loss.rank()) shape.push_back(1);
  return multiply(loss, cast(view(weight, shape), loss.dtype()));
}

}  // namespace

Tensor weighted_mean(const Tensor& loss, const Tensor& weight) {
  return mean(weight.defined() ? weighted(loss, weight) : loss);
}

Tensor weighted_sum(const Tensor& loss, const Tensor& weight) {
  return sum(weight.defined() ? weighted(loss, weight) : loss);
}

Tensor l1l2_penalty(const Tensor& w, double l1, double l2) {
  Tensor y = empty({}, w.dtype());
  dispatch_floating(w.dtype(), "l1l2_penalty", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([n = w.numel(), l1, l2, pw = w.data<T>(), to = y.data<T>()] { *to = kernels::l1l2_penalty(n, l1, l2, pw); });
  });
  if (!wants_grad({&w})) return y;
  // dw = dy·(l1·sign(w) + 2·l2·w)
  return attach("l1l2_penalty", y, {&w}, [l1, l2, kept = keep(w)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dw = to.sink<T>(0);
      exec([n = kept.numel(), l1, l2, pw = kept.data<T>(), g = dy.data<T>(), dw] {
        kernels::l1l2_gradient(n, l1, l2, pw, *g, dw.data, dw.accumulate);
      });
    });
  });
}

}  // namespace ranvier::ops
