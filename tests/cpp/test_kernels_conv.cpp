// Convolution and its gradients against the definition, written out in long double.
#include <algorithm>
#include <functional>
#include <random>

#include "kernels_support.h"
#include "ranvier/kernels/conv.h"

namespace ranvier::testing {
namespace {

using kernels::ConvGeometry;
using kernels::Epilogue;
using kernels::UnaryArgs;
using Real = long double;
using Sizes = ConvGeometry::Sizes;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

std::string describe(const ConvGeometry& g) {
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

Index size_x(const ConvGeometry& g) { return g.batch * g.pixels_in() * g.channels_in; }
Index size_y(const ConvGeometry& g) { return g.batch * g.pixels_out() * g.channels_out; }
Index size_w(const ConvGeometry& g) { return g.taps() * g.channels_in / g.groups * g.channels_out; }

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
Real scale_of(Index terms) { return 4 + 2 * std::sqrt(static_cast<Real>(terms)); }

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
ConvGeometry geometry(Index batch, Sizes in, Index channels_in, Index channels_out, Sizes kernel, Sizes before,
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

ConvGeometry square(Index batch, Index size, Index channels_in, Index channels_out, Index kernel, bool same,
                    Index stride = 1, Index groups = 1) {
  const Index total = !same                ? 0
                      : size % stride == 0 ? std::max<Index>(kernel - stride, 0)
                                           : std::max<Index>(kernel - size % stride, 0);
  const Index before = total / 2;
  return geometry(batch, {1, size, size}, channels_in, channels_out, {1, kernel, kernel}, {0, before, before},
                  {0, total - before, total - before}, {1, stride, stride}, {1, 1, 1}, groups);
}

template <class T>
void named_cases() {
  // What networks are made of, in small: each path of the kernels at its edges.
  for (Index channels_in : {1, 2, 3, 4, 8, 15, 16, 17, 32, 33}) {
    for (Index channels_out : {1, 3, 8, 10, 16, 20, 32, 40, 48, 64, 65}) {
      check_case<T>(square(2, 7, channels_in, channels_out, 3, true), 1);
    }
  }
  for (Index size : {1, 2, 3, 5, 8, 13, 14, 15, 16, 17, 28, 31}) {
    for (bool same : {false, true}) {
      check_case<T>(square(2, size, 16, 32, 3, same), 3);
      check_case<T>(square(1, size, 1, 32, 3, same), 3);
      check_case<T>(square(1, size, 3, 16, 5, same), 0);
      check_case<T>(square(2, size, 8, 24, 3, same, 2), 0);
      check_case<T>(square(2, size, 8, 24, 1, same, 2), 1);
      check_case<T>(square(3, size, 12, 20, 2, same, 3), 0);
      check_case<T>(square(3, size, 5, 7, 1, same), 7);
    }
  }
  for (int mode = 0; mode < 8; ++mode) {
    check_case<T>(square(3, 9, 4, 20, 3, true), mode);
    check_case<T>(square(3, 9, 1, 16, 3, false), mode);
    check_case<T>(square(2, 9, 16, 33, 1, false), mode);
    check_case<T>(square(2, 9, 12, 12, 3, true, 2, 3), mode);
    check_case<T>(square(2, 5, 6, 12, 3, true, 1, 6), mode);
  }
  // Groups of several sizes; groups == channels_in is depthwise.
  check_case<T>(square(2, 6, 32, 64, 3, true, 1, 2), 3, true);
  check_case<T>(square(2, 6, 12, 18, 3, true, 1, 6), 3, true);
  check_case<T>(square(2, 6, 8, 8, 3, true, 1, 8), 3, true);
  check_case<T>(square(2, 6, 8, 24, 3, true, 2, 8), 3, true);
  // A kernel that reaches beyond x on all sides, taps that never meet x, a stride larger than x.
  check_case<T>(geometry(2, {1, 2, 3}, 4, 5, {1, 7, 7}, {0, 3, 3}, {0, 3, 3}), 1);
  check_case<T>(geometry(2, {1, 2, 2}, 4, 5, {1, 3, 3}, {0, 5, 5}, {0, 5, 5}, {1, 1, 1}, {1, 4, 4}), 1);
  check_case<T>(geometry(2, {1, 5, 5}, 4, 5, {1, 2, 2}, {0, 0, 0}, {0, 0, 0}, {1, 100, 7}), 1);
  check_case<T>(geometry(1, {1, 1, 1}, 1, 1, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}), 7);
  // One and three axes, causal padding.
  check_case<T>(geometry(3, {1, 1, 40}, 8, 16, {1, 1, 5}, {0, 0, 4}, {0, 0, 0}), 1, true);
  check_case<T>(geometry(3, {1, 1, 40}, 8, 16, {1, 1, 3}, {0, 0, 8}, {0, 0, 0}, {1, 1, 1}, {1, 1, 4}), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 4, 24, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}), 1, true);
  check_case<T>(geometry(2, {5, 6, 7}, 6, 9, {2, 3, 1}, {0, 1, 0}, {1, 1, 0}, {2, 1, 3}), 1, true);
  // Nothing at all: no images, no outputs.
  check_case<T>(square(0, 6, 3, 8, 3, true), 3);
  check_case<T>(geometry(2, {1, 2, 2}, 3, 4, {1, 3, 3}, {0, 0, 0}, {0, 0, 0}), 0);
  // Large enough for several pieces.
  check_case<T>(square(5, 16, 32, 64, 3, true), 1, true);
  check_case<T>(square(9, 28, 1, 32, 3, false), 3, true);
  check_case<T>(square(6, 16, 3, 32, 3, true), 3, true);
  check_case<T>(square(4, 8, 128, 130, 3, true), 1, true);
  check_case<T>(square(1, 13, 32, 64, 3, false), 3, true);
  check_case<T>(square(7, 12, 40, 48, 3, true, 2), 3, true);
  check_case<T>(square(7, 12, 64, 32, 1, true), 3, true);
  check_case<T>(square(7, 12, 64, 32, 1, true, 2), 3, true);
}

template <class T>
void random_cases(int count, unsigned seed) {
  std::mt19937 generator(seed);
  const auto pick = [&](Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(generator); };
  for (int i = 0; i < count; ++i) {
    const Index groups = pick(0, 3) == 0 ? pick(2, 4) : 1;
    const auto axes = static_cast<std::size_t>(pick(1, 3));
    Sizes in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, before{}, after{};
    for (std::size_t a = 3 - axes; a < 3; ++a) {
      in[a] = pick(1, axes == 3 ? 6 : 18);
      kernel[a] = pick(1, 4);
      stride[a] = pick(0, 2) == 0 ? pick(2, 3) : 1;
      dilation[a] = pick(0, 3) == 0 ? pick(2, 3) : 1;
      before[a] = pick(0, 4);
      after[a] = pick(0, 4);
    }
    const Index limit = groups > 1 ? 8 : 40;
    const ConvGeometry g = geometry(pick(1, 4), in, groups * pick(1, limit), groups * pick(1, limit), kernel, before,
                                    after, stride, dilation, groups);
    check_case<T>(g, static_cast<int>(pick(0, 7)), i % 8 == 0);
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  ranvier::set_num_threads(2);
  named_cases<float>();
  named_cases<double>();
  random_cases<float>(300, 1);
  random_cases<double>(300, 2);
  return result();
}
