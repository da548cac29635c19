#include "ranvier/nn/loss.h"

#include "ranvier/ops/ctc.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/reduce.h"

namespace ranvier::nn {
namespace {

using ops::PointwiseLoss;

/// A loss that compares element by element; `args` are its constants.
class Pointwise final : public Loss {
 public:
  Pointwise(const io::Json& config, PointwiseLoss kind, ops::LossArgs args = {})
      : Loss(config), kind_(kind), args_(args) {}

 protected:
  Tensor per_sample(const Tensor& target, const Tensor& prediction) const override {
    return ops::pointwise_loss(kind_, prediction, target, args_);
  }

 private:
  PointwiseLoss kind_;
  ops::LossArgs args_;
};

class CategoricalCrossentropy final : public Loss {
 public:
  explicit CategoricalCrossentropy(const io::Json& config)
      : Loss(config),
        from_logits_(config.flag("from_logits", false)),
        smoothing_(config.number("label_smoothing", 0.0)) {
    check(smoothing_ >= 0 && smoothing_ <= 1, "[", name(), "] expected 0 <= label_smoothing <= 1, received ",
          smoothing_);
    check(config.integer("axis", -1) == -1, "[", name(), "] expected axis=-1, received ", config.integer("axis", -1),
          "; move the classes to the last axis");
  }

 protected:
  Tensor per_sample(const Tensor& target, const Tensor& prediction) const override {
    return ops::categorical_cross_entropy(prediction, target, from_logits_, smoothing_);
  }

 private:
  bool from_logits_;
  double smoothing_;
};

class SparseCategoricalCrossentropy final : public Loss {
 public:
  explicit SparseCategoricalCrossentropy(const io::Json& config)
      : Loss(config), from_logits_(config.flag("from_logits", false)) {
    if (config.find("ignore_class") != nullptr) ignore_ = config.integer("ignore_class");
  }
  Targets targets() const override { return Targets::labels; }

 protected:
  Tensor per_sample(const Tensor& target, const Tensor& prediction) const override {
    return ops::sparse_categorical_cross_entropy(prediction, target, from_logits_, ignore_);
  }
  Tensor counted(const Tensor& target, const Tensor& each) const override {
    if (!ignore_) return {};
    const Tensor labels = view(ops::cast(target, DType::int64), each.shape());
    const Tensor ignored = full({}, static_cast<double>(*ignore_), DType::int64);
    return ops::cast(ops::compare(ops::Compare::not_equal, labels, ignored), each.dtype());
  }

 private:
  bool from_logits_;
  std::optional<Index> ignore_;
};

/// Labels (batch, length), 0 being the blank and what fills them up; logits (batch, time, classes), of which a mask leaves
/// steps at the end out.
class Ctc final : public Loss {
 public:
  using Loss::Loss;
  Targets targets() const override { return Targets::labels; }
  bool reads_mask() const override { return true; }

