// What batch and layer normalisation share: rows and strips of channels as pieces for threads.
#pragma once

#include <cmath>

#include "ranvier/kernels/blocks.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels::norm {

using vec::lanes;
using vec::load;
using vec::put;
using vec::store;
using vec::Vec;

constexpr Index grain = 16384;  ///< elements that are worth a thread

template <class T, std::size_t K>
using Strips = std::array<Strip<T>, K>;

/// f(first channel, how many) for every strip.
template <class F>
RANVIER_INLINE void each_strip(Index rows, Index channels, F f) {
  const Index strips = (channels + strip_columns - 1) / strip_columns;
  parallel_for(strips, rows_for(strips, rows * std::min(channels, strip_columns), grain), [=](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index first = s * strip_columns;
      f(first, std::min(strip_columns, channels - first));
    }
  });
}

/// f(first row, last row) in pieces of rows that are worth a thread.
template <class F>
RANVIER_INLINE void each_rows(Index rows, Index n, F f) {
  parallel_for(rows, rows_for(rows, n, grain), f);
}

/// f(channel) for channels of `length` elements each.
template <class F>
RANVIER_INLINE void each_channel(Index channels, Index length, F f) {
  parallel_for(channels, rows_for(channels, length, grain), [=](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) f(c);
  });
}

template <class T>
RANVIER_INLINE Vec<T> lanes_within(Vec<T> v, Index left) {
  return left >= lanes<T> ? v : vec::first_lanes<T>(left) ? v : Vec<T>{};
}

template <class T>
RANVIER_INLINE T reciprocal_root(T variance, T eps) {
  return T(1) / std::sqrt(variance + eps);
}

}  // namespace ranvier::kernels::norm
