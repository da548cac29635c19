// A rule, or several, applied to a batch of images, and the gradient.
#include <algorithm>
#include <limits>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;  // elements of a piece

ImageOp op_of(const double* draws) { return static_cast<ImageOp>(static_cast<std::int32_t>(draws[0])); }

template <class T>
void change_one(const ImageRule& rule, const ImageShape& shape, const double* draws, const T* noise, const T* x,
                T* scratch, T* y) {
  const double* p = draws + 1;
  switch (op_of(draws)) {
    case ImageOp::nothing:
      std::copy_n(x, shape.numel(), y);
      return;
    case ImageOp::flip:
      return flip_image(shape, p[0] != 0, p[1] != 0, x, y);
    case ImageOp::rotate:
    case ImageOp::translate:
    case ImageOp::zoom:
    case ImageOp::shear:
    case ImageOp::perspective:
      return sample_image(rule, shape, p, x, y);
    case ImageOp::brightness:
      return brighten_image(rule, shape, p[0], x, y);
    case ImageOp::contrast:
      return contrast_image(rule, shape, p[0], x, y);
    case ImageOp::saturation:
      return saturate_image(rule, shape, p[0], x, y);
    case ImageOp::hue:
      return turn_hue(rule, shape, p[0], x, y);
    case ImageOp::degenerate:
      return degenerate_image(rule, shape, p[0], x, y);
    case ImageOp::erase:
      return erase_image(rule, shape, p, noise, x, y);
    case ImageOp::blur:
      return blur_image(rule, shape, p, x, scratch, y);
    case ImageOp::sharpness:
      return sharpen_image(shape, p[0], rule.values, x, y);
    case ImageOp::posterize:
      return posterize_image(rule, shape, p[0], x, y);
    case ImageOp::invert:
      return invert_image(rule, shape, x, y);
    case ImageOp::solarize:
      return solarize_image(rule, shape, p[0], p[1], x, y);
    case ImageOp::equalize:
      return equalize_image(rule, shape, x, y);
    case ImageOp::autocontrast:
      return stretch_image(rule, shape, x, y);
  }
}

/// Whether the op clips its result to the range of values.
bool clips(ImageOp op) {
  return op == ImageOp::brightness || op == ImageOp::contrast || op == ImageOp::degenerate || op == ImageOp::sharpness;
}

/// dx += (or, written by somebody for the first time, =) the gradient for one image; g: dy where clipping let it through.
template <class T>
void change_one_backward(const ImageRule& rule, const ImageShape& shape, const double* draws, const T* g, T* scratch,
                         T* dx) {
  const double* p = draws + 1;
  const Index n = shape.numel();
  const Index pixels = shape.height * shape.width;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto add = [=](const T* from) {
    for (Index i = 0; i < n; ++i) dx[i] += from[i];
  };
  switch (op_of(draws)) {
    case ImageOp::flip:
      flip_image(shape, p[0] != 0, p[1] != 0, g, scratch);
      return add(scratch);
    case ImageOp::rotate:
    case ImageOp::translate:
    case ImageOp::zoom:
    case ImageOp::shear:
    case ImageOp::perspective:
      return sample_image_backward(rule, shape, p, g, dx);
    case ImageOp::contrast: {  // y = f·x + (1 − f)·mean
      const auto f = static_cast<T>(p[0]);
      for (Index c = 0; c < shape.channels; ++c) {
        double sum = 0;
        for (Index i = 0; i < pixels; ++i) sum += g[c * shape.channel() + i * shape.pixel()];
        const auto mean = static_cast<T>((1 - p[0]) * sum / static_cast<double>(pixels));
        for (Index i = 0; i < pixels; ++i) {
          const Index at = c * shape.channel() + i * shape.pixel();
          dx[at] += f * g[at] + mean;
        }
      }
      return;
    }
    case ImageOp::degenerate: {  // y = (1 − s)·x + s·(weights · x)
      if (shape.channels == 1) return add(g);
      const auto s = static_cast<T>(p[0]);
      for (Index i = 0; i < pixels; ++i) {
        const Index at = i * shape.pixel();
        const T sum = g[at] + g[at + shape.channel()] + g[at + 2 * shape.channel()];
        for (Index c = 0; c < 3; ++c) {
          const Index k = at + c * shape.channel();
          dx[k] += (1 - s) * g[k] + s * luma<T>[static_cast<std::size_t>(c)] * sum;
        }
      }
      return;
    }
    case ImageOp::erase: {
      ImageRule zero = rule;
      zero.fill_values = {};
      zero.values = {-infinity, infinity};
      erase_image<T>(zero, shape, p, nullptr, g, scratch);
      return add(scratch);
    }
    case ImageOp::sharpness:  // symmetric, as the filter is
      sharpen_image(shape, p[0], Interval{-infinity, infinity}, g, scratch);
      return add(scratch);
    case ImageOp::invert:
      for (Index i = 0; i < n; ++i) dx[i] -= g[i];
      return;
    default:
      return add(g);
  }
}

}  // namespace

