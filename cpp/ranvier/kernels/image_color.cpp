// Colours and brightness of one image, pixel by pixel.
#include <algorithm>
#include <cmath>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::Vec;

/// y[i] = f(x[i]) on vectors.
template <class T, class F>
RANVIER_INLINE void map(Index n, const T* x, T* y, F f) {
  for (Index i = 0; i < n; i += lanes<T>) vec::store<T>(y + i, vec::rounded(f(vec::load(x + i, n - i))), n - i);
}

template <class T>
struct Bounds {
  T low, high;
  explicit Bounds(Interval values) : low(static_cast<T>(values.low)), high(static_cast<T>(values.high)) {}
  RANVIER_INLINE Vec<T> clip(Vec<T> v) const { return vec::clamp(v, low, high); }
};

/// f(r, g, b) -> array of the new ones, for every pixel.
template <class T, class F>
RANVIER_INLINE void each_colour(const ImageShape& shape, const T* x, T* y, F f) {
  const Index step = shape.pixel();
  const Index channel = shape.channel();
  for (Index i = 0; i < shape.height * shape.width; ++i) {
    const T* in = x + i * step;
    T* out = y + i * step;
    const std::array<T, 3> rgb = f(in[0], in[channel], in[2 * channel]);
    for (Index c = 0; c < 3; ++c) out[c * channel] = rgb[static_cast<std::size_t>(c)];
  }
}

/// Hue in turns, saturation and value of a colour; grey has hue 0. https://en.wikipedia.org/wiki/HSL_and_HSV
template <class T>
RANVIER_INLINE std::array<T, 3> to_hsv(T r, T g, T b) {
  const T value = std::max(std::max(r, g), b);
  const T range = value - std::min(std::min(r, g), b);
  if (!(range > 0)) return {T(0), T(0), value};
  const T sixth = T(1) / (T(6) * range);
  T hue = value == r ? sixth * (g - b) : value == g ? sixth * (b - r) + T(1) / 3 : sixth * (r - g) + T(2) / 3;
  if (hue < 0) hue += 1;
  return {hue, value > 0 ? range / value : T(0), value};
}

template <class T>
RANVIER_INLINE std::array<T, 3> to_rgb(T hue, T saturation, T value) {
  const T h = (hue - std::floor(hue)) * 6;
  const auto unit = [](T v) { return std::clamp(v, T(0), T(1)); };
  const auto mix = [&](T share) { return value * (1 - saturation + saturation * unit(share)); };
  return {mix(std::abs(h - 3) - 1), mix(2 - std::abs(h - 2)), mix(2 - std::abs(h - 4))};
}

}  // namespace

template <class T>
void brighten_image(const ImageRule& rule, const ImageShape& shape, double delta, const T* x, T* y) {
  const Bounds<T> bounds(rule.values);
  map(shape.numel(), x, y, [=, d = static_cast<T>(delta)](Vec<T> v) { return bounds.clip(v + d); });
}

template <class T>
void contrast_image(const ImageRule& rule, const ImageShape& shape, double factor, const T* x, T* y) {
  const Bounds<T> bounds(rule.values);
  const Index pixels = shape.height * shape.width;
  const auto f = static_cast<T>(factor);
  for (Index c = 0; c < shape.channels; ++c) {
    const T* in = x + c * shape.channel();
    T* out = y + c * shape.channel();
    double sum = 0;
    for (Index i = 0; i < pixels; ++i) sum += in[i * shape.pixel()];
    const auto mean = static_cast<T>(sum / static_cast<double>(pixels));
    if (shape.pixel() == 1) {
      map(pixels, in, out, [=](Vec<T> v) { return bounds.clip((v - mean) * f + mean); });
      continue;
    }
    for (Index i = 0; i < pixels; ++i) {
      const T v = (in[i * shape.pixel()] - mean) * f + mean;
      out[i * shape.pixel()] = v < bounds.low ? bounds.low : v > bounds.high ? bounds.high : v;
    }
  }
}

