// Convolution and its two gradients against the peak of this machine (peak.h). FLOPs are those of the definition, taps
// that fall into the padding left out, so Winograd, which multiplies less often, goes beyond 100 %. GB/s counts x and y
// once. Names: conv/<product>/<type>/<shape>/threads. Time is per call.
#include <algorithm>
#include <string>

#include "peak.h"
#include "ranvier/kernels/conv.h"

namespace {

using ranvier::Index;
using ranvier::bench::Buffer;
using ranvier::kernels::ConvGeometry;

struct Shape {
  Index batch, size, channels_in, channels_out, kernel;
  bool same;
  Index stride = 1;
  bool depthwise = false;
};

constexpr Shape shapes[] = {
    // Keras's convnet for MNIST
    {128, 28, 1, 32, 3, false},
    {128, 13, 32, 64, 3, false},
    {1, 28, 1, 32, 3, false},
    {1, 13, 32, 64, 3, false},
    {1, 16, 64, 64, 3, true},
    {1, 8, 256, 256, 3, true},
    {1, 7, 512, 512, 3, true},
    // 3×3 in the middle of networks
    {64, 32, 32, 32, 3, true},
    {64, 16, 32, 64, 3, true},
    {64, 16, 64, 64, 3, true},
    {64, 8, 64, 128, 3, true},
    {64, 8, 128, 128, 3, true},
    {64, 16, 128, 128, 3, true},
    {64, 16, 128, 128, 3, false},
    {64, 32, 128, 128, 3, true},
    {64, 32, 3, 32, 3, true},
    // ResNet-20
    {64, 32, 3, 16, 3, true},
    {64, 32, 16, 16, 3, true},
    {64, 32, 16, 32, 3, true, 2},
    {64, 16, 32, 32, 3, true},
    {64, 8, 64, 64, 3, true},
    {64, 32, 16, 32, 1, true, 2},
    // others
    {64, 16, 64, 128, 1, true},
    {16, 56, 64, 64, 3, true},
    {16, 7, 512, 512, 3, true},
    {16, 14, 256, 256, 3, true},
    {4, 112, 3, 64, 7, true, 2},
    // depthwise: MobileNet, ConvNeXt; bounded by memory, see GB/s
    {16, 112, 32, 32, 3, true, 1, true},
    {16, 112, 64, 64, 3, true, 2, true},
    {16, 56, 128, 128, 3, true, 1, true},
    {16, 28, 256, 256, 3, true, 2, true},
    {16, 14, 512, 512, 3, true, 1, true},
    {16, 7, 1024, 1024, 3, true, 1, true},
    {16, 14, 384, 384, 7, true, 1, true},
};

ConvGeometry geometry(const Shape& s) {
  ConvGeometry g;
  g.batch = s.batch;
  g.channels_in = s.channels_in;
  g.channels_out = s.channels_out;
  g.groups = s.depthwise ? s.channels_in : 1;
  const Index out = s.same ? (s.size + s.stride - 1) / s.stride : (s.size - s.kernel) / s.stride + 1;
  const Index before = s.same ? std::max<Index>(0, (out - 1) * s.stride + s.kernel - s.size) / 2 : 0;
  g.in = {1, s.size, s.size};
  g.out = {1, out, out};
  g.kernel = {1, s.kernel, s.kernel};
  g.stride = {1, s.stride, s.stride};
  g.before = {0, before, before};
  return g;
}

// Pairs of output and tap along one axis that meet inside of x.
Index meetings(const ConvGeometry& g, std::size_t axis) {
  Index count = 0;
  for (Index o = 0; o < g.out[axis]; ++o) {
    for (Index t = 0; t < g.kernel[axis]; ++t) {
      const Index i = o * g.stride[axis] + t - g.before[axis];
      count += i >= 0 && i < g.in[axis] ? 1 : 0;
    }
  }
  return count;
}

enum class Product { forward, input_gradient, weight_gradient };

template <class T>
void run(benchmark::State& state, Product product, const Shape& s, int threads) {
  const ConvGeometry g = geometry(s);
  const Buffer<T> x(g.batch * g.pixels_in() * g.channels_in, T(0.5));
  const Buffer<T> w(g.taps() * g.channels_in / g.groups * g.channels_out, T(0.25));
  const Buffer<T> y(g.batch * g.pixels_out() * g.channels_out, T(0.125));
  const double flop =
      2.0 * static_cast<double>(g.batch * meetings(g, 1) * meetings(g, 2) * g.channels_in / g.groups * g.channels_out);
  ranvier::bench::time_against_peak<T>(state, flop, threads, [&] {
    switch (product) {
      case Product::forward:
        return ranvier::kernels::conv_forward<T>(g, x.data(), w.data(), y.data());
      case Product::input_gradient:
        return ranvier::kernels::conv_input_gradient<T>(g, y.data(), w.data(), x.data(), false);
      case Product::weight_gradient:
        return ranvier::kernels::conv_weight_gradient<T>(g, x.data(), y.data(), w.data(), false);
    }
  });
  const double bytes =
      static_cast<double>(g.batch * (g.pixels_in() * g.channels_in + g.pixels_out() * g.channels_out)) *
      static_cast<double>(sizeof(T));
  state.counters["GB/s"] = state.counters["GFLOP/s"] * bytes / flop;
}

template <class T>
void add(const char* type, int threads) {
  const std::pair<const char*, Product> products[] = {{"forward", Product::forward},
                                                      {"input_gradient", Product::input_gradient},
                                                      {"weight_gradient", Product::weight_gradient}};
  for (const Shape& s : shapes) {
    for (const auto& [name, product] : products) {
      const Index depth = s.depthwise ? 1 : s.channels_in;
      const double work = static_cast<double>(s.batch * s.size * s.size * depth * s.channels_out) *
                          static_cast<double>(s.kernel * s.kernel) / static_cast<double>(s.stride * s.stride);
      const auto turns = static_cast<benchmark::IterationCount>(std::clamp(5e9 / work, 15.0, 100.0));
      const std::string full = std::string(s.depthwise ? "depthwise/" : "conv/") + name + "/" + type + "/" +
                               std::to_string(s.batch) + "x" + std::to_string(s.size) + "x" + std::to_string(s.size) +
                               "x" + std::to_string(s.channels_in) + "-" + std::to_string(s.channels_out) + "k" +
                               std::to_string(s.kernel) + "s" + std::to_string(s.stride) + (s.same ? "same" : "valid") +
                               "/threads:" + std::to_string(threads);
      benchmark::RegisterBenchmark(full.c_str(),
                                   [s, p = product, threads](benchmark::State& state) { run<T>(state, p, s, threads); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond)
          ->Iterations(turns);
    }
  }
}

// Registered before benchmark's own main runs.
const bool registered = [] {
  const int all = ranvier::num_threads();
  add<float>("float32", 1);
  if (all > 1) add<float>("float32", all);
  add<double>("float64", 1);
  return true;
}();

}  // namespace
