// The parts of image.h for one image. x and y do not overlap; p are the parameters drawn for it.
#pragma once

#include "ranvier/kernels/image.h"

namespace ranvier::kernels {

class ImageRandom;

/// Weights of red, green and blue in grey (ITU-R BT.601), with the digits Keras has.
template <class T>
constexpr std::array<T, 3> luma{T(0.2989), T(0.587), T(0.114)};

/// Fills d (image_draws numbers).
void draw_one(const ImageRule& rule, const ImageShape& shape, ImageRandom& random, double* d);

// image_sample.cpp: p is a projective map.
template <class T>
void sample_image(const ImageRule& rule, const ImageShape& shape, const double* p, const T* x, T* y);
/// dx holds zeros, or what is to be added to.
template <class T>
void sample_image_backward(const ImageRule& rule, const ImageShape& shape, const double* p, const T* dy, T* dx);

// image_color.cpp
template <class T>
void brighten_image(const ImageRule& rule, const ImageShape& shape, double delta, const T* x, T* y);
template <class T>
void contrast_image(const ImageRule& rule, const ImageShape& shape, double factor, const T* x, T* y);
template <class T>
void saturate_image(const ImageRule& rule, const ImageShape& shape, double factor, const T* x, T* y);
template <class T>
void turn_hue(const ImageRule& rule, const ImageShape& shape, double turn, const T* x, T* y);
template <class T>
void degenerate_image(const ImageRule& rule, const ImageShape& shape, double share, const T* x, T* y);
template <class T>
void posterize_image(const ImageRule& rule, const ImageShape& shape, double bits, const T* x, T* y);
template <class T>
void invert_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y);
template <class T>
void solarize_image(const ImageRule& rule, const ImageShape& shape, double addition, double threshold, const T* x,
                    T* y);

// image_filter.cpp; zeros beyond the edges
template <class T>
void blur_image(const ImageRule& rule, const ImageShape& shape, const double* sigma, const T* x, T* scratch, T* y);
template <class T>
void sharpen_image(const ImageShape& shape, double factor, Interval values, const T* x, T* y);

// image_histogram.cpp
template <class T>
void equalize_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y);
template <class T>
void stretch_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y);

// image_move.cpp
template <class T>
void flip_image(const ImageShape& shape, bool horizontal, bool vertical, const T* x, T* y);
/// y = x outside the box p = (x0, x1, y0, y1); inside the noise, or where that is null the rule's values.
template <class T>
void erase_image(const ImageRule& rule, const ImageShape& shape, const double* p, const T* noise, const T* x, T* y);

}  // namespace ranvier::kernels
