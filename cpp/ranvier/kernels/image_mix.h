// Pairs of images of a batch mixed (MixUp, Zhang et al. 2017) or cut together (CutMix, Yun et al. 2019).
#pragma once

#include "ranvier/kernels/image.h"

namespace ranvier::kernels {

/// For each image: the share it keeps, and for cut_images the box (x0, x1, y0, y1) that the other one gets.
constexpr Index mix_draws = 5;

/// Shares from Beta(alpha, alpha).
void draw_mix(double alpha, RandomKey key, Index count, double* draws);
/// Boxes anywhere of a share of the area from Beta(a, a), a from `alpha`; the kept share is that of whole pixels.
void draw_cut(Interval alpha, const ImageShape& shape, RandomKey key, Index count, double* draws);

/// y[i] = share·x[i] + (1 − share)·x[partner[i]], rows of any length: images or labels.
template <class T>
void mix_rows(Index count, Index row, const double* draws, const std::int64_t* partner, const T* x, T* y);
/// partner is a permutation. dx holds zeros, or what is to be added to.
template <class T>
void mix_rows_backward(Index count, Index row, const double* draws, const std::int64_t* partner, const T* dy, T* dx);

/// y[i] = x[i] outside its box, x[partner[i]] inside.
template <class T>
void cut_images(const ImageShape& shape, Index count, const double* draws, const std::int64_t* partner, const T* x,
                T* y);
template <class T>
void cut_images_backward(const ImageShape& shape, Index count, const double* draws, const std::int64_t* partner,
                         const T* dy, T* dx);

}  // namespace ranvier::kernels
