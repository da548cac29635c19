// What looks at all values of a channel: equalisation and stretching.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ranvier/kernels/image_one.h"

namespace ranvier::kernels {
namespace {

/// The bin of a value in [0, bins); NaN goes to the first.
template <class T>
Index bin_of(T value, Index bins) {
  if (!(value > 0)) return 0;
  return value < static_cast<T>(bins - 1) ? static_cast<Index>(value) : bins - 1;
}

}  // namespace

template <class T>
void equalize_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y) {
  // `table`: first how many pixels a bin holds, then the new value of its pixels. It stays with the thread, so that a
  // step allocates nothing.
  thread_local std::vector<Index> counts;
  thread_local std::vector<T> table;
  const Index bins = rule.bins;
  counts.resize(static_cast<std::size_t>(bins));
  table.resize(static_cast<std::size_t>(bins));
  const Index pixels = shape.height * shape.width;
  const auto low = static_cast<T>(rule.values.low);
  const auto range = static_cast<T>(rule.values.high - rule.values.low);
  const T scale = static_cast<T>(bins - 1) / range;
  for (Index c = 0; c < shape.channels; ++c) {
    const T* in = x + c * shape.channel();
    T* out = y + c * shape.channel();
    std::fill(counts.begin(), counts.end(), Index{0});
    for (Index i = 0; i < pixels; ++i) {
      ++counts[static_cast<std::size_t>(bin_of((in[i * shape.pixel()] - low) * scale, bins))];
    }
    const auto first = static_cast<std::size_t>(
        std::find_if(counts.begin(), counts.end(), [](Index n) { return n > 0; }) - counts.begin());
    const Index others = first < counts.size() ? pixels - counts[first] : 0;
    if (others == 0) {  // one value only
      for (Index i = 0; i < pixels; ++i) out[i * shape.pixel()] = in[i * shape.pixel()];
      continue;
    }
    // The share of pixels up to this bin, leaving out those of the first, rounded to a byte (halves to even).
    Index passed = -counts[first];
    for (std::size_t b = 0; b < counts.size(); ++b) {
      passed += counts[b];
      const double share = static_cast<double>(std::max<Index>(0, passed)) / static_cast<double>(others);
      table[b] = low + range * static_cast<T>(std::nearbyint(255 * share) / 255);
    }
    for (Index i = 0; i < pixels; ++i) {
      out[i * shape.pixel()] = table[static_cast<std::size_t>(bin_of((in[i * shape.pixel()] - low) * scale, bins))];
    }
  }
}

template <class T>
void stretch_image(const ImageRule& rule, const ImageShape& shape, const T* x, T* y) {
  const Index pixels = shape.height * shape.width;
  const auto low = static_cast<T>(rule.values.low);
  const auto high = static_cast<T>(rule.values.high);
  for (Index c = 0; c < shape.channels; ++c) {
    const T* in = x + c * shape.channel();
    T* out = y + c * shape.channel();
    T least = in[0];
    T most = in[0];
    for (Index i = 1; i < pixels; ++i) {
      least = std::min(least, in[i * shape.pixel()]);
      most = std::max(most, in[i * shape.pixel()]);
    }
    const T scale = most > least ? (high - low) / (most - least) : T(1);
    const T base = most > least ? low : least;
    for (Index i = 0; i < pixels; ++i) {
      const T v = (in[i * shape.pixel()] - least) * scale + base;
      out[i * shape.pixel()] = most > least ? std::clamp(v, low, high) : v;
    }
  }
}

#define RANVIER_INSTANTIATE(T)                                                        \
  template void equalize_image<T>(const ImageRule&, const ImageShape&, const T*, T*); \
  template void stretch_image<T>(const ImageRule&, const ImageShape&, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
