// One block of attention. Scores stand transposed, keys down and queries across: the lanes of a vector are queries, so
// that maxima and sums over the keys need no work across lanes, and keys and values are read in place, element by element,
// as the left operands of the matrix product's register tiles.
#pragma once

#include <algorithm>

#include "ranvier/kernels/attention.h"
#include "ranvier/kernels/gemm_kernel.h"
#include "ranvier/kernels/gemm_pack.h"
#include "ranvier/kernels/philox.h"
#include "ranvier/kernels/vec_math.h"

namespace ranvier::kernels::attention_detail {

using gemm_detail::Scratch;
using vec::lanes;
using vec::load;
using vec::store;
using vec::Vec;

static_assert(gemm_detail::width<float> == lanes<float>, "the tiles of gemm and Vec must be equally wide");

/// Queries of a block: the columns of a register tile.
template <class T>
constexpr Index block_queries = 2 * lanes<T>;
template <class T>
constexpr Index block_vectors = block_queries<T> / lanes<T>;
/// Keys of a block: with this many, scores, keys and values of usual heads share the first-level cache.
constexpr Index block_keys = 128;

/// Stands for −∞ as the first maximum and for +∞ as the log-sum-exp of a row without keys: finite, so that no difference
/// of two infinities makes a NaN.
template <class T>
constexpr T beyond = T(1e30);

template <class T>
constexpr Index padded(Index n) {
  return (n + lanes<T> - 1) / lanes<T> * lanes<T>;
}

/// C (rows × columns) = [C +] A·B with C's and B's rows `ldc` and `ldb` apart; A by rows or by columns `lda` apart. All
/// lanes of B's last vector are read.
template <class T>
void multiply(bool a_by_columns, Index rows, Index columns, Index k, const T* a, Index lda, const T* b, Index ldb,
              bool accumulate, T* c, Index ldc) {
  constexpr Index w = lanes<T>;
  if (rows <= 0) return;
  if (rows == 1 && !a_by_columns) {  // the tiles know one row by columns only
    a_by_columns = true;
    lda = 1;
  }
  const Index tiles = (rows + gemm_detail::max_rows - 1) / gemm_detail::max_rows;
  gemm_detail::Tile<T> tile{};
  tile.k = k;
  tile.a_stride = lda;
  tile.b_stride = ldb;
  tile.ldc = ldc;
  tile.accumulate = accumulate;
  for (Index j = 0; j < columns;) {
    const int vectors = rows >= 3 && columns - j >= 2 * w ? 2 : 1;
    tile.b = b + j;
    tile.columns = static_cast<int>(std::min(columns - j, vectors * w));
    for (Index t = 0; t < tiles; ++t) {
      const Index i = rows * t / tiles;
      tile.a = a_by_columns ? a + i : a + i * lda;
      tile.c = c + i * ldc + j;
      gemm_detail::tile_for<T>(static_cast<int>(rows * (t + 1) / tiles - i), vectors, a_by_columns)(tile);
    }
    j += vectors * w;
  }
}

/// A block of queries of one head in one sequence.
struct Queries {
  Index sequence;
  Index head;
  Index first;
  Index count;
};

/// Keys [begin, end).
struct KeyRange {
  Index begin;
  Index end;
};

/// The keys that causality, window and padding leave to a block.
inline KeyRange visible(const AttentionSize& size, const AttentionRule& rule, const Queries& q, Index last_key) {
  const Index place = q.first + rule.offset;
  Index begin = 0;
  Index end = last_key;
  if (rule.causal) end = std::min(end, place + q.count);
  if (rule.window > 0) {
    begin = std::max(begin, place - rule.window + 1);
    end = std::min(end, place + q.count - 1 + rule.window);
  }
  static_cast<void>(size);
  return {begin, std::max(begin, end)};
}

/// One more than the last key of a sequence that is not padding.
inline Index last_key(const AttentionSize& size, const AttentionRule& rule, Index sequence) {
  if (rule.keys == nullptr) return size.keys;
  const bool* keys = rule.keys + sequence * size.keys;
  Index last = size.keys;
  while (last > 0 && !keys[last - 1]) --last;
  return last;
}

/// Sets the scores s (keys × lanes, rows `stride` apart) that the rule hides to −∞.
template <class T>
void hide(const AttentionSize& size, const AttentionRule& rule, const Queries& q, KeyRange keys, Index vectors, T* s,
          Index stride) {
  constexpr T hidden = -std::numeric_limits<T>::infinity();
  constexpr Index w = lanes<T>;
  const Index place = q.first + rule.offset;
  if (rule.keys != nullptr) {
    const bool* seen = rule.keys + q.sequence * size.keys;
    for (Index j = keys.begin; j < keys.end; ++j) {
      if (seen[j]) continue;
      for (Index v = 0; v < vectors; ++v) store(s + (j - keys.begin) * stride + v * w, vec::set1<T>(hidden));
    }
  }
  // Lane i sees key j when i >= j − place (causal), and when low <= i < high.
  const auto keep_lanes = [&](Index j, Index low, Index high) {
    const auto bound = [](Index lane) { return static_cast<vec::Bits<T>>(std::clamp<Index>(lane, -1, 1 << 20)); };
    for (Index v = 0; v < vectors; ++v) {
      T* at = s + (j - keys.begin) * stride + v * w;
      const vec::Mask<T> lane = vec::iota<vec::Bits<T>>() + static_cast<vec::Bits<T>>(v * w);
      store<T>(at, (lane >= bound(low)) & (lane < bound(high)) ? load(at) : vec::set1<T>(hidden));
    }
  };
  constexpr Index all = Index{1} << 20;
  if (rule.causal) {
    for (Index j = std::max(keys.begin, place + 1); j < keys.end; ++j) keep_lanes(j, j - place, all);
  }
  if (rule.window > 0) {
    for (Index j = keys.begin; j < keys.end; ++j) {
      keep_lanes(j, j - place - rule.window + 1, j - place + rule.window);
    }
  }
  if (rule.pairs != nullptr) {
    const bool* pairs = rule.pairs + q.sequence * rule.pairs_batch + q.head * rule.pairs_head;
    for (Index i = 0; i < q.count; ++i) {
      const bool* row = pairs + (q.first + i) * rule.pairs_query;
      for (Index j = keys.begin; j < keys.end; ++j) {
        if (!row[j * rule.pairs_key]) s[(j - keys.begin) * stride + i] = hidden;
      }
    }
  }
}

/// Factors of inverted dropout, 0 or 1/(1 − rate). One call of philox serves 32 queries of one key; its place depends on
/// sequence, head, key and query alone, so any block can be drawn again.
template <class T>
class Dropout {
 public:
  Dropout(const AttentionInputs<T>& in, const Queries& q)
      : key_(in.key),
        groups_((in.size.queries + philox_words - 1) / philox_words),
        row_((q.sequence * in.size.heads + q.head) * in.size.keys),
        group_(q.first / philox_words),
        within_(q.first % philox_words),
        threshold_(static_cast<std::uint32_t>(std::min(in.dropout * 0x1p32, 0x1p32 - 1))),
        scale_(in.dropout < 1 ? static_cast<T>(1 / (1 - in.dropout)) : T(0)) {}

