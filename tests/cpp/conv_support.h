// Convolutions against the definition, written out in long double: what the tests of the dense and the depthwise kernels
// share.
#pragma once

#include <algorithm>
#include <functional>
#include <random>

#include "kernels_support.h"
#include "ranvier/kernels/conv.h"

namespace ranvier::testing {

using kernels::ConvGeometry;
using kernels::Epilogue;
using kernels::UnaryArgs;
using Real = long double;
using Sizes = ConvGeometry::Sizes;

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

inline std::string describe(const ConvGeometry& g) {
  std::ostringstream text;
  const auto put = [&](const char* name, const Sizes& s) {
    text << ' ' << name << ' ' << s[0] << 'x' << s[1] << 'x' << s[2];
  };
  text << "batch " << g.batch << " channels " << g.channels_in << "->" << g.channels_out << " groups " << g.groups;
  put("in", g.in);
  put("kernel", g.kernel);
  put("out", g.out);
  put("stride", g.stride);
  put("dilation", g.dilation);
  put("before", g.before);
  return text.str();
}

inline Index size_x(const ConvGeometry& g) { return g.batch * g.pixels_in() * g.channels_in; }
inline Index size_y(const ConvGeometry& g) { return g.batch * g.pixels_out() * g.channels_out; }
inline Index size_w(const ConvGeometry& g) { return g.taps() * g.channels_in / g.groups * g.channels_out; }

/// Calls f(index in x, index in w, index in y) for every product of the definition.
template <class F>
void each_product(const ConvGeometry& g, F f) {
  const Index ci = g.channels_in / g.groups;
  const Index co = g.channels_out / g.groups;
  for (Index b = 0; b < g.batch; ++b) {
    for (Index o = 0; o < g.pixels_out(); ++o) {
      const Sizes at_out{o / (g.out[1] * g.out[2]), o / g.out[2] % g.out[1], o % g.out[2]};
      for (Index t = 0; t < g.taps(); ++t) {
        const Sizes at_tap{t / (g.kernel[1] * g.kernel[2]), t / g.kernel[2] % g.kernel[1], t % g.kernel[2]};
        Index pixel = b;
        bool within = true;
        for (std::size_t a = 0; a < 3; ++a) {
          const Index i = at_out[a] * g.stride[a] + at_tap[a] * g.dilation[a] - g.before[a];
          within = within && i >= 0 && i < g.in[a];
          pixel = pixel * g.in[a] + i;
        }
        if (!within) continue;
        for (Index j = 0; j < g.channels_out; ++j) {
          for (Index c = 0; c < ci; ++c) {
            f(pixel * g.channels_in + j / co * ci + c, (t * ci + c) * g.channels_out + j,
              (b * g.pixels_out() + o) * g.channels_out + j);
          }
        }
      }
    }
  }
}

// y = x·|x| + a: not linear, so that a wrong order of bias and activation shows.
template <class T>
void curve_tile(UnaryArgs args, Index rows, Index columns, T* tile, Index ld) {
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < columns; ++j) {
      T& v = tile[r * ld + j];
      v = v * std::abs(v) + static_cast<T>(args.a);
    }
  }
}

// Sums of products with Σ|products|, which bounds the rounding.
template <class T>
struct Sums {
  std::vector<Real> value;
  std::vector<Real> magnitude;
  explicit Sums(Index n) : value(at(n)), magnitude(at(n)) {}
  void add(Index i, Real v) {
    value[at(i)] += v;
    magnitude[at(i)] += std::abs(v);
  }
  bool near_all(const std::vector<T>& got, const std::string& what, Real scale) const {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Real tolerance = scale * std::numeric_limits<T>::epsilon() * (magnitude[i] + 1e-3L);
      if (near(got[i], value[i], tolerance)) continue;
      EXPECT_THAT(false, what, ": element ", i, " is ", got[i], " instead of ", static_cast<double>(value[i]));
      return false;
    }
    report(true, __FILE__, __LINE__, "");
    return true;
  }
};

// Rounding errors of n additions grow at most with n, in practice with its root; what cancels makes them visible.
inline Real scale_of(Index terms) { return 4 + 2 * std::sqrt(static_cast<Real>(terms)); }

