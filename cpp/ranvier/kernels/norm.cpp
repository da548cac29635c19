#include "ranvier/kernels/norm.h"

#include "ranvier/kernels/norm_parts.h"

// Channels: x is (outer, channels, inner). inner == 1 (channels last) runs down columns, a strip of channels at a time;
// else every channel is a set of contiguous runs.
namespace ranvier::kernels {
namespace {

using namespace norm;

/// Σ term over all runs of a channel.
template <class T, class Term>
RANVIER_INLINE double sum_runs(Index outer, Index run, Term term) {
  double total = 0;
  for (Index o = 0; o < outer; ++o) {
    total += sum_of_terms<T>(0, run, [&](Index i, Index left) { return term(o, i, left); });
  }
  return total;
}

/// Mean, sum of squared deviations and number of rows, for the channels of a strip.
template <class T>
struct Moments {
  Strip<Total<T>> mean;
  Strip<Total<T>> squares;
  Index rows = 0;
};

/// The moments of two sets of rows together (Chan, Golub & LeVeque 1983).
template <class T, class Value>
RANVIER_INLINE void join_moments(Moments<T>& to, Index rows, Index cols, const Value& mean, const Value& squares) {
  to.rows += rows;
  const auto share = static_cast<Total<T>>(rows) / static_cast<Total<T>>(to.rows);
  const auto between = share * static_cast<Total<T>>(to.rows - rows);
  for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
    const Total<T> apart = static_cast<Total<T>>(mean[j]) - to.mean[j];
    to.mean[j] += apart * share;
    to.squares[j] += static_cast<Total<T>>(squares[j]) + apart * apart * between;
  }
}

/// One pass over memory: the mean of a block of rows, then the squares of the small differences from it while the block
/// is still in the first-level cache.
template <class T>
void strip_moments(Index begin, Index end, Index cols, const T* x, Index step, Moments<T>& to) {
  const Index block = std::max<Index>(8, Index{4096} / cols / 8 * 8);
  Strips<T, 1> mean;
  Strips<T, 1> squares;
  for (Index r = begin; r < end; r += block) {
    const Index rows = std::min(block, end - r);
    const T* from = x + r * step;
    sum_rows<T, 1>(
        0, rows, cols, [=](Index i, Index j, Index left) { return std::array{load(from + i * step + j, left)}; }, mean);
    const T share = T(1) / static_cast<T>(rows);
    for (Index j = 0; j < cols; j += lanes<T>) store<T>(mean[0].data() + j, share * load(mean[0].data() + j));
    sum_rows<T, 1>(
        0, rows, cols,
        [=, m = mean[0].data()](Index i, Index j, Index left) {
          const Vec<T> d = load(from + i * step + j, left) - load(m + j);
          return std::array{d * d};
        },
        squares);
    if (to.rows == 0) {
      std::copy_n(mean[0].data(), cols, to.mean.data());
      std::copy_n(squares[0].data(), cols, to.squares.data());
      to.rows = rows;
      continue;
    }
    join_moments(to, rows, cols, mean[0], squares[0]);
  }
}

/// What the channels of a strip are multiplied with and shifted by.
template <class T>
struct StripNorm {
  Strip<T> mean;
  Strip<T> root;
  Strip<T> scale;
  Strip<T> shift;

  StripNorm(const ChannelNorm<T>& norm, Index first, Index cols) {
    for (Index j = 0; j < cols; j += lanes<T>) {
      const Index left = cols - j;
      const Vec<T> r = T(1) / vec::sqrt<T>(load(norm.variance + first + j, left) + norm.eps);
      store<T>(mean.data() + j, load(norm.mean + first + j, left));
      store<T>(root.data() + j, r);
      store<T>(scale.data() + j, norm.gamma != nullptr ? r * load(norm.gamma + first + j, left) : r);
      store<T>(shift.data() + j, norm.beta != nullptr ? load(norm.beta + first + j, left) : Vec<T>{});
    }
  }
};

/// The value before the ReLU. Forward and backward must agree about its sign, hence one way of rounding.
template <class T, class V>
RANVIER_INLINE Vec<T> normalized(Vec<T> centred, V scale, V shift) {
  return vec::rounded(centred * scale) + shift;
}

template <class T, bool relu>
void normalize_channels(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm, const T* x, T* y) {
  const auto finish = [ceiling = norm.ceiling](Vec<T> v) { return relu ? vec::clamp(v, T(0), ceiling) : v; };
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      const StripNorm<T> strip(norm, first, cols);
      each_rows(outer, cols, [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          const Index at = r * channels + first;
          for (Index j = 0; j < cols; j += lanes<T>) {
            const Index left = cols - j;
            const Vec<T> centred = load(x + at + j, left) - load(strip.mean.data() + j);
            store(y + at + j,
                  finish(normalized<T>(centred, load(strip.scale.data() + j), load(strip.shift.data() + j))), left);
          }
        }
      });
    });
    return;
  }
  each_channel(outer * channels, inner, [=](Index k) {
    const Index c = k % channels;
    const T scale = reciprocal_root(norm.variance[c], norm.eps) * (norm.gamma != nullptr ? norm.gamma[c] : T(1));
    const T shift = norm.beta != nullptr ? norm.beta[c] : T(0);
    const T m = norm.mean[c];
    for (Index i = 0; i < inner; i += lanes<T>) {
      const Vec<T> centred = load(x + k * inner + i, inner - i) - m;
      store(y + k * inner + i, finish(normalized<T>(centred, scale, shift)), inner - i);
    }
  });
}