 protected:
  Tensor per_sample(const Tensor& target, const Tensor& prediction) const override {
    check(target.rank() == 2, "[", name(), "] expected targets of shape (batch, length), received shape ",
          target.shape());
    check(prediction.rank() == 3, "[", name(), "] expected logits of shape (batch, time, classes), received shape ",
          prediction.shape());
    const Tensor blank = full({}, 0, DType::int64);
    const Tensor labels = ops::cast(target, DType::int64);
    const Tensor given = ops::cast(ops::compare(ops::Compare::not_equal, labels, blank), DType::int64);
    const Tensor steps = prediction.has_mask()
                             ? ops::sum(ops::cast(prediction.mask(), DType::int64), {1})
                             : full({prediction.dim(0)}, static_cast<double>(prediction.dim(1)), DType::int64);
    return ops::ctc_loss(labels, prediction, ops::sum(given, {1}), steps, 0);
  }
};

Ref<Loss> binary_cross_entropy(const io::Json& config) {
  const double smoothing = config.number("label_smoothing", 0.0);
  check(smoothing >= 0 && smoothing <= 1, "[binary_crossentropy] expected 0 <= label_smoothing <= 1, received ",
        smoothing);
  const bool logits = config.flag("from_logits", false);
  const auto kind = logits ? PointwiseLoss::binary_cross_entropy_logits : PointwiseLoss::binary_cross_entropy;
  return make_ref<Pointwise>(config, kind, ops::LossArgs{smoothing, 1e-7});
}

struct Entry {
  const char* name;
  Ref<Loss> (*make)(const io::Json& config);
};

template <PointwiseLoss kind>
Ref<Loss> plain(const io::Json& config) {
  return make_ref<Pointwise>(config, kind, ops::LossArgs{1e-7, 0});
}

constexpr Entry entries[] = {
    {"MeanSquaredError", plain<PointwiseLoss::squared_error>},
    {"MeanAbsoluteError", plain<PointwiseLoss::absolute_error>},
    {"MeanAbsolutePercentageError", plain<PointwiseLoss::absolute_percentage_error>},
    {"MeanSquaredLogarithmicError", plain<PointwiseLoss::squared_logarithmic_error>},
    {"Huber",
     [](const io::Json& config) -> Ref<Loss> {
       return make_ref<Pointwise>(config, PointwiseLoss::huber, ops::LossArgs{config.number("delta", 1.0), 0});
     }},
    {"LogCosh", plain<PointwiseLoss::log_cosh>},
    {"Hinge", plain<PointwiseLoss::hinge>},
    {"SquaredHinge", plain<PointwiseLoss::squared_hinge>},
    {"Poisson", plain<PointwiseLoss::poisson>},
    {"KLDivergence", plain<PointwiseLoss::kl_divergence>},
    {"BinaryCrossentropy", binary_cross_entropy},
    {"CategoricalCrossentropy",
     [](const io::Json& config) -> Ref<Loss> { return make_ref<CategoricalCrossentropy>(config); }},
    {"SparseCategoricalCrossentropy",
     [](const io::Json& config) -> Ref<Loss> { return make_ref<SparseCategoricalCrossentropy>(config); }},
    {"CTC", [](const io::Json& config) -> Ref<Loss> { return make_ref<Ctc>(config); }},
};

}  // namespace

Loss::Loss(const io::Json& config) : name_(config.text("name", "loss")) {
  const std::string reduction = config.text("reduction", "none");
  if (reduction == "sum_over_batch_size") {
    reduction_ = Reduction::mean;
  } else if (reduction == "mean_with_sample_weight") {
    reduction_ = Reduction::weighted_mean;
  } else if (reduction == "mean") {
    reduction_ = Reduction::mean;
  } else if (reduction == "sum") {
    reduction_ = Reduction::sum;
  } else {
    check(reduction == "none", "[", name_,
          "] expected reduction 'sum_over_batch_size', 'mean', 'mean_with_sample_weight', 'sum' or None, received '",
          reduction, "'");
    reduction_ = Reduction::none;
  }
}

Tensor Loss::counted(const Tensor& /*target*/, const Tensor& /*each*/) const { return {}; }

namespace {

/// x with axes of size 1 behind its own.
Tensor trailing(const Tensor& x, int rank) {
  Shape shape = x.shape();
  while (shape.rank() < rank) shape.push_back(1);
  return view(x, shape);
}

/// 1 for each loss of a step that counts, 0 for the others.
Tensor counted_steps(const Tensor& mask, const Tensor& each) {
  check(mask.rank() <= each.rank() && each.shape().slice(0, mask.rank()) == mask.shape(),
        "expected a mask for the losses of shape ", each.shape(), ", received one of shape ", mask.shape(),
        "; a layer that joins time steps (Flatten, pooling) ends a mask");
  return trailing(ops::cast(mask, each.dtype()), each.rank());
}

/// a/b, and 0 where b is: the mean of nothing.
Tensor quotient(const Tensor& a, const Tensor& b) {
  const auto number = [&](double value) { return full({}, value, b.dtype()); };
  const Tensor none = ops::compare(ops::Compare::equal, b, number(0));
  return ops::where(none, number(0), ops::divide(a, ops::where(none, number(1), b)));
}

}  // namespace

Tensor Loss::operator()(const Tensor& target, const Tensor& prediction, const Tensor& given_weight) const {
  const Tensor each = per_sample(target, prediction);
  Tensor mask = counted(target, each);
  Tensor weight = given_weight;
  if (prediction.has_mask() && !reads_mask()) {
    const Tensor steps = counted_steps(prediction.mask(), each);
    mask = ops::multiply(mask.defined() ? mask : full(each.shape(), 1, each.dtype()), steps);
    weight = weight.defined() ? ops::multiply(trailing(ops::cast(weight, each.dtype()), each.rank()), steps) : steps;
  }
  const bool by_weight = reduction_ == Reduction::weighted_mean && weight.defined();
  switch (reduction_) {
    case Reduction::mean:
    case Reduction::weighted_mean:
      if (by_weight) {
        const Tensor counts = mask.defined() ? mask : full(each.shape(), 1, each.dtype());
        return quotient(ops::weighted_sum(each, weight), ops::weighted_sum(counts, weight));
      }
      if (!mask.defined()) return ops::weighted_mean(each, weight);
      return ops::divide(ops::weighted_sum(each, weight),
                         ops::binary(ops::Binary::maximum, ops::sum(mask), full({}, 1, each.dtype())));
    case Reduction::sum:
      return ops::weighted_sum(each, weight);
    case Reduction::none:
      break;
  }
  return weight.defined() ? ops::multiply(each, ops::cast(weight, each.dtype())) : each;
}

Ref<Loss> make_loss(const std::string& class_name, const io::Json& config) {
  std::string names;
  for (const Entry& known : entries) {
    if (class_name == known.name) return known.make(config);
    names += std::string(names.empty() ? "" : ", ") + known.name;
  }
  fail("loss: unknown class '", class_name, "'; known: ", names);
}

}  // namespace ranvier::nn
