#include "ranvier/kernels/conv_winograd.h"

#include "ranvier/core/parallel.h"

namespace ranvier::kernels::conv_detail {
namespace {

constexpr Index min_patches = 128;   // for which the weights are worth transforming
constexpr Index min_channels = 32;   // with 16 the transforms eat the gain
constexpr Index block_patches = 56;  // of a block: transformed, they stay in a core's cache
constexpr Index gap = 48;            // elements between points: whole pages apart they would share cache sets

thread_local gemm_detail::Scratch scratch_weights;
thread_local gemm_detail::Scratch scratch_block;

// G·g along one axis.
template <class V>
RANVIER_INLINE void weight_points(V g0, V g1, V g2, V (&to)[4]) {
  const V half = (g0 + g2) * vec::Element<V>(0.5);
  const V middle = g1 * vec::Element<V>(0.5);
  to[0] = g0;
  to[1] = half + middle;
  to[2] = half - middle;
  to[3] = g2;
}

// Aᵀ·m along one axis.
template <class V>
RANVIER_INLINE void output_points(V m0, V m1, V m2, V m3, V (&to)[2]) {
  to[0] = m0 + m1 + m2;
  to[1] = m1 - m2 - m3;
}

// Panels of points: from panel (tap, channel, column) to panel (point, channel, column).
template <class T>
const T* transform_weights(const Correlation<T>& c, const Panels<T>& panels) {
  T* to = static_cast<T*>(scratch_weights.get(static_cast<std::size_t>(panels.elements(points * c.depth)) * sizeof(T)));
  const Index grain = std::max<Index>(1, (Index{1} << 12) / panels.width);
  parallel_for(panels.count * c.depth, grain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index panel = row / c.depth;
      const Index w = panels.width_of(panel);
      const T* from = c.weights.data + panel * c.weights.panel_stride + row % c.depth * w;
      T* out = to + panel * panels.width * points * c.depth + row % c.depth * w;
      for (Index j = 0; j < w; j += width<T>) {
        Vec<T> v[4][3];
#pragma GCC unroll 3
        for (int t = 0; t < 3; ++t) {
          Vec<T> column[4];
          weight_points(load(from + t * c.depth * w + j), load(from + (3 + t) * c.depth * w + j),
                        load(from + (6 + t) * c.depth * w + j), column);
#pragma GCC unroll 4
          for (int i = 0; i < 4; ++i) v[i][t] = column[i];
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          Vec<T> line[4];
          weight_points(v[i][0], v[i][1], v[i][2], line);
#pragma GCC unroll 4
          for (int k = 0; k < 4; ++k) store(out + (i * 4 + k) * c.depth * w + j, line[k]);
        }
      }
    }
  });
  return to;
}

// Some lines of patches, from x to y.
template <class T>
class Block {
 public:
  Block(const Correlation<T>& correlation, const Patches& patches, const Panels<T>& the_panels, const T* the_weights,
        Index first, Index last)
      : c(correlation), p(patches), panels(the_panels), weights(the_weights), first_line(first), last_line(last) {
    const Epilogue<T>* e = c.epilogue;
    relu = e != nullptr && e->preactivation == nullptr && e->activation == unary_tile<T>(Unary::relu);
    finishes = e != nullptr && !relu && (e->activation != nullptr || e->preactivation != nullptr);
  }

  void run() {
    const Index count = (last_line - first_line) * p.across;
    in_stride = count * c.depth + gap;
    out_stride = count * c.columns + gap;
    T* room = static_cast<T*>(
        scratch_block.get(static_cast<std::size_t>(points * (in_stride + out_stride) + c.depth) * sizeof(T)));
    T* zeros = room + points * (in_stride + out_stride);
    std::fill_n(zeros, c.depth, T(0));
    for (Index line = first_line; line < last_line; ++line) {
      transform_line(p, line, c.x, c.in, c.channels, c.depth, -c.axes[1].shift, -c.axes[2].shift, zeros,
                     room + (line - first_line) * p.across * c.depth, in_stride);
    }
    T* products = room + points * in_stride;
    for (Index point = 0; point < points; ++point) multiply(point, count, room + point * in_stride, products);
    for (Index line = first_line; line < last_line; ++line) {
      put_line(line, products + (line - first_line) * p.across * c.columns);
    }
  }

