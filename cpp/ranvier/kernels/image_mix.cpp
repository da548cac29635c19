#include "ranvier/kernels/image_mix.h"

#include <algorithm>

#include "ranvier/kernels/image_random.h"
#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

constexpr Index grain = 16384;  // elements of a piece

/// The first pixel whose middle is at v or beyond.
Index first_pixel(double v, Index n) {
  return static_cast<Index>(std::clamp(std::ceil(v - 0.5), 0.0, static_cast<double>(n)));
}

/// Calls f(first element, number of elements) for every run of elements inside the box.
template <class F>
void each_run(const ImageShape& shape, const double* box, F f) {
  const Index left = first_pixel(box[0], shape.width);
  const Index right = first_pixel(box[1], shape.width);
  const Index bottom = first_pixel(box[3], shape.height);
  for (Index p = 0; p < shape.planes(); ++p) {
    for (Index r = first_pixel(box[2], shape.height); r < bottom; ++r) {
      f((p * shape.height + r) * shape.row() + left * shape.pixel(), (right - left) * shape.pixel());
    }
  }
}

}  // namespace

void draw_mix(double alpha, RandomKey key, Index count, double* draws) {
  for (Index i = 0; i < count; ++i) {
    ImageRandom random(key, i);
    std::fill_n(draws + i * mix_draws, mix_draws, 0.0);
    draws[i * mix_draws] = random.beta(alpha, alpha);
  }
}

void draw_cut(Interval alpha, const ImageShape& shape, RandomKey key, Index count, double* draws) {
  for (Index i = 0; i < count; ++i) {
    ImageRandom random(key, i);
    double* d = draws + i * mix_draws;
    const double a = random.uniform(alpha) + 1e-6;
    const double side = std::sqrt(1 - random.beta(a, a));
    const auto width = static_cast<double>(shape.width);
    const auto height = static_cast<double>(shape.height);
    d[1] = random.unit() * (width - side * width);
    d[2] = d[1] + side * width;
    d[3] = random.unit() * (height - side * height);
    d[4] = d[3] + side * height;
    const auto across = static_cast<double>(first_pixel(d[2], shape.width) - first_pixel(d[1], shape.width));
    const auto down = static_cast<double>(first_pixel(d[4], shape.height) - first_pixel(d[3], shape.height));
    d[0] = 1 - across * down / (width * height);
  }
}

template <class T>
void mix_rows(Index count, Index row, const double* draws, const std::int64_t* partner, const T* x, T* y) {
  parallel_for(count, rows_for(count, row, grain), [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto share = static_cast<T>(draws[i * mix_draws]);
      const T rest = 1 - share;
      const T* own = x + i * row;
      const T* other = x + partner[i] * row;
      for (Index k = 0; k < row; ++k) y[i * row + k] = share * own[k] + rest * other[k];
    }
  });
}

template <class T>
void mix_rows_backward(Index count, Index row, const double* draws, const std::int64_t* partner, const T* dy, T* dx) {
  // Two passes: within one, every row of dx belongs to one i.
  for (const bool own : {true, false}) {
    parallel_for(count, rows_for(count, row, grain), [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const auto share = static_cast<T>(own ? draws[i * mix_draws] : 1 - draws[i * mix_draws]);
        T* to = dx + (own ? i : partner[i]) * row;
        for (Index k = 0; k < row; ++k) to[k] += share * dy[i * row + k];
      }
    });
  }
}

template <class T>
void cut_images(const ImageShape& shape, Index count, const double* draws, const std::int64_t* partner, const T* x,
                T* y) {
  const Index size = shape.numel();
  parallel_for(count, rows_for(count, size, grain), [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      std::copy_n(x + i * size, size, y + i * size);
      each_run(shape, draws + i * mix_draws + 1,
               [&](Index at, Index n) { std::copy_n(x + partner[i] * size + at, n, y + i * size + at); });
    }
  });
}

template <class T>
void cut_images_backward(const ImageShape& shape, Index count, const double* draws, const std::int64_t* partner,
                         const T* dy, T* dx) {
  const Index size = shape.numel();
  for (const bool own : {true, false}) {
    parallel_for(count, rows_for(count, size, grain), [=](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const double* box = draws + i * mix_draws + 1;
        const T* from = dy + i * size;
        T* to = dx + (own ? i : partner[i]) * size;
        if (own) {
          // What lies between the runs of the box.
          Index next = 0;
          const auto add = [&](Index end_of) {
            for (; next < end_of; ++next) to[next] += from[next];
          };
          each_run(shape, box, [&](Index at, Index n) {
            add(at);
            next = at + n;
          });
          add(size);
        } else {
          each_run(shape, box, [&](Index at, Index n) {
            for (Index k = at; k < at + n; ++k) to[k] += from[k];
          });
        }
      }
    });
  }
}

#define RANVIER_INSTANTIATE(T)                                                                             \
  template void mix_rows<T>(Index, Index, const double*, const std::int64_t*, const T*, T*);               \
  template void mix_rows_backward<T>(Index, Index, const double*, const std::int64_t*, const T*, T*);      \
  template void cut_images<T>(const ImageShape&, Index, const double*, const std::int64_t*, const T*, T*); \
  template void cut_images_backward<T>(const ImageShape&, Index, const double*, const std::int64_t*, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
