#include "ranvier/ops/image.h"

#include <limits>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/resize.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::keep;
using kernels::ImageShape;

Images images_of(const char* name, const Shape& x, bool channels_first) {
  check(x.rank() == 3 || x.rank() == 4, name, ": expected images (batch, ",
        channels_first ? "channels, height, width" : "height, width, channels",
        ") or one image without the batch, received shape ", x);
  const int first = x.rank() - 3;
  Images images;
  images.count = first == 1 ? x[0] : 1;
  images.each.channels_first = channels_first;
  images.each.channels = x[channels_first ? first : first + 2];
  images.each.height = x[channels_first ? first + 1 : first];
  images.each.width = x[channels_first ? first + 2 : first + 1];
  // Kernels count in 32 bits, and float32 has whole numbers and halves up to 2^23 for coordinates.
  constexpr Index longest = Index{1} << 22;
  constexpr Index most = std::numeric_limits<std::int32_t>::max();
  check(images.each.height <= longest && images.each.width <= longest && images.each.channels <= most &&
            images.each.height * images.each.width <= most && images.each.numel() <= most,
        name, ": expected images of at most 2^22 rows, 2^22 columns and 2^31 - 1 numbers, received shape ", x);
  return images;
}

namespace {

/// x's shape with another height and width.
Shape resized(const Shape& x, Index height, Index width, bool channels_first) {
  Shape y = x;
  const int at = x.rank() - (channels_first ? 2 : 3);
  y[at] = height;
  y[at + 1] = width;
  return y;
}

}  // namespace

Tensor change_images(const Tensor& given, const kernels::ImageRule& rule, bool channels_first, Generator& generator) {
  const Tensor x = detail::as_floating(given);
  const Images images = images_of("image", x.shape(), channels_first);
  if (x.numel() == 0) return x;
  const bool differentiable = wants_grad({&x});
  check(!differentiable || kernels::has_gradient(rule),
        "has no gradient; put it before the first layer that is trained, on inputs that want no gradient");
  const Index count = images.count;
  const ImageShape shape = images.each;
  Tensor y = empty(x.shape(), x.dtype());
  const Tensor draws = empty({count, kernels::image_draws}, DType::float64);
  exec([source = &generator, rule, shape, count, to = draws.data<double>()] {
    kernels::draw_images(rule, shape, source->next(), count, to);
  });
  // A box is filled with noise when no value is given for it.
  const bool noisy = rule.op == kernels::ImageOp::erase && rule.random_fill;
  const Tensor noise = noisy ? random_normal(x.shape(), 0, rule.values.high, false, x.dtype(), generator) : Tensor();
  const Tensor scratch = kernels::needs_scratch(rule) ? empty(x.shape(), x.dtype()) : Tensor();
  dispatch_floating(x.dtype(), "image", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([rule, shape, count, d = draws.data<double>(), fill = noisy ? noise.data<T>() : nullptr, from = x.data<T>(),
          spare = scratch.defined() ? scratch.data<T>() : nullptr,
          to = y.data<T>()] { kernels::change_images<T>(rule, shape, count, d, fill, from, spare, to); });
  });
  if (!differentiable) return y;
  return attach("image", y, {&x}, [rule, shape, count, draws, result = keep(y)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      const Tensor spare = empty({2, dy.numel()}, dy.dtype());
      exec([rule, shape, count, d = draws.data<double>(), y = result.data<T>(), g = dy.data<T>(),
            scratch = spare.data<T>(),
            dx] { kernels::change_images_backward<T>(rule, shape, count, d, y, g, scratch, dx.data, dx.accumulate); });
    });
  });
}

Tensor change_images(const Tensor& given, const kernels::ImagePolicy& policy, bool channels_first,
                     Generator& generator) {
  const Tensor x = detail::as_floating(given);
  const Images images = images_of("image", x.shape(), channels_first);
  if (x.numel() == 0) return x;
  check(!wants_grad({&x}),
        "has no gradient; put it before the first layer that is trained, on inputs that want no gradient");
  const Index count = images.count;
  const ImageShape shape = images.each;
  Tensor y = empty(x.shape(), x.dtype());
  const Tensor draws = empty({count, policy.draws()}, DType::float64);
  const Tensor scratch = empty({2, x.numel()}, x.dtype());
  exec([source = &generator, policy, shape, count, to = draws.data<double>()] {
    kernels::draw_policy(policy, shape, source->next(), count, to);
  });
  dispatch_floating(x.dtype(), "image", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([policy, shape, count, d = draws.data<double>(), from = x.data<T>(), spare = scratch.data<T>(),
          to = y.data<T>()] { kernels::apply_policy<T>(policy, shape, count, d, from, spare, to); });
  });
  return y;
}

Tensor random_crop(const Tensor& given, Index height, Index width, bool channels_first, Generator& generator) {
  const Tensor x = detail::as_floating(given);
  const Images images = images_of("random_crop", x.shape(), channels_first);
  const ImageShape from = images.each;
  check(height >= 1 && width >= 1 && height <= from.height && width <= from.width,
        "random_crop: expected a size of at most ", from.height, " by ", from.width, ", received ", height, " by ",
        width);
  ImageShape to = from;
  to.height = height;
  to.width = width;
  const Index count = images.count;
  Tensor y = empty(resized(x.shape(), height, width, channels_first), x.dtype());
  const Tensor corners = empty({count, 2}, DType::int64);
  exec([source = &generator, from, to, count, corner = corners.data<std::int64_t>()] {
    kernels::draw_crops(source->next(), count, from.height - to.height + 1, from.width - to.width + 1, corner);
  });
  dispatch_floating(x.dtype(), "random_crop", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([from, to, count, corner = corners.data<std::int64_t>(), px = x.data<T>(), py = y.data<T>()] {
      kernels::crop_images<T>(from, to, count, corner, px, py);
    });
  });
  if (!wants_grad({&x})) return y;
  return attach("random_crop", y, {&x}, [from, to, count, corners](const Tensor& dy, Grads& grads) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = grads.sink<T>(0);
      detail::clear(dx, count * from.numel());
      exec([from, to, count, corner = corners.data<std::int64_t>(), g = dy.data<T>(), dx] {
        kernels::crop_images_backward<T>(from, to, count, corner, g, dx.data);
      });
    });
  });
}

Tensor central_crop(const Tensor& given, Index height, Index width, bool channels_first) {
  Tensor x = detail::as_floating(given);
  const Images images = images_of("central_crop", x.shape(), channels_first);
  if (images.each.height == height && images.each.width == width) return x;
  check(height >= 1 && width >= 1 && images.each.height >= 1 && images.each.width >= 1,
        "central_crop: expected sizes of 1 or more, received ", height, " by ", width, " from shape ", x.shape());
  const bool single = x.rank() == 3;
  if (single) x = expand_dims(x, 0);
  if (channels_first) x = transpose(x, {0, 2, 3, 1});
  Tensor y = resize(central_part(x, height, width), {height, width}, Interpolation::bilinear);
  if (channels_first) y = transpose(y, {0, 3, 1, 2});
  return single ? squeeze(y, {0}) : y;
}

}  // namespace ranvier::ops
