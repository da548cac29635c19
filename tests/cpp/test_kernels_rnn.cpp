// Recurrent kernels against plain loops in long double: all cells, masks, orders and sizes; what a mask leaves out; one
// step after the other against the whole sequence; threads. Gradients are in ops_cases_rnn.h.
#include <optional>

#include "kernels_support.h"
#include "ranvier/core/check.h"
#include "ranvier/kernels/rnn.h"

namespace ranvier::testing {
namespace {

using Real = long double;
using kernels::RnnCell;
using kernels::RnnGeometry;

constexpr RnnCell cells[] = {RnnCell::simple, RnnCell::lstm, RnnCell::gru, RnnCell::gru_reset_first};

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// The numbers that go in; empty vectors are left out.
template <class T>
struct Numbers {
  std::vector<T> x, kernel, recurrent, bias, recurrent_bias, h, c, dropout;
  std::vector<char> mask;

  Numbers(const RnnGeometry& g, bool all) {
    x = random_vector<T>(g.batch * g.steps * g.features, 1);
    kernel = random_vector<T>(g.features * g.columns(), 2, -0.5, 0.5);
    const double scale = 1 / std::sqrt(static_cast<double>(g.units));
    recurrent = random_vector<T>(g.units * g.columns(), 3, -scale, scale);
    if (!all) return;
    bias = random_vector<T>(g.columns(), 4, -1, 1);
    if (g.cell == RnnCell::gru) recurrent_bias = random_vector<T>(g.columns(), 5, -1, 1);
    h = random_vector<T>(g.batch * g.units, 6, -1, 1);
    if (g.cell == RnnCell::lstm) c = random_vector<T>(g.batch * g.units, 7, -1, 1);
    dropout = random_vector<T>(g.batch * g.units, 8, 0, 2);
  }