  /// use(v, factors) for the vectors of the block's row of this key.
  template <class Use>
  RANVIER_INLINE void factors(Index key, Index vectors, Use use) const {
    using Bits = std::make_unsigned_t<vec::Bits<T>>;
    alignas(64) std::array<std::uint32_t, philox_words> words;
    Index drawn = -1;
    for (Index v = 0; v < vectors; ++v) {
      const Index at = within_ + v * lanes<T>;
      if (at / philox_words != drawn) {
        drawn = at / philox_words;
        const Index call = (row_ + key) * groups_ + group_ + drawn;
        philox(key_.seed, key_.stream, static_cast<std::uint64_t>(call) * philox_counters, words.data());
      }
      vec::VecN<std::uint32_t, lanes<T>> narrow;
      std::memcpy(&narrow, words.data() + at % philox_words, sizeof narrow);
      use(v, __builtin_convertvector(narrow, Vec<Bits>) >= static_cast<Bits>(threshold_) ? vec::set1<T>(scale_)
                                                                                         : Vec<T>{});
    }
  }

 private:
  RandomKey key_;
  Index groups_;
  Index row_;
  Index group_;
  Index within_;
  std::uint32_t threshold_;
  T scale_;
};

/// dst (count rows of n, `stride` apart) = or += the transpose of src (n rows, `block` apart); room: count rows of
/// padded(n).
template <class T>
void store_transposed(Index count, Index n, const T* src, Index block, bool accumulate, T* dst, Index stride, T* room) {
  constexpr Index w = lanes<T>;
  gemm_detail::pack_transposed<T>(n, count, src, block, room, padded<T>(n));
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < n; j += w) {
      vec::put<T>(dst + i * stride + j, load(room + i * padded<T>(n) + j), n - j, accumulate);
    }
  }
}

}  // namespace ranvier::kernels::attention_detail