bool needs_scratch(const ImageRule& rule) { return rule.op == ImageOp::blur; }

bool has_gradient(const ImageRule& rule) {
  switch (rule.op) {
    case ImageOp::saturation:
    case ImageOp::hue:
    case ImageOp::posterize:
    case ImageOp::solarize:
    case ImageOp::equalize:
    case ImageOp::autocontrast:
      return false;
    default:
      return true;
  }
}

template <class T>
void change_images(const ImageRule& rule, const ImageShape& shape, Index count, const double* draws, const T* noise,
                   const T* x, T* scratch, T* y) {
  const Index size = shape.numel();
  const bool own = needs_scratch(rule);
  parallel_for(count, rows_for(count, shape.numel(), grain), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      change_one(rule, shape, draws + i * image_draws, noise != nullptr ? noise + i * size : nullptr, x + i * size,
                 own ? scratch + i * size : nullptr, y + i * size);
    }
  });
}

template <class T>
void change_images_backward(const ImageRule& rule, const ImageShape& shape, Index count, const double* draws,
                            const T* y, const T* dy, T* scratch, T* dx, bool accumulate) {
  const Index size = shape.numel();
  const auto low = static_cast<T>(rule.values.low);
  const auto high = static_cast<T>(rule.values.high);
  parallel_for(count, rows_for(count, shape.numel(), grain), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* to = dx + i * size;
      if (!accumulate) std::fill_n(to, size, T(0));
      const double* d = draws + i * image_draws;
      const T* g = dy + i * size;
      T* masked = scratch + 2 * i * size;
      if (clips(op_of(d))) {
        const T* out = y + i * size;
        for (Index k = 0; k < size; ++k) masked[k] = out[k] > low && out[k] < high ? g[k] : T(0);
        g = masked;
      }
      if (op_of(d) == ImageOp::blur) {  // symmetric, as the filter is
        blur_image(rule, shape, d + 1, g, masked, masked + size);
        for (Index k = 0; k < size; ++k) to[k] += masked[size + k];
        continue;
      }
      change_one_backward(rule, shape, d, g, masked + size, to);
    }
  });
}

template <class T>
void apply_policy(const ImagePolicy& policy, const ImageShape& shape, Index count, const double* draws, const T* x,
                  T* scratch, T* y) {
  const Index size = shape.numel();
  const auto low = static_cast<T>(policy.rules[0].values.low);
  const auto high = static_cast<T>(policy.rules[0].values.high);
  parallel_for(count, rows_for(count, shape.numel(), grain), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const double* d = draws + i * policy.draws();
      const double* weights = d + policy.steps() * (1 + image_draws);
      const T* image = x + i * size;
      T* result = y + i * size;
      T* spare = scratch + 2 * i * size;
      if (policy.mixes) std::fill_n(result, size, T(0));
      for (Index c = 0; c < policy.chains; ++c) {
        const T* now = image;
        Index used = 0;
        for (Index s = 0; s < policy.depth; ++s, d += 1 + image_draws) {
          if (d[0] >= policy.count) continue;
          T* next = spare + (used++ % 2) * size;
          change_one<T>(policy.rules[static_cast<std::size_t>(d[0])], shape, d + 1, nullptr, now, nullptr, next);
          now = next;
        }
        if (!policy.mixes) {
          std::copy_n(now, size, result);
          break;
        }
        const auto weight = static_cast<T>(weights[c]);
        for (Index k = 0; k < size; ++k) result[k] += weight * now[k];
      }
      if (!policy.mixes) continue;
      const auto share = static_cast<T>(weights[policy.chains]);
      for (Index k = 0; k < size; ++k) {
        result[k] = std::clamp(share * image[k] + (1 - share) * result[k], low, high);
      }
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                      \
  template void change_images<T>(const ImageRule&, const ImageShape&, Index, const double*, const T*, const T*, T*, \
                                 T*);                                                                               \
  template void change_images_backward<T>(const ImageRule&, const ImageShape&, Index, const double*, const T*,      \
                                          const T*, T*, T*, bool);                                                  \
  template void apply_policy<T>(const ImagePolicy&, const ImageShape&, Index, const double*, const T*, T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
