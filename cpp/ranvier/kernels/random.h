// Counter-based random numbers (Philox4x32-10, Salmon et al. 2011): element i of a draw is a function of (seed, stream,
// i) only, so any thread can make any part of it.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

/// The address of a draw: `seed` names the generator, `stream` the draw within it.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

/// y[i] uniform in [low, high).
template <class T>
void random_uniform(RandomKey key, Index n, T low, T high, T* y);
/// y[i] normal (Box-Muller); with truncated, values beyond two standard deviations are drawn again.
template <class T>
void random_normal(RandomKey key, Index n, T mean, T stddev, bool truncated, T* y);
/// Integers in [low, high).
void random_integers(RandomKey key, Index n, std::int64_t low, std::int64_t high, std::int64_t* y);
/// A permutation of 0..n-1 (sorting-free: Fisher-Yates over counter-based draws).
void random_permutation(RandomKey key, Index n, std::int64_t* y);

/// Inverted dropout: each group of elements is kept with probability 1 − rate and scaled by 1/(1 − rate).
/// keep[i] receives the decision for dropout_backward.
template <class T>
void dropout(RandomKey key, Index n, double rate, const T* x, T* y, bool* keep);
/// dx (+)= keep ? dy·scale : 0.
template <class T>
void dropout_backward(Index n, T scale, const bool* keep, const T* dy, T* dx, bool accumulate);

}  // namespace ranvier::kernels
