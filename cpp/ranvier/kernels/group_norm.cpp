#include "ranvier/kernels/norm.h"
#include "ranvier/kernels/norm_parts.h"

// Each sample is a batch normalisation of its own whose channels share their statistics within a group: the passes over
// the data are those of norm.cpp, and all that is done for a group is done on one number per channel.
namespace ranvier::kernels {
namespace {

using namespace norm;

/// f(sample) in pieces that are worth a thread.
template <class F>
void each_sample(const GroupView& at, F f) {
  const Index size = at.outer * at.channels * at.inner;
  parallel_for(at.batch, rows_for(at.batch, size, grain), [=](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) f(b, b * size);
  });
}

/// dx = a·dy − slope·(x − mean) − level in the channels [first, first + cols) of one sample; a begins at `first`.
template <class T>
void channel_gradient(const GroupView& at, Index first, Index cols, const T* x, const T* dy, const T* mean, const T* a,
                      const T* slope, const T* level, T* dx, bool accumulate) {
  const Index channels = at.channels;
  const Index inner = at.inner;
  if (inner == 1) {
    each_rows(at.outer, cols, [=](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        for (Index j = 0; j < cols; j += lanes<T>) {
          const Index left = cols - j;
          const Index c = first + j;
          const Index i = r * channels + c;
          const Vec<T> centred = load(x + i, left) - load(mean + c, left);
          const Vec<T> moved = centred * load(slope + c, left) + load(level + c, left);
          put<T>(dx + i, load(dy + i, left) * load(a + j, left) - moved, left, accumulate);
        }
      }
    });
    return;
  }
  each_channel(at.outer * cols, inner, [=](Index k) {
    const Index j = k % cols;
    const Index c = first + j;
    const Index from = (k / cols * channels + c) * inner;
    for (Index i = 0; i < inner; i += lanes<T>) {
      const Index left = inner - i;
      const Vec<T> moved = (load(x + from + i, left) - mean[c]) * slope[c] + level[c];
      put<T>(dx + from + i, load(dy + from + i, left) * a[j] - moved, left, accumulate);
    }
  });
}

/// to (channels) = or += the rows of from (batch, channels), in order.
template <class T>
void add_samples(Index batch, Index channels, const T* from, T* to, bool accumulate) {
  for (Index c = 0; c < channels; ++c) {
    Total<T> sum = 0;
    for (Index b = 0; b < batch; ++b) sum += static_cast<Total<T>>(from[b * channels + c]);
    to[c] = accumulate ? to[c] + static_cast<T>(sum) : static_cast<T>(sum);
  }
}

}  // namespace

template <class T>
void group_moments(const GroupView& at, const T* x, T* mean, T* variance) {
  const Index width = at.channels / at.groups;
  each_sample(at, [=](Index b, Index start) {
    T* m = mean + b * at.channels;
    T* v = variance + b * at.channels;
    channel_moments<T>(at.outer, at.channels, at.inner, x + start, m, v);
    for (Index g = 0; g < at.channels; g += width) {
      // channels of equal size: the mean of means; variance within plus variance between
      Total<T> centre = 0;
      for (Index c = g; c < g + width; ++c) centre += static_cast<Total<T>>(m[c]);
      centre /= static_cast<Total<T>>(width);
      Total<T> spread = 0;
      for (Index c = g; c < g + width; ++c) {
        const Total<T> apart = static_cast<Total<T>>(m[c]) - centre;
        spread += static_cast<Total<T>>(v[c]) + apart * apart;
      }
      std::fill_n(m + g, width, static_cast<T>(centre));
      std::fill_n(v + g, width, static_cast<T>(spread / static_cast<Total<T>>(width)));
    }
  });
}

template <class T>
void group_normalize(const GroupView& at, const T* x, const T* mean, const T* variance, T eps, const T* gamma,
                     const T* beta, T* y) {
  each_sample(at, [=](Index b, Index start) {
    const ChannelNorm<T> norm{mean + b * at.channels, variance + b * at.channels, eps, gamma, beta};
    channel_normalize<T>(at.outer, at.channels, at.inner, norm, x + start, y + start);
  });
}

// With r = 1/√(σ² + eps) and N elements in a group: dx = r·(γ·dy − Σγ·dy/N − x̂·Σγ·dy·x̂/N).
template <class T>
void group_normalize_backward(const GroupView& at, const T* x, const T* mean, const T* variance, T eps, const T* gamma,
                              const T* dy, T* sums, T* dx, bool dx_accumulate, T* dgamma, bool dgamma_accumulate,
                              T* dbeta, bool dbeta_accumulate) {
  const Index width = at.channels / at.groups;
  T* plain = sums;                         // Σ dy of each sample's channels, then the level of dx
  T* dot = sums + at.batch * at.channels;  // Σ dy·x̂, then the slope of dx
  each_sample(at, [=](Index b, Index start) {
    const Index row = b * at.channels;
    const ChannelNorm<T> norm{mean + row, variance + row, eps, nullptr, nullptr};
    channel_normalize_backward<T>(at.outer, at.channels, at.inner, norm, false, x + start, dy + start, nullptr, false,
                                  dot + row, false, plain + row, false);
  });
  if (dgamma != nullptr) add_samples(at.batch, at.channels, dot, dgamma, dgamma_accumulate);
  if (dbeta != nullptr) add_samples(at.batch, at.channels, plain, dbeta, dbeta_accumulate);
  if (dx == nullptr) return;
  const Total<T> share = Total<T>(1) / static_cast<Total<T>>(at.outer * width * at.inner);
  each_sample(at, [=](Index b, Index start) {
    const Index row = b * at.channels;
    T* level = plain + row;
    T* slope = dot + row;
    const auto weight = [=](Index c) { return gamma != nullptr ? gamma[c] : T(1); };
    for (Index g = 0; g < at.channels; g += width) {
      Total<T> sum = 0;
      Total<T> along = 0;
      for (Index c = g; c < g + width; ++c) {
        sum += static_cast<Total<T>>(weight(c) * level[c]);
        along += static_cast<Total<T>>(weight(c) * slope[c]);
      }
      const T root = reciprocal_root(variance[row + g], eps);
      std::fill_n(level + g, width, root * static_cast<T>(share * sum));
      std::fill_n(slope + g, width, root * root * static_cast<T>(share * along));
    }
    // channels in strips, so that what dy is multiplied with fits on the stack
    for (Index first = 0; first < at.channels; first += strip_columns) {
      const Index cols = std::min(strip_columns, at.channels - first);
      Strip<T> a;
      for (Index j = 0; j < cols; ++j) {
        a[static_cast<std::size_t>(j)] = reciprocal_root(variance[row + first + j], eps) * weight(first + j);
      }
      channel_gradient<T>(at, first, cols, x + start, dy + start, mean + row, a.data(), slope, level, dx + start,
                          dx_accumulate);
    }
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                         \
  template void group_moments<T>(const GroupView&, const T*, T*, T*);                                                  \
  template void group_normalize<T>(const GroupView&, const T*, const T*, const T*, T, const T*, const T*, T*);         \
  template void group_normalize_backward<T>(const GroupView&, const T*, const T*, const T*, T, const T*, const T*, T*, \
                                            T*, bool, T*, bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
