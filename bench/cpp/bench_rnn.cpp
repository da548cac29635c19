// Recurrent layers over whole sequences: inference, forward with everything kept for the gradient, and training (that
// forward and the backward run of x and all weights after it), whole or padded (lengths 1 to all steps, evenly; the FLOPs are
// those of the steps that count), against the peak of this machine (peak.h). FLOPs are those of the products. Names:
// rnn/<cell>/<direction>/<type>/<batch>x<steps>x<features>-<units>/threads. Time is per call.
#include <string>

#include "peak.h"
#include "ranvier/kernels/rnn.h"

namespace {

using ranvier::Index;
using ranvier::bench::Buffer;
using ranvier::kernels::RnnCell;
using ranvier::kernels::RnnGeometry;

struct Shape {
  Index batch, steps, features, units;
};
constexpr Shape shapes[] = {
    {64, 100, 64, 128}, {32, 50, 128, 256}, {128, 28, 28, 128}, {64, 100, 16, 32}, {1, 100, 64, 128}};

struct Named {
  const char* name;
  RnnCell cell;
};
constexpr Named cells[] = {{"lstm", RnnCell::lstm},
                           {"gru", RnnCell::gru},
                           {"gru_reset_first", RnnCell::gru_reset_first},
                           {"simple", RnnCell::simple}};

enum class Direction { inference, forward, training, padded };

// All buffers of one layer.
template <class T>
struct Layer {
  RnnGeometry g;
  Buffer<T> x, kernel, recurrent, bias, y, dy, gates, h, c, inner, own_x, panels, sums, dx, dkernel, drecurrent, dbias;

  static RnnGeometry geometry(RnnCell cell, const Shape& s) {
    RnnGeometry g;
    g.cell = cell;
    g.batch = s.batch;
    g.steps = s.steps;
    g.features = s.features;
    g.units = s.units;
    return g;
  }

  Layer(const RnnGeometry& geometry, bool all) : Layer(geometry, ranvier::kernels::rnn_sizes(geometry, all), all) {}
  Layer(const RnnGeometry& geometry, const ranvier::kernels::RnnSizes& sizes, bool all)
      : g(geometry),
        x(g.batch * g.steps * g.features, T(0.5)),
        kernel(g.features * g.columns(), T(0.01)),
        recurrent(g.units * g.columns(), T(0.01)),
        bias(g.columns(), T(0.1)),
        y(g.batch * g.steps * g.units, T(0)),
        dy(g.batch * g.steps * g.units, T(0.1)),
        gates(sizes.gates, T(0)),
        h(sizes.states, T(0)),
        c(sizes.states, T(0)),
        inner(sizes.inner + 1, T(0)),
        own_x(sizes.x + 1, T(0)),
        panels(sizes.panels + 1, T(0)),
        sums(sizes.sums + 1, T(0)),
        dx(g.batch * g.steps * g.features, T(0)),
        dkernel(g.features * g.columns(), T(0)),
        drecurrent(g.units * g.columns(), T(0)),
        dbias(g.columns(), T(0)),
        mask(g.batch * g.steps, 1),
        keep(all) {}

  /// Masks all but 1 + row·(steps − 1)/(batch − 1) steps of each row, the rows in a mixed order; gives the part that counts.
  double pad() {
    padded = true;
    Index count = 0;
    for (Index row = 0; row < g.batch; ++row) {
      const Index length = 1 + row * 37 % g.batch * (g.steps - 1) / std::max<Index>(g.batch - 1, 1);
      for (Index t = 0; t < g.steps; ++t) mask.data()[row * g.steps + t] = t < length ? 1 : 0;
      count += length;
    }
    return static_cast<double>(count) / static_cast<double>(g.batch * g.steps);
  }

  ranvier::kernels::RnnInputs<T> inputs() const {
    ranvier::kernels::RnnInputs<T> in;
    in.x = x.data();
    in.kernel = kernel.data();
    in.recurrent = recurrent.data();
    in.bias = bias.data();
    in.mask = padded ? reinterpret_cast<const bool*>(mask.data()) : nullptr;
    return in;
  }
  ranvier::kernels::RnnArrays<T> arrays() const {
    return {gates.data(), h.data(), c.data(), inner.data(), own_x.data(), panels.data(), sums.data(), keep};
  }
  void forward() const {
    ranvier::kernels::rnn_forward<T>(g, inputs(), arrays(), {y.data(), nullptr, nullptr, nullptr});
  }
  void backward() const {
    ranvier::kernels::RnnGradients<T> to;
    to.x = {dx.data(), false};
    to.kernel = {dkernel.data(), false};
    to.recurrent = {drecurrent.data(), false};
    to.bias = {dbias.data(), false};
    ranvier::kernels::rnn_backward<T>(g, inputs(), arrays(), {dy.data(), nullptr, nullptr, nullptr}, to);
  }

 private:
  Buffer<char> mask;
  bool keep;
  bool padded = false;
};

template <class T>
void run(benchmark::State& state, RnnCell cell, Direction direction, const Shape& s, int threads) {
  Layer<T> layer(Layer<T>::geometry(cell, s), direction != Direction::inference);
  const double share = direction == Direction::padded ? layer.pad() : 1;
  layer.forward();
  const double forward = 2.0 * static_cast<double>(s.batch * s.steps * (s.features + s.units) * layer.g.columns());
  const bool trains = direction == Direction::training || direction == Direction::padded;
  const double flop = share * (trains ? 3 * forward : forward);
  ranvier::bench::time_against_peak<T>(state, flop, threads, [&] {
    layer.forward();
    if (trains) layer.backward();
  });
}

template <class T>
void add(const char* type, int threads) {
  const std::pair<const char*, Direction> directions[] = {{"inference", Direction::inference},
                                                          {"forward", Direction::forward},
                                                          {"training", Direction::training},
                                                          {"padded", Direction::padded}};
  for (const Named& cell : cells) {
    for (const Shape& s : shapes) {
      for (const auto& [name, direction] : directions) {
        const std::string full = std::string("rnn/") + cell.name + "/" + name + "/" + type + "/" +
                                 std::to_string(s.batch) + "x" + std::to_string(s.steps) + "x" +
                                 std::to_string(s.features) + "-" + std::to_string(s.units) +
                                 "/threads:" + std::to_string(threads);
        benchmark::RegisterBenchmark(full.c_str(), [s, c = cell.cell, d = direction, threads](
                                                       benchmark::State& state) { run<T>(state, c, d, s, threads); })
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond)
            ->Iterations(25);
      }
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
