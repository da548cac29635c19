#include "ranvier/nn/spatial.h"

#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

// The order of axes that moves axis `from` to place `to`.
std::vector<Index> moved(int rank, int from, int to) {
  std::vector<Index> order;
  for (int i = 0; i < rank; ++i) {
    if (i != from) order.push_back(i);
  }
  order.insert(order.begin() + to, from);
  return order;
}

Shape reordered(const Shape& x, const std::vector<Index>& order) {
  Shape y;
  for (const Index axis : order) y.push_back(x[static_cast<int>(axis)]);
  return y;
}

}  // namespace

std::vector<Index> sizes_of(const io::Json& config, const char* key, std::size_t axes, std::vector<Index> fallback) {
  const io::Json* value = config.find(key);
  if (value == nullptr) return fallback;
  if (value->is_integer()) return std::vector<Index>(axes, value->as_integer());
  std::vector<Index> sizes = config.integers(key);
  check(sizes.size() == axes, "key '", key, "': expected ", axes, " sizes, received ", sizes.size());
  return sizes;
}

std::vector<std::pair<Index, Index>> margins_of(const io::Json& config, const char* key, std::size_t axes) {
  using Margin = std::pair<Index, Index>;
  const io::Json& value = config.at(key);
  if (value.is_integer()) return std::vector<Margin>(axes, Margin{value.as_integer(), value.as_integer()});
  const auto pair_of = [&](const io::Json& one) {
    if (one.is_integer()) return Margin{one.as_integer(), one.as_integer()};
    check(one.as_array().size() == 2, "key '", key, "': expected pairs (before, after), received ", one.describe());
    return Margin{one.at(std::size_t{0}).as_integer(), one.at(std::size_t{1}).as_integer()};
  };
  if (axes == 1) return {pair_of(value)};
  check(value.as_array().size() == axes, "key '", key, "': expected ", axes, " pairs, received ", value.describe());
  std::vector<Margin> margins;
  for (const io::Json& one : value.as_array()) margins.push_back(pair_of(one));
  return margins;
}

SpatialLayer::SpatialLayer(const io::Json& config, std::size_t axes) : Layer(config), axes_(axes) {
  const std::string format = config.text("data_format", "channels_last");
  channels_first_ = format == "channels_first";
  if (!channels_first_ && format != "channels_last") {
    reject("data_format: expected 'channels_last' or 'channels_first', received '", format, "'");
  }
}

bool SpatialLayer::is_sample(const Shape& x) const {
  const int batched = static_cast<int>(axes_) + 2;
  if (x.rank() == batched) return false;
  if (takes_samples() && x.rank() == batched - 1) return true;
  const char* layout = channels_first_ ? "(batch, channels, spatial...)" : "(batch, spatial..., channels)";
  const char* hint = x.rank() == batched - 1
                         ? "; if the channels are missing add a channel axis (x[..., None]), a single sample needs a "
                           "batch axis (x[None])"
                         : "";
  reject("expected ", batched, " axes ", layout, ", received x with shape ", x, hint, ".");
}

Shape SpatialLayer::output_shape(const Shape& input) const {
  const bool sample = is_sample(input);
  Shape x;
  if (sample) x.push_back(1);
  for (const Index size : input) x.push_back(size);
  const int rank = x.rank();
  if (channels_first_) x = reordered(x, moved(rank, 1, rank - 1));
  try {
    Shape y = shape_of(x);
    if (channels_first_) y = reordered(y, moved(rank, rank - 1, 1));
    return sample ? y.slice(1, rank) : y;
  } catch (const ValueError& error) {  // asked before any data is there: no one else adds the name
    if (error.what()[0] == '[') throw;
    reject(error.what());
  }
}

Tensor SpatialLayer::call(const Tensor& given, Context&) {
  const bool sample = is_sample(given.shape());
  const Tensor x = sample ? ops::expand_dims(given, 0) : given;
  const int rank = x.rank();
  Tensor y = channels_first_
                 ? ops::transpose(run(ops::transpose(x, moved(rank, 1, rank - 1))), moved(rank, rank - 1, 1))
                 : run(x);
  return sample ? ops::squeeze(y, {0}) : y;
}

}  // namespace ranvier::nn