template <class T>
void saturate_image(const ImageRule& rule, const ImageShape& shape, double factor, const T* x, T* y) {
  // In units of the range, so that the saturation of a colour does not depend on where the range begins.
  const Bounds<T> bounds(rule.values);
  const T low = bounds.low;
  const auto f = static_cast<T>(factor);
  each_colour(shape, x, y, [=](T r, T g, T b) {
    const std::array<T, 3> hsv = to_hsv(r - low, g - low, b - low);
    std::array<T, 3> rgb = to_rgb(hsv[0], std::clamp(hsv[1] * f, T(0), T(1)), hsv[2]);
    for (T& v : rgb) v += low;
    return rgb;
  });
}

template <class T>
void turn_hue(const ImageRule& rule, const ImageShape& shape, double turn, const T* x, T* y) {
  const Bounds<T> bounds(rule.values);
  const T low = bounds.low;
  const auto t = static_cast<T>(turn);
  each_colour(shape, x, y, [=](T r, T g, T b) {
    const std::array<T, 3> hsv = to_hsv(r - low, g - low, b - low);
    std::array<T, 3> rgb = to_rgb(hsv[0] + t, hsv[1], hsv[2]);
    for (T& v : rgb) v = std::clamp(v + low, low, bounds.high);
    return rgb;
  });
}

template <class T>
void degenerate_image(const ImageRule& rule, const ImageShape& shape, double share, const T* x, T* y) {
  const Bounds<T> bounds(rule.values);
  if (shape.channels == 1) {  // grey already
    map(shape.numel(), x, y, [=](Vec<T> v) { return bounds.clip(v); });
    return;
  }
  const auto s = static_cast<T>(share);
  each_colour(shape, x, y, [=](T r, T g, T b) {
    const T grey = luma<T>[0] * r + luma<T>[1] * g + luma<T>[2] * b;
    const auto mix = [=](T v) { return std::clamp(v + s * (grey - v), bounds.low, bounds.high); };
    return std::array<T, 3>{mix(r), mix(g), mix(b)};
  });
}

template <class T>
void posterize_image(const ImageRule& rule, const ImageShape& shape, double bits, const T* x, T* y) {
  // The upper bits of the value as a byte, in floating point: a multiple of 2^(8 − bits).
  const Bounds<T> bounds(rule.values);
  const T scale = 255 / (bounds.high - bounds.low);
  const T back = (bounds.high - bounds.low) / 255;
  const auto step = static_cast<T>(std::exp2(8 - bits));
  const T parts = 1 / step;
  map(shape.numel(), x, y, [=](Vec<T> v) {
    const Vec<T> byte = vec::clamp((v - bounds.low) * scale, T(0), T(255));
    const Vec<T> kept = __builtin_convertvector(__builtin_convertvector(byte * parts, vec::Mask<T>), Vec<T>) * step;
    return kept * back + bounds.low;
  });
}

template <class T>
void invert_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y) {
  const auto ends = static_cast<T>(rule.values.low + rule.values.high);
  map(shape.numel(), x, y, [=](Vec<T> v) { return ends - v; });
}

template <class T>
void solarize_image(const ImageRule& rule, const ImageShape& shape, double addition, double threshold, const T* x,
                    T* y) {
  const Bounds<T> bounds(rule.values);
  const double range = rule.values.high - rule.values.low;
  const auto add = static_cast<T>(addition * range);
  const auto from = static_cast<T>(rule.values.low + threshold * range);
  map(shape.numel(), x, y, [=](Vec<T> v) {
    const Vec<T> sum = bounds.clip(v + add);
    return sum < from ? sum : (bounds.low + bounds.high) - sum;
  });
}

#define RANVIER_INSTANTIATE(T)                                                                  \
  template void brighten_image<T>(const ImageRule&, const ImageShape&, double, const T*, T*);   \
  template void contrast_image<T>(const ImageRule&, const ImageShape&, double, const T*, T*);   \
  template void saturate_image<T>(const ImageRule&, const ImageShape&, double, const T*, T*);   \
  template void turn_hue<T>(const ImageRule&, const ImageShape&, double, const T*, T*);         \
  template void degenerate_image<T>(const ImageRule&, const ImageShape&, double, const T*, T*); \
  template void posterize_image<T>(const ImageRule&, const ImageShape&, double, const T*, T*);  \
  template void invert_image<T>(const ImageRule&, const ImageShape&, const T*, T*);             \
  template void solarize_image<T>(const ImageRule&, const ImageShape&, double, double, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