template <class T>
void check_epilogue(const ConvGeometry& g, Sums<T> expected, Index channels, int mode, bool accumulate,
                    const std::string& what, Real scale,
                    const std::function<void(std::vector<T>&, const Epilogue<T>*)>& run) {
  const std::vector<T> bias = random_vector<T>(channels, 77);
  const std::vector<T> old = random_vector<T>(static_cast<Index>(expected.value.size()), 78);
  Epilogue<T> epilogue;
  epilogue.args.a = 0.25;
  std::vector<T> preactivation(old.size(), T(-7));
  if ((mode & 1) != 0) epilogue.bias = bias.data();
  if ((mode & 2) != 0) epilogue.activation = &curve_tile<T>;
  if ((mode & 4) != 0) epilogue.preactivation = preactivation.data();
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (accumulate) expected.add(static_cast<Index>(i), old[i]);
    if (epilogue.bias != nullptr) expected.add(static_cast<Index>(i), bias[i % at(channels)]);
  }
  // Without accumulate the old contents must not be read.
  std::vector<T> got = accumulate ? old : std::vector<T>(old.size(), std::numeric_limits<T>::quiet_NaN());
  run(got, mode == 0 ? nullptr : &epilogue);
  const std::string name = what + " mode " + std::to_string(mode) + (accumulate ? " accumulate " : " ") + describe(g);
  if (epilogue.preactivation != nullptr) expected.near_all(preactivation, name + " preactivation", scale);
  if (epilogue.activation != nullptr) {
    for (std::size_t i = 0; i < old.size(); ++i) {
      const Real v = expected.value[i];
      expected.magnitude[i] = (1 + 2 * std::abs(v)) * expected.magnitude[i] + 1;
      expected.value[i] = v * std::abs(v) + 0.25L;
    }
  }
  expected.near_all(got, name, scale);
}

template <class T>
void check_case(const ConvGeometry& g, int mode, bool threads = false) {
  const std::vector<T> x = random_vector<T>(size_x(g), 1, -1, 1);
  const std::vector<T> w = random_vector<T>(size_w(g), 2, -1, 1);
  const std::vector<T> dy = random_vector<T>(size_y(g), 3, -1, 1);
  Sums<T> y(size_y(g));
  Sums<T> dx(size_x(g));
  Sums<T> dw(size_w(g));
  each_product(g, [&](Index i, Index k, Index o) {
    y.add(o, static_cast<Real>(x[at(i)]) * w[at(k)]);
    dx.add(i, static_cast<Real>(dy[at(o)]) * w[at(k)]);
    dw.add(k, static_cast<Real>(dy[at(o)]) * x[at(i)]);
  });

  const auto forward = [&](std::vector<T>& to, const Epilogue<T>* e) {
    kernels::conv_forward<T>(g, x.data(), w.data(), to.data(), e);
  };
  const Index depth = g.taps() * g.channels_in / g.groups;
  check_epilogue<T>(g, y, g.channels_out, mode, false, "forward", scale_of(depth), forward);

  const bool add = mode == 0 && (g.channels_in + g.channels_out + g.in[2]) % 2 == 0;
  const auto input_gradient = [&](std::vector<T>& to, const Epilogue<T>* e) {
    kernels::conv_input_gradient<T>(g, dy.data(), w.data(), to.data(), add, e);
  };
  check_epilogue<T>(g, dx, g.channels_in, mode, add, "input gradient", scale_of(g.taps() * g.channels_out / g.groups),
                    input_gradient);

  for (const bool more : {false, true}) {
    check_epilogue<T>(g, dw, 1, 0, more, "weight gradient", scale_of(g.batch * g.pixels_out()),
                      [&](std::vector<T>& to, const Epilogue<T>*) {
                        kernels::conv_weight_gradient<T>(g, x.data(), dy.data(), to.data(), more);
                      });
  }

  if (!threads) return;
  expect_same_for_all_threads(describe(g), [&] {
    std::vector<T> all(x.size() + w.size() + dy.size());
    T* to_y = all.data();
    T* to_x = to_y + dy.size();
    kernels::conv_forward<T>(g, x.data(), w.data(), to_y, nullptr);
    kernels::conv_input_gradient<T>(g, dy.data(), w.data(), to_x, false, nullptr);
    kernels::conv_weight_gradient<T>(g, x.data(), dy.data(), to_x + x.size(), false);
    return all;
  });
}

/// The output sizes that follow from zeros `before` and `after`, at least 0.
inline ConvGeometry geometry(Index batch, Sizes in, Index channels_in, Index channels_out, Sizes kernel, Sizes before,
                             Sizes after, Sizes stride = {1, 1, 1}, Sizes dilation = {1, 1, 1}, Index groups = 1) {
  ConvGeometry g;
  g.batch = batch;
  g.channels_in = channels_in;
  g.channels_out = channels_out;
  g.groups = groups;
  g.in = in;
  g.kernel = kernel;
  g.stride = stride;
  g.dilation = dilation;
  g.before = before;
  for (std::size_t a = 0; a < 3; ++a) {
    const Index room = in[a] + before[a] + after[a] - (kernel[a] - 1) * dilation[a] - 1;
    g.out[a] = room < 0 ? 0 : room / stride[a] + 1;
  }
  return g;
}

inline ConvGeometry square(Index batch, Index size, Index channels_in, Index channels_out, Index kernel, bool same,
                           Index stride = 1, Index groups = 1) {
  const Index total = !same                ? 0
                      : size % stride == 0 ? std::max<Index>(kernel - stride, 0)
                                           : std::max<Index>(kernel - size % stride, 0);
  const Index before = total / 2;
  return geometry(batch, {1, size, size}, channels_in, channels_out, {1, kernel, kernel}, {0, before, before},
                  {0, total - before, total - before}, {1, stride, stride}, {1, 1, 1}, groups);
}

}  // namespace ranvier::testing
