// Attention in blocks against the plain formula in long double: odd sizes, masks, groups of heads, dropout, threads.
#include <algorithm>
#include <array>

#include "kernels_support.h"
#include "ranvier/core/check.h"
#include "ranvier/kernels/attention.h"

namespace ranvier::testing {
namespace {

using kernels::AttentionInputs;
using kernels::AttentionSize;
using kernels::HeadRows;
using kernels::HeadSink;
using Real = long double;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

std::vector<char> random_mask(Index n, unsigned seed, double kept) {
  std::vector<char> mask(at(n));
  const std::vector<double> draw = random_vector<double>(n, seed, 0, 1);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = draw[i] < kept ? 1 : 0;
  return mask;
}
const bool* as_bool(const std::vector<char>& mask) { return reinterpret_cast<const bool*>(mask.data()); }

/// One call with all its arrays; q, k and v lie in wider rows, with room behind the keys.
template <class T>
struct Problem {
  AttentionInputs<T> in;
  std::vector<T> q, k, v, dout;
  std::vector<char> query_mask, key_mask, pair_mask;

  Problem(const AttentionSize& size, unsigned seed, double dropout = 0)
      : in{size, static_cast<T>(1 / std::sqrt(static_cast<double>(size.size))), {}, {}, {}, {}, dropout, {seed, 9}} {
    constexpr Index gap = 3;
    const Index q_row = size.heads * size.size + gap;
    const Index k_row = size.kv_heads * size.size + gap;
    const Index v_row = size.kv_heads * size.value_size + gap;
    q = random_vector<T>(size.batch * size.queries * q_row, seed);
    k = random_vector<T>(size.batch * (size.keys + 2) * k_row, seed + 1);
    v = random_vector<T>(size.batch * (size.keys + 2) * v_row, seed + 2);
    dout = random_vector<T>(size.batch * size.queries * size.heads * size.value_size, seed + 3);
    in.q = {q.data(), size.queries * q_row, q_row};
    in.k = {k.data(), (size.keys + 2) * k_row, k_row};
    in.v = {v.data(), (size.keys + 2) * v_row, v_row};
  }
  void mask_queries() {
    query_mask = random_mask(in.size.batch * in.size.queries, 51, 0.7);
    in.rule.queries = as_bool(query_mask);
  }
  void mask_keys() {
    key_mask = random_mask(in.size.batch * in.size.keys, 52, 0.7);
    in.rule.keys = as_bool(key_mask);
  }
  void mask_pairs() {  // the same for all heads
    pair_mask = random_mask(in.size.batch * in.size.queries * in.size.keys, 53, 0.7);
    in.rule.pairs = as_bool(pair_mask);
    in.rule.pairs_batch = in.size.queries * in.size.keys;
    in.rule.pairs_query = in.size.keys;
    in.rule.pairs_key = 1;
  }
  bool sees(Index b, Index h, Index i, Index j) const {
    const auto& r = in.rule;
    const Index place = i + r.offset;
    return (!r.causal || j <= place) && (r.window == 0 || std::abs(place - j) < r.window) &&
           (r.queries == nullptr || r.queries[b * in.size.queries + i]) &&
           (r.keys == nullptr || r.keys[b * in.size.keys + j]) &&
           (r.pairs == nullptr || r.pairs[b * r.pairs_batch + h * r.pairs_head + i * r.pairs_query + j * r.pairs_key]);
  }
};

struct Expected {
  std::vector<Real> out, lse, dq, dk, dv;  // gradients laid out as q, k and v, NaN where nothing may be written
};

template <class T>
const T* row(const HeadRows<const T>& rows, Index b, Index t, Index h, Index size) {
  return rows.data + b * rows.batch + t * rows.time + h * size;
}

/// Gradients before anything is added up: zeros in the vectors of the heads.
template <class T>
std::vector<Real> zeros_like(const HeadRows<const T>& rows, std::size_t elements, Index batch, Index times,
                             Index width) {
  std::vector<Real> zeros(elements, std::numeric_limits<Real>::quiet_NaN());
  for (Index b = 0; b < batch; ++b) {
    for (Index t = 0; t < times; ++t) std::fill_n(zeros.begin() + b * rows.batch + t * rows.time, width, Real(0));
  }
  return zeros;
}

template <class T>
Expected reference(const Problem<T>& p) {
  const AttentionSize& s = p.in.size;
  Expected e;
  e.out.assign(p.dout.size(), 0);
  e.dq = zeros_like(p.in.q, p.q.size(), s.batch, s.queries, s.heads * s.size);
  e.dk = zeros_like(p.in.k, p.k.size(), s.batch, s.keys, s.kv_heads * s.size);
  e.dv = zeros_like(p.in.v, p.v.size(), s.batch, s.keys, s.kv_heads * s.value_size);
  for (Index b = 0; b < s.batch; ++b) {
    for (Index h = 0; h < s.heads; ++h) {
      const Index shared = h / (s.heads / s.kv_heads);
      for (Index i = 0; i < s.queries; ++i) {
        const T* q = row(p.in.q, b, i, h, s.size);
        std::vector<Real> score(at(s.keys));
        Real top = -std::numeric_limits<Real>::infinity();
        for (Index j = 0; j < s.keys; ++j) {
          if (!p.sees(b, h, i, j)) continue;
          const T* k = row(p.in.k, b, j, shared, s.size);
          for (Index d = 0; d < s.size; ++d) score[at(j)] += static_cast<Real>(q[d]) * k[d] * p.in.scale;
          top = std::max(top, score[at(j)]);
        }
        Real total = 0;
        for (Index j = 0; j < s.keys; ++j) {
          score[at(j)] = p.sees(b, h, i, j) ? std::exp(score[at(j)] - top) : 0;
          total += score[at(j)];
        }
        e.lse.push_back(top + std::log(total));
        if (total == 0) continue;
        const auto out = at(((b * s.queries + i) * s.heads + h) * s.value_size);
        const auto q_at = at(q - p.q.data());
        Real mean = 0;
        for (Index j = 0; j < s.keys; ++j) {
          const T* v = row(p.in.v, b, j, shared, s.value_size);
          for (std::size_t d = 0; d < at(s.value_size); ++d) {
            e.out[out + d] += score[at(j)] / total * v[d];
            e.dv[at(v - p.v.data()) + d] += score[at(j)] / total * p.dout[out + d];
            mean += score[at(j)] / total * v[d] * p.dout[out + d];
          }
        }
        for (Index j = 0; j < s.keys; ++j) {
          const T* v = row(p.in.v, b, j, shared, s.value_size);
          const T* k = row(p.in.k, b, j, shared, s.size);
          Real dp = 0;
          for (std::size_t d = 0; d < at(s.value_size); ++d) dp += static_cast<Real>(v[d]) * p.dout[out + d];
          const Real ds = score[at(j)] / total * (dp - mean) * p.in.scale;
          for (std::size_t d = 0; d < at(s.size); ++d) {
            e.dq[q_at + d] += ds * k[d];
            e.dk[at(k - p.k.data()) + d] += ds * q[d];
          }
        }
      }
    }
  }
  return e;
}

template <class T>
struct Got {
  std::vector<T> out, lse, dq, dk, dv;
};

/// Everything; the gradients' arrays hold `before`, to be added to or overwritten.
template <class T>
Got<T> compute(const Problem<T>& p, T before, bool accumulate) {
  const AttentionSize& s = p.in.size;
  Got<T> got{std::vector<T>(p.dout.size()), std::vector<T>(at(s.batch * s.heads * s.queries)),
             std::vector<T>(p.q.size(), before), std::vector<T>(p.k.size(), before),
             std::vector<T>(p.v.size(), before)};
  std::vector<T> parts(at(kernels::attention_key_parts(s) * s.batch * s.queries * s.heads * s.size));
  kernels::attention<T>(p.in, got.out.data(), got.lse.data());
  const auto sink = [&](const HeadRows<const T>& rows, std::vector<T>& to) {
    return HeadSink<T>{{to.data(), rows.batch, rows.time}, accumulate};
  };
  kernels::attention_backward<T>(p.in, got.out.data(), got.lse.data(), p.dout.data(), parts.data(),
                                 sink(p.in.q, got.dq), sink(p.in.k, got.dk), sink(p.in.v, got.dv));
  return got;
}

template <class T>
void expect_gradient(const std::vector<T>& got, std::vector<Real> expected, T before, bool accumulate,
                     const std::string& what) {
  Real largest = 1;
  for (Real& x : expected) {
    x = std::isnan(x) ? static_cast<Real>(before) : accumulate ? x + static_cast<Real>(before) : x;
    largest = std::max(largest, std::abs(x));
  }
  // The terms of a sum are rounded, and may cancel: what counts is their size, not that of the sum.
  const double tolerance = (sizeof(T) == 4 ? 4e-6 : 4e-14) * static_cast<double>(largest);
  expect_all_near(got, expected, 0, tolerance, what);
}

template <class T>
void check(const Problem<T>& p, const std::string& name) {
  const Expected expected = reference(p);
  const double small = sizeof(T) == 4 ? 3e-6 : 3e-15;
  for (const bool accumulate : {false, true}) {
    const T before = accumulate ? T(0.5) : T(7);
    const Got<T> got = compute(p, before, accumulate);
    expect_all_near(got.out, expected.out, small, 2 * small, name + ": out");
    for (std::size_t i = 0; i < got.lse.size(); ++i) {
      if (std::isinf(expected.lse[i])) continue;  // a row without keys: only backward reads what stands there
      EXPECT_THAT(near(got.lse[i], expected.lse[i], 4 * small), name, ": log-sum-exp ", i, " is ", got.lse[i]);
    }
    expect_gradient(got.dq, expected.dq, before, accumulate, name + ": dq");
    expect_gradient(got.dk, expected.dk, before, accumulate, name + ": dk");
    expect_gradient(got.dv, expected.dv, before, accumulate, name + ": dv");
  }
}

template <class T>
void against_the_formula() {
  // batch, heads, kv_heads, queries, keys, size, value_size
  const AttentionSize sizes[] = {{1, 1, 1, 1, 1, 1, 1},      {2, 2, 2, 5, 7, 3, 2},       {1, 2, 1, 33, 31, 8, 8},
                                 {2, 4, 2, 64, 64, 16, 16},  {1, 1, 1, 17, 130, 33, 20},  {1, 2, 2, 1, 200, 32, 32},
                                 {1, 1, 1, 40, 300, 24, 64}, {1, 2, 2, 65, 65, 128, 100}, {1, 3, 1, 2, 3, 5, 40},
                                 {1, 2, 1, 20, 600, 8, 5},   {0, 2, 2, 3, 4, 5, 6},       {2, 2, 2, 0, 4, 5, 6},
                                 {2, 2, 2, 3, 0, 5, 6}};
  unsigned seed = 1;
  for (const AttentionSize& size : sizes) {
    for (int form = 0; form < 9; ++form) {
      Problem<T> p(size, seed += 10);
      p.in.rule.causal = form == 1 || form == 2 || form == 4 || form == 8;
      p.in.rule.offset = form == 2 ? std::max<Index>(size.keys - size.queries, 0) : form == 4 ? 2 : 0;
      p.in.rule.window = form == 3 || form == 4 ? 9 : 0;
      if (form == 5 || form == 8) p.mask_queries();
      if (form == 6 || form == 8) p.mask_keys();
      if (form == 7 || form == 8) p.mask_pairs();
      check(p, concat_text("form ", form, ", seed ", seed));
    }
  }
}

/// Scores far from zero, hidden and NaN ones.
template <class T>
void extremes() {
  const AttentionSize size{1, 1, 1, 40, 150, 8, 4};
  Problem<T> far(size, 3);
  for (T& x : far.q) x *= T(50);
  const Expected expected = reference(far);
  const Got<T> got = compute(far, T(0), false);
  // a score of some hundreds is itself rounded
  expect_all_near(got.out, expected.out, 0, sizeof(T) == 4 ? 1e-3 : 1e-12, "large scores");

  Problem<T> blind(size, 4);
  blind.key_mask.assign(at(size.keys), 0);
  blind.in.rule.keys = as_bool(blind.key_mask);
  const Got<T> nothing = compute(blind, T(3), false);
  for (const auto* all : {&nothing.out}) {
    for (const T x : *all) EXPECT(x == T(0));
  }
  expect_gradient(nothing.dq, reference(blind).dq, T(3), false, "dq without keys");
  expect_gradient(nothing.dk, reference(blind).dk, T(3), false, "dk without keys");
  expect_gradient(nothing.dv, reference(blind).dv, T(3), false, "dv without keys");

  Problem<T> lost(size, 5);
  lost.q[at(lost.in.q.time) * 2] = std::numeric_limits<T>::quiet_NaN();
  const Got<T> spoiled = compute(lost, T(0), false);
  for (Index i = 0; i < size.queries; ++i) EXPECT(std::isnan(spoiled.out[at(i * size.value_size)]) == (i == 2));
}

/// With values of one the result of a row is the mean of its factors: 1 on average, other from row to row.
template <class T>
void dropout() {
  const AttentionSize size{2, 2, 1, 70, 90, 4, 3};
  Problem<T> p(size, 6, 0.25);
  std::fill(p.v.begin(), p.v.end(), T(1));
  std::fill(p.q.begin(), p.q.end(), T(0));
  const Got<T> got = compute(p, T(0), false);
  double sum = 0;
  double square = 0;
  for (const T x : got.out) {
    sum += static_cast<double>(x);
    square += static_cast<double>(x) * static_cast<double>(x);
  }
  const auto n = static_cast<double>(got.out.size());
  const double mean = sum / n;
  EXPECT_NEAR(mean, 1, 0.02);
  // The variance of one factor is r/(1 − r); a row averages 90 of them.
  EXPECT_NEAR((square / n - mean * mean) * 90, 1.0 / 3, 0.1);
  Problem<T> other = p;
  other.in.key.stream += 1;
  EXPECT(!same_bits(compute(other, T(0), false).out, got.out));

  Problem<T> all(size, 7, 1);
  for (const T x : compute(all, T(0), false).out) EXPECT(x == T(0));
}

/// float32 and float64 drop the same probabilities, whatever the width of their vectors.
void same_draw_for_both_types() {
  const AttentionSize size{1, 2, 2, 50, 40, 4, 4};
  Problem<float> narrow(size, 8, 0.5);
  Problem<double> wide(size, 8, 0.5);
  const auto copy = [](const std::vector<float>& from, std::vector<double>& to) {
    std::copy(from.begin(), from.end(), to.begin());
  };
  copy(narrow.q, wide.q);
  copy(narrow.k, wide.k);
  copy(narrow.v, wide.v);
  copy(narrow.dout, wide.dout);
  wide.in.scale = static_cast<double>(narrow.in.scale);
  const Got<float> a = compute(narrow, 0.0F, false);
  const Got<double> b = compute(wide, 0.0, false);
  expect_all_near(a.out, b.out, 1e-5, 1e-5, "out with dropout");
  expect_all_near(a.dq, b.dq, 1e-4, 1e-4, "dq with dropout");
  expect_all_near(a.dk, b.dk, 1e-4, 1e-4, "dk with dropout");
  expect_all_near(a.dv, b.dv, 1e-4, 1e-4, "dv with dropout");
}

template <class T>
void threads() {
  for (const AttentionSize& size : {AttentionSize{3, 4, 2, 100, 100, 16, 16}, AttentionSize{1, 2, 1, 300, 900, 8, 8}}) {
    Problem<T> p(size, 12, 0.1);
    p.in.rule.causal = true;
    p.in.rule.offset = size.keys - size.queries;
    p.mask_keys();
    expect_same_for_all_threads("attention", [&] {
      const Got<T> got = compute(p, T(0), false);
      std::vector<T> all = got.out;
      for (const auto* more : {&got.lse, &got.dq, &got.dk, &got.dv}) all.insert(all.end(), more->begin(), more->end());
      return all;
    });
  }
}

template <class T>
void all_of() {
  against_the_formula<T>();
  extremes<T>();
  dropout<T>();
  threads<T>();
}

}  // namespace
}  // namespace ranvier::testing

int main() {
  ranvier::testing::all_of<float>();
  ranvier::testing::all_of<double>();
  ranvier::testing::same_draw_for_both_types();
  return ranvier::testing::result();
}