 private:
  void multiply(Index point, Index count, const T* in, T* out) const {
    const Run run{0, 0};
    PixelTile<T> tile{};
    tile.a_stride = c.depth;
    tile.ldc = c.columns;
    tile.runs = &run;
    tile.count = 1;
    tile.length = c.depth;
    tile.last = static_cast<int>(width<T>);
    const Index parts = (count + max_rows - 1) / max_rows;
    for (Index panel = 0; panel < panels.count; ++panel) {
      const Index w = panels.width_of(panel);
      tile.b = weights + panel * panels.width * points * c.depth + point * c.depth * w;
      tile.b_stride = w;
      for (Index part = 0; part < parts; ++part) {
        const Index begin = count * part / parts;
        const Index end = count * (part + 1) / parts;
        tile.a[0] = in + begin * c.depth;
        tile.c[0] = out + point * out_stride + begin * c.columns + panel * panels.width;
        run_tile(tile, 1, static_cast<int>(end - begin), static_cast<int>(w / width<T>));
      }
    }
  }

  // The outputs of a line of patches: two rows, at the lower end maybe one.
  void put_line(Index line, const T* products) const {
    const Index row = line % p.down * 2;
    const Index rows = std::min<Index>(2, p.rows - row);
    const Index offset = (line / p.down * p.rows + row) * p.columns * c.stride[2];
    T* y = c.y + offset;
    for (Index patch = 0; patch < p.across; ++patch) {
      const Index columns = std::min<Index>(2, p.columns - patch * 2);
      for (Index j = 0; j < c.columns; j += width<T>) {
        const T* from = products + patch * c.columns + j;
        Vec<T> v[2][4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) {
          Vec<T> column[2];
          output_points(load(from + k * out_stride), load(from + (4 + k) * out_stride),
                        load(from + (8 + k) * out_stride), load(from + (12 + k) * out_stride), column);
          v[0][k] = column[0];
          v[1][k] = column[1];
        }
        const Vec<T> bias = c.bias != nullptr ? load(c.bias + j) : Vec<T>{};
        for (Index i = 0; i < rows; ++i) {
          Vec<T> out[2];
          output_points(v[i][0], v[i][1], v[i][2], v[i][3], out);
          for (Index k = 0; k < columns; ++k) {
            T* to = y + (i * p.columns + patch * 2 + k) * c.stride[2] + j;
            Vec<T> s = out[k];
            if (c.accumulate) s += load(to);
            if (c.bias != nullptr) s += bias;
            if (relu) s = vec::at_least(s, T(0));
            store(to, s);
          }
        }
      }
    }
    if (!finishes) return;
    const Index pixels = rows * p.columns;
    if (c.preactivation != nullptr) {
      for (Index i = 0; i < pixels; ++i) {
        std::copy_n(y + i * c.stride[2], c.columns, c.preactivation + offset + i * c.stride[2]);
      }
    }
    if (c.epilogue->activation != nullptr) {
      c.epilogue->activation(c.epilogue->args, pixels, c.columns, y, c.stride[2]);
    }
  }

  const Correlation<T>& c;
  const Patches& p;
  const Panels<T>& panels;
  const T* weights;
  const Index first_line, last_line;
  Index in_stride = 0, out_stride = 0;
  bool relu, finishes;
};

}  // namespace

template <class T>
bool winograd_pays(const ConvGeometry& g, const Axes& axes) {
  constexpr ConvGeometry::Sizes ones{1, 1, 1};
  const Index depth = g.channels_in / g.groups;
  const Index columns = g.channels_out / g.groups;
  return sizeof(T) == 4 && g.kernel == ConvGeometry::Sizes{1, 3, 3} && g.stride == ones && g.dilation == ones &&
         g.in[0] == g.out[0] && axes[0].taps == 1 && axes[1].taps == 3 && axes[2].taps == 3 && depth % width<T> == 0 &&
         columns % width<T> == 0 && depth >= min_channels && columns >= min_channels &&
         g.batch * g.out[0] * ((g.out[1] + 1) / 2) * ((g.out[2] + 1) / 2) >= min_patches;
}

template <class T>
void winograd_correlate(const Correlation<T>& c) {
  if constexpr (sizeof(T) == 4) {  // in float64 it never pays
    const Panels<T> panels(c.columns);
    const Index rows = c.axes[1].outputs;
    const Index columns = c.axes[2].outputs;
    const Patches p{c.batch * c.axes[0].outputs, (rows + 1) / 2, (columns + 1) / 2, rows, columns};
    const T* weights = transform_weights(c, panels);
    const Index lines = std::max<Index>(1, block_patches / p.across);
    parallel_for(p.lines(), lines, [&](Index begin, Index end) {
      for (Index line = begin; line < end; line += lines) {
        Block<T>(c, p, panels, weights, line, std::min(end, line + lines)).run();
      }
    });
  }
}

template bool winograd_pays<float>(const ConvGeometry&, const Axes&);
template bool winograd_pays<double>(const ConvGeometry&, const Axes&);
template void winograd_correlate<float>(const Correlation<float>&);
template void winograd_correlate<double>(const Correlation<double>&);

}  // namespace ranvier::kernels::conv_detail
