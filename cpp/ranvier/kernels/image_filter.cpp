// Blurring and sharpening of one image; zeros stand beyond its edges.
#include <algorithm>
#include <cmath>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/vec.h"

namespace ranvier::kernels {
namespace {

/// Samples of a normal density around the middle, that sum to 1.
template <class T>
void normal_weights(Index n, double sigma, T* weights) {
  double sum = 0;
  std::array<double, largest_blur> w;
  for (Index k = 0; k < n; ++k) {
    const double z = (static_cast<double>(k) - 0.5 * static_cast<double>(n - 1)) / sigma;
    sum += w[static_cast<std::size_t>(k)] = std::exp(-0.5 * z * z);
  }
  for (Index k = 0; k < n; ++k) weights[k] = static_cast<T>(w[static_cast<std::size_t>(k)] / sum);
}

/// y[i] = Σ_k w[k]·x[i + (k − size/2)·step] over a line of n elements, zeros beyond it.
template <class T>
void filter_line(Index n, Index step, Index size, const T* w, const T* x, T* y) {
  std::fill_n(y, n, T(0));
  for (Index k = 0; k < size; ++k) {
    const Index shift = (k - size / 2) * step;
    const Index end = std::min(n, n - shift);
    for (Index i = std::max<Index>(0, -shift); i < end; ++i) y[i] += w[k] * x[i + shift];
  }
}

}  // namespace

template <class T>
void blur_image(const ImageRule& rule, const ImageShape& shape, const double* sigma, const T* x, T* scratch, T* y) {
  std::array<T, largest_blur> down;
  std::array<T, largest_blur> across;
  normal_weights(rule.kernel_height, sigma[0], down.data());
  normal_weights(rule.kernel_width, sigma[1], across.data());
  const Index plane = shape.height * shape.row();
  for (Index p = 0; p < shape.planes(); ++p) {
    // Down the columns all rows at once: a shift by a row is a shift by row() elements.
    filter_line<T>(plane, shape.row(), rule.kernel_height, down.data(), x + p * plane, scratch + p * plane);
    for (Index r = 0; r < shape.height; ++r) {
      const Index at = p * plane + r * shape.row();
      filter_line<T>(shape.row(), shape.pixel(), rule.kernel_width, across.data(), scratch + at, y + at);
    }
  }
}

template <class T>
void sharpen_image(const ImageShape& shape, double factor, Interval values, const T* x, T* y) {
  // The smooth image is the mean over 3×3 pixels of which the middle one counts five times.
  const auto low = static_cast<T>(values.low);
  const auto high = static_cast<T>(values.high);
  const auto share = static_cast<T>((1 - factor) / 13);
  const auto keep = static_cast<T>(factor + (1 - factor) * 4 / 13);
  const Index row = shape.row();
  const Index step = shape.pixel();
  for (Index p = 0; p < shape.planes(); ++p) {
    for (Index r = 0; r < shape.height; ++r) {
      const T* mid = x + (p * shape.height + r) * row;
      T* out = y + (p * shape.height + r) * row;
      const bool above = r > 0;
      const bool below = r + 1 < shape.height;
      const auto column = [=](Index i) {
        return mid[i] + (above ? mid[i - row] : T(0)) + (below ? mid[i + row] : T(0));
      };
      for (Index i = 0; i < row; ++i) {
        T sum = column(i);
        if (i >= step) sum += column(i - step);
        if (i + step < row) sum += column(i + step);
        const T v = mid[i] * keep + sum * share;
        out[i] = v < low ? low : v > high ? high : v;
      }
    }
  }
}

#define RANVIER_INSTANTIATE(T)                                                                       \
  template void blur_image<T>(const ImageRule&, const ImageShape&, const double*, const T*, T*, T*); \
  template void sharpen_image<T>(const ImageShape&, double, Interval, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