// x̂ = (x − μ)·r, r = 1/√(σ² + eps); dβ = Σ dy, dγ = Σ dy·x̂; dx = γ·r·dy, and with batch statistics
// dx = γ·r·(dy − dβ/N − x̂·dγ/N). With a ReLU dy is zero where its value was not between 0 and the ceiling.
template <class T, bool relu>
void normalize_channels_backward(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm,
                                 bool batch_statistics, const T* x, const T* dy, T* dx, bool dx_accumulate, T* dgamma,
                                 bool dgamma_accumulate, T* dbeta, bool dbeta_accumulate) {
  const T share = batch_statistics ? T(1) / static_cast<T>(outer * inner) : T(0);
  const bool sums_wanted = dgamma != nullptr || dbeta != nullptr || (dx != nullptr && batch_statistics);
  const auto passed = [ceiling = norm.ceiling](Vec<T> g, Vec<T> centred, auto scale, auto shift) {
    if constexpr (!relu) return g;
    const Vec<T> v = normalized<T>(centred, scale, shift);
    return v <= T(0) ? Vec<T>{} : v >= ceiling ? Vec<T>{} : g;
  };
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      const StripNorm<T> strip(norm, first, cols);
      // dy behind the ReLU and x − μ, at row r and channel j of the strip
      const auto terms = [=, s = &strip](Index r, Index j, Index left) {
        const Index at = r * channels + first + j;
        const Vec<T> centred = load(x + at, left) - load(s->mean.data() + j);
        return std::array{passed(load(dy + at, left), centred, load(s->scale.data() + j), load(s->shift.data() + j)),
                          centred};
      };
      Strips<T, 2> sums{};  // Σ dy and Σ dy·x̂
      if (sums_wanted) {
        sum_strip<T, 2>(
            outer, cols,
            [=](Index r, Index j, Index left) {
              const auto [g, centred] = terms(r, j, left);
              return std::array<Vec<T>, 2>{g, g * centred};
            },
            sums);
        for (Index j = 0; j < cols; j += lanes<T>) {
          store<T>(sums[1].data() + j, load(sums[1].data() + j) * load(strip.root.data() + j));
        }
      }
      for (Index j = 0; j < cols; j += lanes<T>) {
        const Index left = cols - j;
        if (dbeta != nullptr) put<T>(dbeta + first + j, load(sums[0].data() + j), left, dbeta_accumulate);
        if (dgamma != nullptr) put<T>(dgamma + first + j, load(sums[1].data() + j), left, dgamma_accumulate);
      }
      if (dx == nullptr) return;
      // dx = scale·dy − level − slope·(x − μ)
      Strip<T> level;
      Strip<T> slope;
      for (Index j = 0; j < cols; j += lanes<T>) {
        const Vec<T> scale = share * load(strip.scale.data() + j);
        store<T>(level.data() + j, scale * load(sums[0].data() + j));
        store<T>(slope.data() + j, scale * load(sums[1].data() + j) * load(strip.root.data() + j));
      }
      each_rows(outer, cols, [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          for (Index j = 0; j < cols; j += lanes<T>) {
            const Index left = cols - j;
            const auto [g, centred] = terms(r, j, left);
            Vec<T> v = g * load(strip.scale.data() + j);
            if (batch_statistics) v -= load(level.data() + j) + centred * load(slope.data() + j);
            put<T>(dx + r * channels + first + j, v, left, dx_accumulate);
          }
        }
      });
    });
    return;
  }
  each_channel(channels, outer * inner, [=](Index c) {
    const T root = reciprocal_root(norm.variance[c], norm.eps);
    const T scale = norm.gamma != nullptr ? root * norm.gamma[c] : root;
    const T shift = norm.beta != nullptr ? norm.beta[c] : T(0);
    const T m = norm.mean[c];
    const Index step = channels * inner;
    const auto terms = [=](Index o, Index i, Index left) {
      const Index at = c * inner + o * step + i;
      const Vec<T> centred = load(x + at, left) - m;
      return std::array{passed(load(dy + at, left), centred, scale, shift), centred};
    };
    T sum = 0;
    T dot = 0;
    if (sums_wanted) {
      sum =
          static_cast<T>(sum_runs<T>(outer, inner, [=](Index o, Index i, Index left) { return terms(o, i, left)[0]; }));
      dot = static_cast<T>(sum_runs<T>(outer, inner, [=](Index o, Index i, Index left) {
        const auto [g, centred] = terms(o, i, left);
        return g * (centred * root);
      }));
    }
    if (dbeta != nullptr) dbeta[c] = dbeta_accumulate ? dbeta[c] + sum : sum;
    if (dgamma != nullptr) dgamma[c] = dgamma_accumulate ? dgamma[c] + dot : dot;
    if (dx == nullptr) return;
    for (Index o = 0; o < outer; ++o) {
      for (Index i = 0; i < inner; i += lanes<T>) {
        const Index left = inner - i;
        const auto [g, centred] = terms(o, i, left);
        Vec<T> v = g;
        if (batch_statistics) v -= share * (sum + centred * root * dot);
        put<T>(dx + c * inner + o * step + i, v * scale, left, dx_accumulate);
      }
    }
  });
}

}  // namespace

