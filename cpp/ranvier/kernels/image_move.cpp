// Pixels that keep their values: mirrored images, erased boxes, crops.
#include <algorithm>
#include <cmath>
#include <utility>

#include "ranvier/kernels/image_one.h"
#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;  // elements of a piece

/// Calls f(position in the large image, position in the crop) for every row of every crop.
template <class F>
void each_row(const ImageShape& from, const ImageShape& to, Index count, const std::int64_t* corners, F f) {
  parallel_for(count, rows_for(count, to.numel(), grain), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index start = i * from.numel() + corners[2 * i] * from.row() + corners[2 * i + 1] * from.pixel();
      for (Index p = 0; p < to.planes(); ++p) {
        for (Index r = 0; r < to.height; ++r) {
          f(start + (p * from.height + r) * from.row(), i * to.numel() + (p * to.height + r) * to.row());
        }
      }
    }
  });
}

/// The pixels of [0, n) whose middles lie in [low, high): first and end.
std::pair<Index, Index> whole(double low, double high, Index n) {
  const auto bound = [n](double v) {
    return static_cast<Index>(std::clamp(std::ceil(v - 0.5), 0.0, static_cast<double>(n)));
  };
  return {bound(low), bound(high)};
}

}  // namespace

template <class T>
void flip_image(const ImageShape& shape, bool horizontal, bool vertical, const T* x, T* y) {
  const Index row = shape.row();
  const Index step = shape.pixel();
  for (Index p = 0; p < shape.planes(); ++p) {
    for (Index r = 0; r < shape.height; ++r) {
      const T* in = x + (p * shape.height + (vertical ? shape.height - 1 - r : r)) * row;
      T* out = y + (p * shape.height + r) * row;
      if (!horizontal) {
        std::copy_n(in, row, out);
      } else if (step == 1) {
        std::reverse_copy(in, in + row, out);
      } else {
        for (Index k = 0; k < row; k += step) std::copy_n(in + row - step - k, step, out + k);
      }
    }
  }
}

template <class T>
void erase_image(const ImageRule& rule, const ImageShape& shape, const double* p, const T* noise, const T* x, T* y) {
  std::copy_n(x, shape.numel(), y);
  const auto [left, right] = whole(p[0], p[1], shape.width);
  const auto [top, bottom] = whole(p[2], p[3], shape.height);
  const auto low = static_cast<T>(rule.values.low);
  const auto high = static_cast<T>(rule.values.high);
  for (Index r = top; r < bottom; ++r) {
    for (Index k = left; k < right; ++k) {
      const Index pixel = (r * shape.width + k) * shape.pixel();
      for (Index c = 0; c < shape.channels; ++c) {
        const Index at = pixel + c * shape.channel();
        const T fill = noise != nullptr ? noise[at] : static_cast<T>(rule.fill_values[static_cast<std::size_t>(c % 3)]);
        y[at] = std::clamp(fill, low, high);
      }
    }
  }
}

template <class T>
void crop_images(const ImageShape& from, const ImageShape& to, Index count, const std::int64_t* corners, const T* x,
                 T* y) {
  each_row(from, to, count, corners, [&](Index in, Index out) { std::copy_n(x + in, to.row(), y + out); });
}

template <class T>
void crop_images_backward(const ImageShape& from, const ImageShape& to, Index count, const std::int64_t* corners,
                          const T* dy, T* dx) {
  each_row(from, to, count, corners, [&](Index in, Index out) {
    for (Index k = 0; k < to.row(); ++k) dx[in + k] += dy[out + k];
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                  \
  template void flip_image<T>(const ImageShape&, bool, bool, const T*, T*);                                     \
  template void erase_image<T>(const ImageRule&, const ImageShape&, const double*, const T*, const T*, T*);     \
  template void crop_images<T>(const ImageShape&, const ImageShape&, Index, const std::int64_t*, const T*, T*); \
  template void crop_images_backward<T>(const ImageShape&, const ImageShape&, Index, const std::int64_t*, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