  kernels::RnnInputs<T> inputs() const {
    const auto data = [](const std::vector<T>& v) { return v.empty() ? nullptr : v.data(); };
    return {data(x),
            data(kernel),
            data(recurrent),
            data(bias),
            data(recurrent_bias),
            data(h),
            data(c),
            mask.empty() ? nullptr : reinterpret_cast<const bool*>(mask.data()),
            data(dropout)};
  }
};

template <class T>
struct Results {
  std::vector<T> y, last, h, c;
  explicit Results(const RnnGeometry& g)
      : y(at(g.batch * g.steps * g.units), T(77)), last(at(g.batch * g.units), T(77)), h(last), c(last) {}
  std::vector<T> all() const {
    std::vector<T> joined = y;
    for (const auto* part : {&last, &h, &c}) joined.insert(joined.end(), part->begin(), part->end());
    return joined;
  }
};

/// Memory of a run, exactly as large as it says.
template <class T>
struct Memory {
  std::vector<T> gates, h, c, inner, x, panels, sums;
  bool keep;
  Memory(const RnnGeometry& g, bool all) : keep(all) {
    const kernels::RnnSizes sizes = kernels::rnn_sizes(g, all);
    gates.resize(at(sizes.gates));
    h.resize(at(sizes.states));
    if (g.cell == RnnCell::lstm) c.resize(at(sizes.states));
    inner.resize(at(sizes.inner));
    x.resize(at(sizes.x));
    panels.resize(at(sizes.panels));
    sums.resize(at(sizes.sums));
  }
  kernels::RnnArrays<T> arrays() {
    return {gates.data(), h.data(), c.data(), inner.data(), x.data(), panels.data(), sums.data(), keep};
  }
};

template <class T>
Results<T> run(const RnnGeometry& g, const kernels::RnnInputs<T>& in, bool keep = false) {
  Results<T> results(g);
  Memory<T> memory(g, keep);
  kernels::rnn_forward<T>(
      g, in, memory.arrays(),
      {results.y.data(), results.last.data(), results.h.data(), g.cell == RnnCell::lstm ? results.c.data() : nullptr});
  return results;
}

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }

/// The definition, row by row.
template <class T>
Results<Real> reference(const RnnGeometry& g, const Numbers<T>& n) {
  Results<Real> out(g);
  const Index u = g.units;
  const auto product = [&](const T* row, const std::vector<T>& m, Index count, Index column, auto value) {
    Real sum = 0;
    for (Index k = 0; k < count; ++k) sum += value(row, k) * static_cast<Real>(m[at(k * g.columns() + column)]);
    return sum;
  };
  for (Index b = 0; b < g.batch; ++b) {
    std::vector<Real> h(at(u)), c(at(u)), shown(at(u));
    for (Index j = 0; j < u; ++j) {
      if (!n.h.empty()) h[at(j)] = n.h[at(b * u + j)];
      if (!n.c.empty()) c[at(j)] = n.c[at(b * u + j)];
    }
    for (Index s = 0; s < g.steps; ++s) {
      const Index t = g.reverse ? g.steps - 1 - s : s;
      const bool active = n.mask.empty() || n.mask[at(b * g.steps + t)] != 0;
      const T* x = n.x.data() + (b * g.steps + t) * g.features;
      std::vector<Real> dropped = h;
      for (Index j = 0; j < u && !n.dropout.empty(); ++j) dropped[at(j)] *= static_cast<Real>(n.dropout[at(b * u + j)]);
      const auto input = [&](Index column) {
        const Real bias = n.bias.empty() ? 0 : static_cast<Real>(n.bias[at(column)]);
        return bias + product(x, n.kernel, g.features, column, [](const T* v, Index k) { return Real{v[k]}; });
      };
      const auto recurrent = [&](const std::vector<Real>& v, Index column) {
        const Real bias = n.recurrent_bias.empty() ? 0 : static_cast<Real>(n.recurrent_bias[at(column)]);
        return bias + product(nullptr, n.recurrent, u, column, [&](const T*, Index k) { return v[at(k)]; });
      };
      std::vector<Real> next = h, carry = c, reset = dropped;
      if (g.cell == RnnCell::gru_reset_first) {
        for (Index j = 0; j < u; ++j) reset[at(j)] *= sigmoid(input(u + j) + recurrent(dropped, u + j));
      }
      for (Index j = 0; j < u; ++j) {
        const auto z = [&](Index gate) { return input(gate * u + j) + recurrent(dropped, gate * u + j); };
        Real& result = next[at(j)];
        switch (g.cell) {
          case RnnCell::simple:
            result = std::tanh(z(0));
            break;
          case RnnCell::lstm:
            carry[at(j)] = sigmoid(z(1)) * c[at(j)] + sigmoid(z(0)) * std::tanh(z(2));
            result = sigmoid(z(3)) * std::tanh(carry[at(j)]);
            break;
          case RnnCell::gru: {
            const Real update = sigmoid(z(0));
            const Real candidate = std::tanh(input(2 * u + j) + sigmoid(z(1)) * recurrent(dropped, 2 * u + j));
            result = update * h[at(j)] + (1 - update) * candidate;
            break;
          }
          case RnnCell::gru_reset_first: {
            const Real update = sigmoid(z(0));
            const Real candidate = std::tanh(input(2 * u + j) + recurrent(reset, 2 * u + j));
            result = update * h[at(j)] + (1 - update) * candidate;
            break;
          }
        }
      }
      if (active) {
        h = shown = next;
        c = carry;
      }
      for (Index j = 0; j < u; ++j) {
        out.last[at(b * u + j)] = active || !g.zero_masked ? shown[at(j)] : 0;
        out.y[at((b * g.steps + s) * u + j)] = out.last[at(b * u + j)];
      }
    }
    for (Index j = 0; j < u; ++j) {
      out.h[at(b * u + j)] = h[at(j)];
      if (g.cell == RnnCell::lstm) out.c[at(b * u + j)] = c[at(j)];
    }
  }
  return out;
}

enum class Mask { none, scattered, right, left, nothing };

std::vector<char> mask_of(const RnnGeometry& g, Mask kind) {
  if (kind == Mask::none) return {};
  std::vector<char> mask(at(g.batch * g.steps), 0);
  const std::vector<int> numbers = random_vector<int>(g.batch * g.steps, 9, 0, 2);
  for (Index b = 0; b < g.batch; ++b) {
    const Index length = numbers[at(b)] * g.steps / 3;
    for (Index t = 0; t < g.steps; ++t) {
      char& m = mask[at(b * g.steps + t)];
      if (kind == Mask::scattered) m = numbers[at(b * g.steps + t)] > 0 ? 1 : 0;
      if (kind == Mask::right) m = t < length ? 1 : 0;
      if (kind == Mask::left) m = t >= length ? 1 : 0;
    }
  }
  return mask;
}

RnnGeometry geometry(RnnCell cell, Index batch, Index steps, Index features, Index units) {
  RnnGeometry g;
  g.cell = cell;
  g.batch = batch;
  g.steps = steps;
  g.features = features;
  g.units = units;
  return g;
}

template <class T>
void values() {
  const double tolerance = sizeof(T) == 4 ? 1e-5 : 1e-13;
  struct Size {
    Index batch, steps, features, units;
  };
  const Size sizes[] = {{1, 1, 1, 1},  {1, 7, 3, 5},   {2, 3, 5, 16}, {5, 4, 2, 17},
                        {9, 1, 4, 33}, {37, 6, 7, 31}, {3, 30, 3, 8}};
  for (const RnnCell cell : cells) {
    for (const Size& s : sizes) {
      for (const Mask mask : {Mask::none, Mask::scattered, Mask::right, Mask::left, Mask::nothing}) {
        for (const int flags : {0, 1, 2, 3}) {
          RnnGeometry g = geometry(cell, s.batch, s.steps, s.features, s.units);
          g.reverse = (flags & 1) != 0;
          g.zero_masked = (flags & 2) != 0;
          Numbers<T> n(g, flags != 0);
          n.mask = mask_of(g, mask);
          const Results<Real> expected = reference(g, n);
          for (const bool keep : {false, true}) {
            const Results<T> got = run(g, n.inputs(), keep);
            const std::string what =
                concat_text("cell ", static_cast<int>(cell), " sizes ", s.batch, " ", s.steps, " ", s.features, " ",
                            s.units, " mask ", static_cast<int>(mask), " flags ", flags);
            expect_all_near(got.y, expected.y, tolerance, tolerance, what + ": y");
            expect_all_near(got.last, expected.last, tolerance, tolerance, what + ": last");
            expect_all_near(got.h, expected.h, tolerance, tolerance, what + ": h");
            expect_all_near(got.c, expected.c, tolerance, tolerance, what + ": c");
          }
        }
      }
    }
  }
}

// Functions other than tanh and sigmoid go another way, which any pair but the standard one takes.
void other_functions() {
  for (const RnnCell cell : cells) {
    RnnGeometry g = geometry(cell, 5, 6, 3, 19);
    const Numbers<double> n(g, true);
    g.activation = kernels::Unary::clip;
    g.activation_args = {0.25, 0.25};
    g.gate_activation = kernels::Unary::clip;
    g.gate_args = {0.5, 0.5};
    // all gates 1/2, every f 1/4: c' = c/2 + 1/8, h' = 1/8 (lstm); h' = h/2 + 1/8 (gru); h' = 1/4 (simple)
    const auto got = run(g, n.inputs());
    for (Index b = 0; b < g.batch; ++b) {
      for (Index j = 0; j < g.units; ++j) {
        double h = n.h[at(b * g.units + j)];
        for (Index t = 0; t < g.steps; ++t) {
          const bool gated = cell == RnnCell::gru || cell == RnnCell::gru_reset_first;
          h = gated ? h / 2 + 0.125 : cell == RnnCell::lstm ? 0.125 : 0.25;
          EXPECT_NEAR(got.y[at((b * g.steps + t) * g.units + j)], h, 1e-14);
        }
      }
    }
  }
}

// A sequence given step by step, states handed on, is the whole sequence.
template <class T>
void streaming() {
  const double tolerance = sizeof(T) == 4 ? 2e-6 : 1e-14;
  for (const RnnCell cell : cells) {
    for (const Index batch : {1, 3, 40}) {
      const RnnGeometry g = geometry(cell, batch, 6, 5, 21);
      Numbers<T> n(g, true);
      n.dropout.clear();
      const Results<T> whole = run(g, n.inputs());
      Numbers<T> step = n;
      RnnGeometry one = g;
      one.steps = 1;
      for (Index t = 0; t < g.steps; ++t) {
        step.x.clear();
        for (Index b = 0; b < batch; ++b) {
          const auto row = n.x.begin() + (b * g.steps + t) * g.features;
          step.x.insert(step.x.end(), row, row + g.features);
        }
        const Results<T> now = run(one, step.inputs());
        std::vector<T> expected;
        for (Index b = 0; b < batch; ++b) {
          const auto row = whole.y.begin() + (b * g.steps + t) * g.units;
          expected.insert(expected.end(), row, row + g.units);
        }
        expect_all_near(now.y, expected, tolerance, tolerance, "one step");
        step.h = now.h;
        if (cell == RnnCell::lstm) step.c = now.c;
      }
    }
  }
}

// The gradients of everything for an incoming gradient of ones, added to what is there or not.
template <class T>
std::vector<T> gradients(const RnnGeometry& g, const Numbers<T>& n, std::optional<T> before) {
  Results<T> results(g);
  Memory<T> memory(g, true);
  const auto in = n.inputs();
  T* c = g.cell == RnnCell::lstm ? results.c.data() : nullptr;
  kernels::rnn_forward<T>(g, in, memory.arrays(), {results.y.data(), nullptr, results.h.data(), c});
  const std::vector<T> ones(results.y.size(), T(1));
  std::vector<T> all(n.x.size() + n.kernel.size() + n.recurrent.size() + n.bias.size() + n.recurrent_bias.size() +
                         n.h.size() + n.c.size(),
                     before.value_or(T(55)));
  T* next = all.data();
  const auto sink = [&](const std::vector<T>& like) {
    T* data = like.empty() ? nullptr : next;
    next += like.size();
    return kernels::RnnSink<T>{data, before.has_value()};
  };
  kernels::RnnGradients<T> to;
  to.x = sink(n.x);
  to.kernel = sink(n.kernel);
  to.recurrent = sink(n.recurrent);
  to.bias = sink(n.bias);
  to.recurrent_bias = sink(n.recurrent_bias);
  to.h = sink(n.h);
  to.c = sink(n.c);
  kernels::rnn_backward<T>(g, in, memory.arrays(),
                           {ones.data(), nullptr, ones.data(), c != nullptr ? ones.data() : nullptr}, to);
  return all;
}

void accumulation_and_threads() {
  for (const RnnCell cell : cells) {
    for (const Mask mask : {Mask::none, Mask::scattered, Mask::right, Mask::nothing}) {
      for (const Index steps : {1, 11}) {
        RnnGeometry g = geometry(cell, 75, steps, 20, 40);
        Numbers<float> n(g, true);
        n.mask = mask_of(g, mask);
        const std::vector<float> written = gradients<float>(g, n, {});
        std::vector<float> expected = written;
        for (float& v : expected) v += 3;
        expect_all_near(gradients<float>(g, n, 3.0F), expected, 1e-5, 1e-4, "added to what is there");
        expect_same_for_all_threads("gradients", [&] { return gradients<float>(g, n, {}); });
        expect_same_for_all_threads("forward", [&] { return run(g, n.inputs()).all(); });
        EXPECT(same_bits(run(g, n.inputs(), true).all(), run(g, n.inputs(), false).all()));
      }
    }
  }
}

// What stands behind the mask is never looked at by the states.
void padding_is_not_read() {
  for (const RnnCell cell : cells) {
    const RnnGeometry g = geometry(cell, 12, 10, 3, 9);
    Numbers<float> n(g, true);
    n.mask = mask_of(g, Mask::right);
    const auto before = run(g, n.inputs()).all();
    for (Index i = 0; i < g.batch * g.steps; ++i) {
      if (n.mask[at(i)] == 0) std::fill_n(n.x.begin() + i * g.features, g.features, std::nanf(""));
    }
    EXPECT(same_bits(run(g, n.inputs()).all(), before));
  }
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  using namespace ranvier::testing;
  values<float>();
  values<double>();
  other_functions();
  streaming<float>();
  streaming<double>();
  accumulation_and_threads();
  padding_is_not_read();
  return result();
}