template <class T>
void channel_moments(Index outer, Index channels, Index inner, const T* x, T* mean, T* variance) {
  if (inner == 1) {
    each_strip(outer, channels, [=](Index first, Index cols) {
      constexpr Index most = 16;
      const Index size = std::max(rows_for(outer, cols, grain), (outer + most - 1) / most);
      std::array<Moments<T>, most> part;
      parallel_for(outer, size, [&](Index begin, Index end) {
        strip_moments(begin, end, cols, x + first, channels, part[static_cast<std::size_t>(begin / size)]);
      });
      Moments<T>& all = part[0];
      for (std::size_t p = 1; static_cast<Index>(p) * size < outer; ++p) {
        join_moments(all, part[p].rows, cols, part[p].mean, part[p].squares);
      }
      for (std::size_t j = 0; j < static_cast<std::size_t>(cols); ++j) {
        mean[first + static_cast<Index>(j)] = static_cast<T>(all.mean[j]);
        variance[first + static_cast<Index>(j)] = static_cast<T>(all.squares[j] / static_cast<Total<T>>(outer));
      }
    });
    return;
  }
  // Two passes: the mean first, then squares of small differences, which do not cancel.
  const T share = T(1) / static_cast<T>(outer * inner);
  each_channel(channels, outer * inner, [=](Index c) {
    const T* xc = x + c * inner;
    const Index step = channels * inner;
    const T m = share * static_cast<T>(sum_runs<T>(
                            outer, inner, [=](Index o, Index i, Index left) { return load(xc + o * step + i, left); }));
    mean[c] = m;
    variance[c] = share * static_cast<T>(sum_runs<T>(outer, inner, [=](Index o, Index i, Index left) {
                    const Vec<T> d = lanes_within<T>(load(xc + o * step + i, left) - m, left);
                    return d * d;
                  }));
  });
}

template <class T>
void channel_normalize(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm, const T* x, T* y) {
  const auto run = norm.relu ? normalize_channels<T, true> : normalize_channels<T, false>;
  run(outer, channels, inner, norm, x, y);
}

template <class T>
void channel_normalize_backward(Index outer, Index channels, Index inner, const ChannelNorm<T>& norm,
                                bool batch_statistics, const T* x, const T* dy, T* dx, bool dx_accumulate, T* dgamma,
                                bool dgamma_accumulate, T* dbeta, bool dbeta_accumulate) {
  const auto run = norm.relu ? normalize_channels_backward<T, true> : normalize_channels_backward<T, false>;
  run(outer, channels, inner, norm, batch_statistics, x, dy, dx, dx_accumulate, dgamma, dgamma_accumulate, dbeta,
      dbeta_accumulate);
}

template <class T>
void fold_norm(Index rows, Index channels, const ChannelNorm<T>& norm, const T* kernel, const T* bias, T* folded_kernel,
               T* folded_bias) {
  each_strip(rows, channels, [=](Index first, Index cols) {
    const StripNorm<T> strip(norm, first, cols);
    for (Index j = 0; j < cols; j += lanes<T>) {
      const Index left = cols - j;
      const Vec<T> b = bias != nullptr ? load(bias + first + j, left) : Vec<T>{};
      const Vec<T> centred = b - load(strip.mean.data() + j);
      store(folded_bias + first + j, normalized<T>(centred, load(strip.scale.data() + j), load(strip.shift.data() + j)),
            left);
    }
    each_rows(rows, cols, [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        for (Index j = 0; j < cols; j += lanes<T>) {
          const Index at = r * channels + first + j;
          store<T>(folded_kernel + at, load(kernel + at, cols - j) * load(strip.scale.data() + j), cols - j);
        }
      }
    });
  });
}

#define RANVIER_INSTANTIATE(T)                                                                                      \
  template void channel_moments<T>(Index, Index, Index, const T*, T*, T*);                                          \
  template void fold_norm<T>(Index, Index, const ChannelNorm<T>&, const T*, const T*, T*, T*);                      \
  template void channel_normalize<T>(Index, Index, Index, const ChannelNorm<T>&, const T*, T*);                     \
  template void channel_normalize_backward<T>(Index, Index, Index, const ChannelNorm<T>&, bool, const T*, const T*, \
                                              T*, bool, T*, bool, T*, bool);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
