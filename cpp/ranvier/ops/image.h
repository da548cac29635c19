// Images changed at random, a draw for each. x is a batch (n, height, width, channels), channels second with
// `channels_first`, or one image without the n.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/image.h"
#include "ranvier/ops/random.h"

namespace ranvier::ops {

/// x's images as kernels see them; ValueError when x is no image or batch of images, or images are too large.
struct Images {
  Index count;
  kernels::ImageShape each;
};
Images images_of(const char* name, const Shape& x, bool channels_first);

/// The images changed as the rule says. Rules without a gradient refuse an x that wants one.
Tensor change_images(const Tensor& x, const kernels::ImageRule& rule, bool channels_first, Generator& generator);
/// With rules chosen for each image; no gradient.
Tensor change_images(const Tensor& x, const kernels::ImagePolicy& policy, bool channels_first, Generator& generator);

/// A window of height × width at a random place in each image, which must be at least as large.
Tensor random_crop(const Tensor& x, Index height, Index width, bool channels_first, Generator& generator);
/// The largest central window of the ratio height : width, resized to height × width (bilinear).
Tensor central_crop(const Tensor& x, Index height, Index width, bool channels_first);

/// Images mixed with others of the batch, and labels (n, …) in the same proportions; labels may be undefined.
struct Mixed {
  Tensor images;
  Tensor labels;
};
Mixed mix_up(const Tensor& images, const Tensor& labels, double alpha, bool channels_first, Generator& generator);
Mixed cut_mix(const Tensor& images, const Tensor& labels, kernels::Interval alpha, bool channels_first,
              Generator& generator);

}  // namespace ranvier::ops
