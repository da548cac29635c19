#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_winograd.h"

namespace ranvier::kernels::conv_detail {
namespace {

// Up to so many pixels the weights are read in place: what one core copies, the others have to fetch from it each time.
// Rows that lie far apart cost more, each a page of its own in the end.
constexpr Index few_pixels = 1024;
constexpr Index few_pixels_apart = 16;
constexpr Index apart_bytes = 1024;
constexpr Index pack_grain = 1 << 16;  // elements

thread_local gemm_detail::Scratch scratch_w;

// The taps that are left after trimming, in the panels' order.
template <class T>
Weights<T> pack(const ConvGeometry& g, const Axes& axes, const ConvGeometry::Sizes& dropped, const T* w, Index depth,
                Index columns) {
  const Panels<T> panels(columns);
  const Index taps = axes[0].taps * axes[1].taps * axes[2].taps;
  const Index rows = taps * depth;
  T* to = static_cast<T*>(scratch_w.get(static_cast<std::size_t>(panels.elements(rows)) * sizeof(T)));
  const Index lines = axes[0].taps * axes[1].taps;  // of taps, contiguous in w
  const Index line_rows = axes[2].taps * depth;
  const Index grain = std::max<Index>(1, pack_grain / std::max<Index>(1, line_rows * panels.width));
  parallel_for(panels.count * lines, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index panel = i / lines;
      const Index line = i % lines;
      const Index t0 = line / axes[1].taps + dropped[0];
      const Index t1 = line % axes[1].taps + dropped[1];
      const Index tap = (t0 * g.kernel[1] + t1) * g.kernel[2] + dropped[2];
      gemm_detail::pack_rows(
          panels.columns_of(panel), line_rows, w + tap * depth * g.channels_out + panel * panels.width, g.channels_out,
          to + panel * panels.width * rows + line * line_rows * panels.width_of(panel), panels.width_of(panel));
    }
  });
  return panels.packed(to, rows);
}

}  // namespace

template <class T>
bool dense_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  const Index depth = g.channels_in / g.groups;
  const Index columns = g.channels_out / g.groups;
  Axes axes = forward_axes(g);
  ConvGeometry::Sizes dropped{};
  for (std::size_t a = 0; a < 3; ++a) dropped[a] = axes[a].trim(g.in[a]);
  const Index taps = axes[0].taps * axes[1].taps * axes[2].taps;
  const bool apart = g.channels_out * static_cast<Index>(sizeof(T)) >= apart_bytes;
  const bool winograd = winograd_pays<T>(g, axes);
  const bool in_place = !winograd && taps == g.taps() && columns % gemm_detail::width<T> == 0 &&
                        g.batch * g.pixels_out() <= (apart ? few_pixels_apart : few_pixels);

  Correlation<T> c{};
  c.axes = axes;
  c.batch = g.batch;
  c.in = g.in;
  c.channels = g.channels_in;
  c.depth = depth;
  c.stride = {g.out[1] * g.out[2] * g.channels_out, g.out[2] * g.channels_out, g.channels_out};
  c.image_stride = g.pixels_out() * g.channels_out;
  c.columns = columns;
  c.epilogue = epilogue;
  if (!has_room(c)) return false;
  for (Index group = 0; group < g.groups; ++group) {
    const T* weights = w + group * columns;
    c.x = x + group * depth;
    c.y = y + group * columns;
    if (in_place) {
      c.weights = {weights, 2 * gemm_detail::width<T>, g.channels_out, g.channels_out};
    } else {
      c.weights = pack(g, axes, dropped, weights, depth, columns);
    }
    if (epilogue != nullptr) {
      c.bias = epilogue->bias != nullptr ? epilogue->bias + group * columns : nullptr;
      c.preactivation = epilogue->preactivation != nullptr ? epilogue->preactivation + group * columns : nullptr;
    }
    winograd ? winograd_correlate(c) : correlate(c);
  }
  return true;
}

template bool dense_forward<float>(const ConvGeometry&, const float*, const float*, float*, const Epilogue<float>*);
template bool dense_forward<double>(const ConvGeometry&, const double*, const double*, double*,
                                    const Epilogue<double>*);

}  // namespace ranvier::kernels::conv_detail
