// What layers over sequences, images and volumes share: where the channels are, and one size per spatial axis.
#pragma once

#include <utility>
#include <vector>

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

/// config[key] as one size per axis: [2, 3], or 2 for all of them; `fallback` when absent or null.
std::vector<Index> sizes_of(const io::Json& config, const char* key, std::size_t axes, std::vector<Index> fallback);

/// config[key] as (before, after) per axis: 1, [1, 2] (both sides of an axis alike; of the only axis when there is one)
/// or [[1, 1], [2, 0]].
std::vector<std::pair<Index, Index>> margins_of(const io::Json& config, const char* key, std::size_t axes);

/// A layer that computes on (batch, spatial…, channels), and moves the channels there and back when "data_format" says
/// "channels_first". Subclasses see channels last only.
class SpatialLayer : public Layer {
 public:
  SpatialLayer(const io::Json& config, std::size_t axes);
  Shape output_shape(const Shape& input) const final;

 protected:
  Tensor call(const Tensor& x, Context& context) final;
  virtual Shape shape_of(const Shape& x) const = 0;
  virtual Tensor run(const Tensor& x) const = 0;
  /// A single sample without batch axis is taken as well, and given back alike.
  virtual bool takes_samples() const { return false; }
  std::size_t axes() const { return axes_; }
  bool channels_first() const { return channels_first_; }

 private:
  /// Whether `rank` is that of a single sample; rejects what is neither that nor a batch.
  bool is_sample(const Shape& x) const;

  std::size_t axes_;
  bool channels_first_;
};

}  // namespace ranvier::nn
