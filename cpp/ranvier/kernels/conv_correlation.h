// What the forward pass and the input gradient have in common: y[o] = Σ_t x[o·step + shift + t·tap_step]·b[t].
#pragma once

#include "ranvier/kernels/conv_span.h"

namespace ranvier::kernels::conv_detail {

/// Outputs that meet the same taps.
struct Segment {
  Span outputs;
  Span taps;
};

/// One spatial axis: output o and tap t (of `taps`, none is possible) read input o·step + shift + t·tap_step, tap_step > 0.
struct Axis {
  Index outputs;
  Index step;
  Index taps;
  Index shift;
  Index tap_step;

  /// First and last input that outputs [begin, end) read.
  Index lowest(Index begin) const { return begin * step + shift; }
  Index highest(Index end) const { return (end - 1) * step + shift + (taps - 1) * tap_step; }
  Span taps_inside(Index o, Index size) const { return inside(o * step + shift, tap_step, taps, size); }
  /// Calls f(segment) for the outputs of a span, in order, x having `size` inputs.
  template <class F>
  void each_segment(Span span, Index size, F&& f) const {
    const Span all = taps == 0 ? Span{0, 0} : inside(shift, step, outputs, size - (taps - 1) * tap_step);
    for (Index o = span.begin; o < span.end;) {
      Segment s{{o, o + 1}, taps_inside(o, size)};
      if (o >= all.begin && o < all.end) s.outputs.end = std::min(all.end, span.end);
      for (; s.outputs.end < span.end; ++s.outputs.end) {
        const Span next = taps_inside(s.outputs.end, size);
        if (next.begin != s.taps.begin || next.end != s.taps.end) break;
      }
      o = s.outputs.end;
      f(s);
    }
  }
  /// Drops taps at both ends that only read what lies outside of [0, size); returns how many at the front.
  Index trim(Index size) {
    const auto useless = [&](Index t) { return inside(shift + t * tap_step, step, outputs, size).size() == 0; };
    Index dropped = 0;
    while (taps > 0 && useless(taps - 1)) --taps;
    while (taps > 0 && useless(0)) {
      --taps;
      shift += tap_step;
      ++dropped;
    }
    return dropped;
  }
};
using Axes = std::array<Axis, 3>;

/// The matrix of one group, rows (tap, input channel) × columns: panels of two vectors, the last one of one when that
/// is enough. Where the last vector is not full there are numbers behind the columns.
template <class T>
struct Weights {
  const T* data;
  Index panel_stride;
  Index row_stride;
  Index last_row_stride;  ///< in the last panel
};

template <class T>
struct Correlation {
  Axes axes;
  Index batch;
  const T* x;  ///< first channel of the group; pixels lie `channels` apart, `depth` of them are read
  ConvGeometry::Sizes in;
  Index channels;
  Index depth;
  Weights<T> weights;
  T* y;                        ///< first column of the first output
  ConvGeometry::Sizes stride;  ///< in y, from output to output along each axis
  Index image_stride;
  Index columns;
  bool accumulate;
  const T* bias;  ///< of the columns, or null
  const Epilogue<T>* epilogue;
  T* preactivation;  ///< as y, or null
};

/// False when the zeros around x would need far more room than x itself.
template <class T>
bool has_room(const Correlation<T>& c);
template <class T>
void correlate(const Correlation<T>& c);

#define RANVIER_EXTERN(T)                                  \
  extern template bool has_room<T>(const Correlation<T>&); \
  extern template void correlate<T>(const Correlation<T>&);
RANVIER_EXTERN(float)
RANVIER_EXTERN(double)
#undef RANVIER_EXTERN

}  // namespace ranvier::kernels::conv_detail
