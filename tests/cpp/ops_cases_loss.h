// Cases: losses and the softmax family.
#pragma once

#include "ops_table.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::testing {

using namespace ranvier::ops;

inline void add_losses(Table& table) {
  struct Loss {
    PointwiseLoss kind;
    LossArgs args;
    Input p;
    Input t;
  };
  const Input any_p{{4, 5}, -2, 2};
  const Input any_t{{4, 5}, -2, 2, Draw::uniform, false};
  const Input unit_p{{4, 5}, 0.05, 0.95};
  const Input unit_t{{4, 5}, 0.05, 0.95, Draw::uniform, false};
  const Input signs{{4, 5}, 0, 1, Draw::zero_or_one, false};
  const Input positive{{4, 5}, 0.2, 2};
  const Input positive_t{{4, 5}, 0.2, 2, Draw::uniform, false};
  for (const Loss& l : std::vector<Loss>{{PointwiseLoss::squared_error, {}, any_p, any_t},
                                         {PointwiseLoss::absolute_error, {}, any_p, any_t},
                                         {PointwiseLoss::huber, {0.8}, any_p, any_t},
                                         {PointwiseLoss::log_cosh, {}, any_p, any_t},
                                         {PointwiseLoss::binary_cross_entropy, {0, 1e-7}, unit_p, signs},
                                         {PointwiseLoss::binary_cross_entropy, {0.1, 1e-7}, unit_p, unit_t},
                                         {PointwiseLoss::binary_cross_entropy_logits, {0.1, 0}, any_p, signs},
                                         {PointwiseLoss::hinge, {}, any_p, signs},
                                         {PointwiseLoss::squared_hinge, {}, any_p, signs},
                                         {PointwiseLoss::poisson, {1e-7}, positive, positive_t},
                                         {PointwiseLoss::squared_logarithmic_error, {1e-7}, positive, positive_t},
                                         {PointwiseLoss::absolute_percentage_error, {}, positive, positive_t},
                                         {PointwiseLoss::kl_divergence, {}, unit_p, unit_t}}) {
    table.add(std::string("loss ") + kernels::name_of(l.kind), {l.p, l.t},
              [l](const Tensors& x) { return ops::add(pointwise_loss(l.kind, x[0], x[1], l.args), sum(x[0], {-1})); });
  }
  table.add("squared error of (n, 1) and (n,)", {{{6, 1}}, {{6}, -2, 2, {}, false}}, [](const Tensors& x) {
    return weighted_mean(pointwise_loss(PointwiseLoss::squared_error, x[0], x[1]), {});
  });
  table.add("binary cross-entropy on a sigmoid", {{{5, 2}}, {{5, 2}, 0, 1, Draw::zero_or_one, false}},
            [](const Tensors& x) {
              const Tensor p = unary(Unary::sigmoid, x[0]);
              return ops::add(pointwise_loss(PointwiseLoss::binary_cross_entropy, p, x[1], {0.1, 1e-7}),
                              sum(multiply(p, p), {-1}));
            });
  table.add("binary cross-entropy on a dense sigmoid",
            {{{5, 3}}, {{3, 1}}, {{1}}, {{5}, 0, 1, Draw::zero_or_one, false}}, [](const Tensors& x) {
              return pointwise_loss(PointwiseLoss::binary_cross_entropy, dense(x[0], x[1], x[2], Unary::sigmoid), x[3],
                                    {0, 1e-7});
            });

  const Input t{{4, 5}, 0, 1, Draw::weights, false};
  for (double smoothing : {0.0, 0.2}) {
    table.add("cross-entropy of logits", {{{4, 5}}, t},
              [smoothing](const Tensors& x) { return categorical_cross_entropy(x[0], x[1], true, smoothing); });
    table.add("cross-entropy of softmax", {{{4, 5}}, t}, [smoothing](const Tensors& x) {
      return categorical_cross_entropy(softmax(x[0]), x[1], false, smoothing);
    });
    table.add("cross-entropy of probabilities", {{{4, 5}, 0.1, 2}, t},
              [smoothing](const Tensors& x) { return categorical_cross_entropy(x[0], x[1], false, smoothing); });
  }
  const Input labels{{4, 1}, 0, 5, Draw::integers, false};
  for (int ignore : {-1, 2}) {
    const std::optional<Index> skip = ignore < 0 ? std::optional<Index>() : std::optional<Index>(ignore);
    table.add("sparse cross-entropy of logits", {{{4, 5}}, labels},
              [skip](const Tensors& x) { return sparse_categorical_cross_entropy(x[0], x[1], true, skip); });
    table.add("sparse cross-entropy of softmax, int32", {{{4, 5}}, labels}, [skip](const Tensors& x) {
      return sparse_categorical_cross_entropy(softmax(x[0]), cast(x[1], DType::int32), false, skip);
    });
    table.add("sparse cross-entropy of probabilities", {{{4, 5}, 0.1, 2}, labels},
              [skip](const Tensors& x) { return sparse_categorical_cross_entropy(x[0], x[1], false, skip); });
  }
  table.large("sparse cross-entropy", {{{900, 70}}, {{900}, 0, 70, Draw::integers, false}}, [](const Tensors& x) {
    return weighted_mean(sparse_categorical_cross_entropy(softmax(x[0]), x[1], false), {});
  });
  table.add("weighted mean", {{{4, 3}}, {{4}, 0, 1, {}, false}},
            [](const Tensors& x) { return weighted_mean(x[0], x[1]); });
  table.add("weighted sum", {{{4, 3}}, {{4, 1}, 0, 1, {}, false}},
            [](const Tensors& x) { return weighted_sum(x[0], x[1]); });
  table.add("l1l2", {{{4, 3}}}, [](const Tensors& x) { return l1l2_penalty(x[0], 0.1, 0.2); });
  table.large("l1l2", {{{400, 300}}}, [](const Tensors& x) { return l1l2_penalty(x[0], 0.1, 0.2); });
}

inline void add_softmaxes(Table& table) {
  table.add("softmax", {{{3, 7}}}, [](const Tensors& x) { return softmax(x[0]); });
  table.add("softmax axis 0", {{{4, 3}}}, [](const Tensors& x) { return softmax(x[0], 0); });
  table.add("softmax middle axis", {{{2, 3, 4}}}, [](const Tensors& x) { return softmax(x[0], 1); });
  table.add("log_softmax", {{{3, 7}}}, [](const Tensors& x) { return log_softmax(x[0]); });
  table.add("log_softmax axis 0", {{{4, 3}}}, [](const Tensors& x) { return log_softmax(x[0], 0); });
  table.add("sparsemax", {{{3, 7}}}, [](const Tensors& x) { return sparsemax(x[0]); });
  table.large("softmax", {{{500, 300}}}, [](const Tensors& x) { return softmax(x[0]); });
  table.large("log_softmax", {{{500, 300}}}, [](const Tensors& x) { return log_softmax(x[0]); });
}

}  // namespace ranvier::testing
