#include "ranvier/kernels/image_mix.h"

#include "ranvier/ops/detail.h"
#include "ranvier/ops/image.h"

namespace ranvier::ops {
namespace {

/// x's rows (images or labels) in the shares drawn.
Tensor mix(const Tensor& x, const Tensor& draws, const Tensor& partner) {
  const Index count = x.dim(0);
  const Index row = x.shape().numel(1, x.rank());
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "mix", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([count, row, d = draws.data<double>(), other = partner.data<std::int64_t>(), from = x.data<T>(),
          to = y.data<T>()] { kernels::mix_rows<T>(count, row, d, other, from, to); });
  });
  if (!wants_grad({&x})) return y;
  return attach("mix", y, {&x}, [count, row, draws, partner](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      detail::clear(dx, dy.numel());
      exec([count, row, d = draws.data<double>(), other = partner.data<std::int64_t>(), g = dy.data<T>(), dx] {
        kernels::mix_rows_backward<T>(count, row, d, other, g, dx.data);
      });
    });
  });
}

Tensor cut(const Tensor& x, const Images& images, const Tensor& draws, const Tensor& partner) {
  Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "cut", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([images, d = draws.data<double>(), other = partner.data<std::int64_t>(), from = x.data<T>(),
          to = y.data<T>()] { kernels::cut_images<T>(images.each, images.count, d, other, from, to); });
  });
  if (!wants_grad({&x})) return y;
  return attach("cut", y, {&x}, [images, draws, partner](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      detail::clear(dx, dy.numel());
      exec([images, d = draws.data<double>(), other = partner.data<std::int64_t>(), g = dy.data<T>(), dx] {
        kernels::cut_images_backward<T>(images.each, images.count, d, other, g, dx.data);
      });
    });
  });
}

/// `labels` as floats, one row for each image.
Tensor labels_for(const Tensor& labels, const Images& images) {
  if (!labels.defined()) return labels;
  check(labels.rank() >= 1 && labels.dim(0) == images.count, "labels: expected one row for each of the ", images.count,
        " images, received shape ", labels.shape());
  return detail::as_floating(labels);
}

}  // namespace

Mixed mix_up(const Tensor& given, const Tensor& labels, double alpha, bool channels_first, Generator& generator) {
  const Tensor x = detail::as_floating(given);
  const Images images = images_of("mix_up", x.shape(), channels_first);
  check(x.rank() == 4, "mix_up: expected a batch of images, received shape ", x.shape());
  Mixed mixed{x, labels_for(labels, images)};
  if (images.count == 0) return mixed;
  const Tensor partner = random_permutation(images.count, generator);
  const Tensor draws = empty({images.count, kernels::mix_draws}, DType::float64);
  exec([source = &generator, alpha, count = images.count, to = draws.data<double>()] {
    kernels::draw_mix(alpha, source->next(), count, to);
  });
  mixed.images = mix(x, draws, partner);
  if (labels.defined()) mixed.labels = mix(mixed.labels, draws, partner);
  return mixed;
}

Mixed cut_mix(const Tensor& given, const Tensor& labels, kernels::Interval alpha, bool channels_first,
              Generator& generator) {
  const Tensor x = detail::as_floating(given);
  const Images images = images_of("cut_mix", x.shape(), channels_first);
  check(x.rank() == 4, "cut_mix: expected a batch of images, received shape ", x.shape());
  Mixed mixed{x, labels_for(labels, images)};
  if (x.numel() == 0) return mixed;
  const Tensor partner = random_permutation(images.count, generator);
  const Tensor draws = empty({images.count, kernels::mix_draws}, DType::float64);
  exec([source = &generator, alpha, images, to = draws.data<double>()] {
    kernels::draw_cut(alpha, images.each, source->next(), images.count, to);
  });
  mixed.images = cut(x, images, draws, partner);
  if (labels.defined()) mixed.labels = mix(mixed.labels, draws, partner);
  return mixed;
}

}  // namespace ranvier::ops
