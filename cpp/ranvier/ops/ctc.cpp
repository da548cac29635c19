#include "ranvier/ops/ctc.h"

#include "ranvier/kernels/ctc.h"
#include "ranvier/kernels/softmax.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::ops {
namespace {

kernels::CtcSizes sizes_of(const char* name, const Tensor& logits, const Tensor& steps, Index blank) {
  check(logits.rank() == 3, name, ": expected logits of shape (batch, time, classes), received shape ", logits.shape());
  check(steps.shape() == Shape{logits.dim(0)}, name, ": expected one length for each of the ", logits.dim(0),
        " samples, received lengths of shape ", steps.shape());
  check(blank >= 0 && blank < logits.dim(2), name, ": expected a blank (mask_index) in [0, ", logits.dim(2),
        "), the classes, received ", blank);
  return {logits.dim(0), logits.dim(1), logits.dim(2), 0, blank};
}

Tensor integers(const char* name, const char* what, const Tensor& x) {
  check<TypeError>(!is_floating(x.dtype()), name, ": expected ", what, " that are integers, received ",
                   name_of(x.dtype()));
  return cast(stop_gradient(x), DType::int64);
}

/// What may be wrong in the data; a recorded step meets other data, for which the loss is infinite.
void check_values(const kernels::CtcSizes& sizes, const Tensor& labels, const Tensor& lengths, const Tensor& steps) {
  if (Program::recording() != nullptr) return;
  for (Index b = 0; b < sizes.batch; ++b) {
    const Index length = lengths.data<std::int64_t>()[b];
    const Index time = steps.data<std::int64_t>()[b];
    check(length >= 0 && length <= sizes.labels, "ctc_loss: expected lengths of targets in [0, ", sizes.labels,
          "], received ", length, " for sample ", b);
    check(time >= 0 && time <= sizes.time, "ctc_loss: expected lengths of outputs in [0, ", sizes.time, "], received ",
          time, " for sample ", b);
    for (Index i = 0; i < length; ++i) {
      const Index label = labels.data<std::int64_t>()[b * sizes.labels + i];
      check(label >= 0 && label < sizes.classes, "ctc_loss: expected labels in [0, ", sizes.classes, "), received ",
            label, " at position ", i, " of sample ", b);
    }
  }
}

}  // namespace

Tensor ctc_loss(const Tensor& given_labels, const Tensor& logits, const Tensor& given_lengths,
                const Tensor& given_steps, Index blank) {
  kernels::CtcSizes sizes = sizes_of("ctc_loss", logits, given_steps, blank);
  check(given_labels.rank() == 2 && given_labels.dim(0) == sizes.batch, "ctc_loss: expected targets of shape (",
        sizes.batch, ", length), received shape ", given_labels.shape());
  check(given_lengths.shape() == Shape{sizes.batch}, "ctc_loss: expected one length of the targets for each of the ",
        sizes.batch, " samples, received lengths of shape ", given_lengths.shape());
  sizes.labels = given_labels.dim(1);
  const Tensor labels = integers("ctc_loss", "targets", given_labels);
  const Tensor lengths = integers("ctc_loss", "lengths of targets", given_lengths);
  const Tensor steps = integers("ctc_loss", "lengths of outputs", given_steps);
  check_values(sizes, labels, lengths, steps);

  const bool gradient = wants_grad({&logits});
  const Tensor logp = empty(logits.shape(), logits.dtype());  // the gradient, once the loss is known
  Tensor loss = empty({sizes.batch}, logits.dtype());
  dispatch_floating(logits.dtype(), "ctc_loss", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor scratch = empty({kernels::ctc_scratch<T>(sizes, gradient)}, logits.dtype());
    exec([=, x = static_cast<const T*>(logits.data<T>()), p = logp.data<T>(), room = scratch.data<T>(),
          y = loss.data<T>(), label = static_cast<const std::int64_t*>(labels.data<std::int64_t>()),
          length = static_cast<const std::int64_t*>(lengths.data<std::int64_t>()),
          time = static_cast<const std::int64_t*>(steps.data<std::int64_t>())] {
      kernels::log_softmax<T>(sizes.batch * sizes.time, sizes.classes, x, p);
      kernels::ctc_loss<T>(sizes, label, length, time, gradient, p, room, y);
    });
  });
  if (!gradient) return loss;
  return attach("ctc_loss", loss, {&logits}, [logp, sizes](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto sink = to.sink<T>(0);
      exec([=, g = static_cast<const T*>(dy.data<T>()), d = static_cast<const T*>(logp.data<T>())] {
        kernels::ctc_gradient<T>(sizes.batch, sizes.time * sizes.classes, g, d, sink.data, sink.accumulate);
      });
    });
  });
}

std::pair<Tensor, Tensor> ctc_beam_search(const Tensor& given, const Tensor& given_steps, Index width, Index top,
                                          Index blank) {
  const kernels::CtcSizes sizes = sizes_of("ctc_decode", given, given_steps, blank);
  check(width >= 1 && top >= 1, "ctc_decode: expected beam_width >= 1 and top_paths >= 1, received ", width, " and ",
        top);
  const Tensor logits = detail::as_floating(stop_gradient(given));
  const Tensor steps = integers("ctc_decode", "lengths", given_steps);
  const Tensor logp = empty(logits.shape(), logits.dtype());
  const Tensor paths = empty({top, sizes.batch, sizes.time}, DType::int32);
  const Tensor scores = empty({sizes.batch, top}, logits.dtype());
  dispatch_floating(logits.dtype(), "ctc_decode", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([=, x = static_cast<const T*>(logits.data<T>()), p = logp.data<T>(), y = paths.data<std::int32_t>(),
          s = scores.data<T>(), time = static_cast<const std::int64_t*>(steps.data<std::int64_t>())] {
      kernels::log_softmax<T>(sizes.batch * sizes.time, sizes.classes, x, p);
      kernels::ctc_beam_search<T>(sizes, width, top, time, p, y, s);
    });
  });
  return {paths, scores};
}

}  // namespace ranvier::ops
