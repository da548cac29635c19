#include <numeric>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_winograd.h"

// Input i meets output o and tap t where i + before = o·stride + t·dilation. The inputs of one residue modulo the stride,
// a phase, see the same taps, and their gradient is a correlation of dy of stride 1 with those taps in reverse order and
// the weights transposed. Phases write to different inputs, so nothing is scattered.
namespace ranvier::kernels::conv_detail {
namespace {

constexpr Index max_phases = 64;
constexpr Index pack_grain = 1 << 16;  // elements

thread_local gemm_detail::Scratch scratch_w;

// The taps of one residue along an axis: the kernel's taps last, last − period, ….
struct Phase {
  Axis axis;
  Index last;
  Index period;
};

Phase phase_of(const ConvGeometry& g, std::size_t a, Index residue) {
  const Index stride = g.stride[a];
  const Index common = std::gcd(stride, g.dilation[a]);
  Phase p{};
  p.axis = {(g.in[a] - residue + stride - 1) / stride, 1, 0, 0, g.dilation[a] / common};
  p.period = stride / common;
  const auto meets = [&](Index t) { return (residue + g.before[a] - t * g.dilation[a]) % stride == 0; };
  Index first = 0;
  while (first < std::min(p.period, g.kernel[a]) && !meets(first)) ++first;
  if (first >= std::min(p.period, g.kernel[a])) return p;
  p.axis.taps = (g.kernel[a] - 1 - first) / p.period + 1;
  p.last = first + (p.axis.taps - 1) * p.period;
  p.axis.shift = (residue + g.before[a] - p.last * g.dilation[a]) / stride;
  p.last -= p.axis.trim(g.out[a]) * p.period;
  return p;
}

using Phases = std::array<Phase, 3>;

// Rows are (tap, output channel), columns the input channels of the group.
template <class T>
Weights<T> pack(const ConvGeometry& g, const Phases& phases, const T* w, Index depth, Index columns) {
  const Panels<T> panels(columns);
  const Index taps = phases[0].axis.taps * phases[1].axis.taps * phases[2].axis.taps;
  const Index rows = taps * depth;
  T* to = static_cast<T*>(scratch_w.get(static_cast<std::size_t>(panels.elements(rows)) * sizeof(T)));
  const Index grain = std::max<Index>(1, pack_grain / (depth * panels.width));
  parallel_for(panels.count * taps, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index panel = i / taps;
      const Index tap = i % taps;
      const Index at2 = phases[2].axis.taps;
      const Index at1 = phases[1].axis.taps;
      const Index t0 = phases[0].last - tap / (at1 * at2) * phases[0].period;
      const Index t1 = phases[1].last - tap / at2 % at1 * phases[1].period;
      const Index t2 = phases[2].last - tap % at2 * phases[2].period;
      const Index from = ((t0 * g.kernel[1] + t1) * g.kernel[2] + t2) * columns + panel * panels.width;
      gemm_detail::pack_transposed(panels.columns_of(panel), depth, w + from * g.channels_out, g.channels_out,
                                   to + panel * panels.width * rows + tap * depth * panels.width_of(panel),
                                   panels.width_of(panel));
    }
  });
  return panels.packed(to, rows);
}

}  // namespace

template <class T>
bool dense_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                          const Epilogue<T>* epilogue) {
  const Index depth = g.channels_out / g.groups;
  const Index columns = g.channels_in / g.groups;
  ConvGeometry::Sizes phases{};
  double count = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    phases[a] = std::min(g.stride[a], g.in[a]);
    count *= static_cast<double>(phases[a]);
  }
  if (count > max_phases) return false;

  const ConvGeometry::Sizes pitch{g.in[1] * g.in[2] * g.channels_in, g.in[2] * g.channels_in, g.channels_in};
  Correlation<T> c{};
  c.batch = g.batch;
  c.in = g.out;
  c.channels = g.channels_out;
  c.depth = depth;
  for (std::size_t a = 0; a < 3; ++a) c.stride[a] = phases[a] * pitch[a];
  c.image_stride = g.pixels_in() * g.channels_in;
  c.columns = columns;
  c.accumulate = accumulate;
  c.epilogue = epilogue;
  for (const bool runs : {false, true}) {  // first a look whether all phases can be run
    for (Index number = 0; number < phases[0] * phases[1] * phases[2]; ++number) {
      const ConvGeometry::Sizes residue{number / (phases[1] * phases[2]), number / phases[2] % phases[1],
                                        number % phases[2]};
      Phases phase{};
      Index first = 0;
      for (std::size_t a = 0; a < 3; ++a) {
        phase[a] = phase_of(g, a, residue[a]);
        c.axes[a] = phase[a].axis;
        first += residue[a] * pitch[a];
      }
      if (!runs) {
        if (!has_room(c)) return false;
        continue;
      }
      for (Index group = 0; group < g.groups; ++group) {
        const Index channel = group * columns;
        c.x = dy + group * depth;
        c.y = dx + first + channel;
        c.weights = pack(g, phase, w + group * depth, depth, columns);
        if (epilogue != nullptr) {
          c.bias = epilogue->bias != nullptr ? epilogue->bias + channel : nullptr;
          c.preactivation = epilogue->preactivation != nullptr ? epilogue->preactivation + first + channel : nullptr;
        }
        winograd_pays<T>(g, c.axes) ? winograd_correlate(c) : correlate(c);
      }
    }
  }
  return true;
}

template bool dense_input_gradient<float>(const ConvGeometry&, const float*, const float*, float*, bool,
                                          const Epilogue<float>*);
template bool dense_input_gradient<double>(const ConvGeometry&, const double*, const double*, double*, bool,
                                           const Epilogue<double>*);

}  // namespace ranvier::kernels::conv_detail
