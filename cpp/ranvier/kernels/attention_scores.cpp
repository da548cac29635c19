// The softmax of scores that are all stored, for whoever wants to see them.
#include <cmath>

#include "ranvier/kernels/attention_block.h"
#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {
namespace {

using vec::lanes;
using vec::load;
using vec::Vec;

bool sees(const AttentionSize& size, const AttentionRule& rule, Index b, Index h, Index i, Index j) {
  const Index place = i + rule.offset;
  if (rule.causal && j > place) return false;
  if (rule.window > 0 && std::abs(place - j) >= rule.window) return false;
  if (rule.queries != nullptr && !rule.queries[b * size.queries + i]) return false;
  if (rule.keys != nullptr && !rule.keys[b * size.keys + j]) return false;
  return rule.pairs == nullptr ||
         rule.pairs[b * rule.pairs_batch + h * rule.pairs_head + i * rule.pairs_query + j * rule.pairs_key];
}

}  // namespace

template <class T>
void masked_softmax(const AttentionSize& size, const AttentionRule& rule, const T* x, T* y) {
  constexpr T hidden = -std::numeric_limits<T>::infinity();
  const Index n = size.keys;
  const Index rows = size.batch * size.heads * size.queries;
  if (n == 0) return;
  parallel_for(rows, rows_for(rows, n, 8192), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index i = row % size.queries;
      const Index h = row / size.queries % size.heads;
      const Index b = row / size.queries / size.heads;
      const T* from = x + row * n;
      T* to = y + row * n;
      for (Index j = 0; j < n; ++j) to[j] = sees(size, rule, b, h, i, j) ? from[j] : hidden;
      Vec<T> highest = vec::set1<T>(-attention_detail::beyond<T>);
      for (Index j = 0; j < n; j += lanes<T>) {
        // Lanes behind the end count as scores of the first element's kind: they repeat the highest so far.
        const Vec<T> part = load(to + j, n - j);
        highest = vec::at_least(n - j >= lanes<T> ? part : (vec::first_lanes<T>(n - j) ? part : highest), highest);
      }
      const T top = vec::largest<T>(highest);
      Vec<T> sum{};
      for (Index j = 0; j < n; j += lanes<T>) {
        const Vec<T> e = vec::exp<T>(load(to + j, n - j) - top);
        vec::store<T>(to + j, e, n - j);
        sum += n - j >= lanes<T> ? e : (vec::first_lanes<T>(n - j) ? e : Vec<T>{});
      }
      const T total = vec::sum<T>(sum);
      const T share = total == T(0) ? T(0) : T(1) / total;
      for (Index j = 0; j < n; j += lanes<T>) vec::store<T>(to + j, load(to + j, n - j) * share, n - j);
    }
  });
}

template void masked_softmax<float>(const AttentionSize&, const AttentionRule&, const float*, float*);
template void masked_softmax<double>(const AttentionSize&, const AttentionRule&, const double*, double*);

}  // namespace ranvier::kernels
