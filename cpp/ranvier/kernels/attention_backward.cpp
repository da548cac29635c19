// Attention backward. The probabilities are computed again from each row's log-sum-exp (Dao et al. 2022):
// P = exp(S − lse), dV = Pᵀ·dO, dP = dO·Vᵀ, dS = scale·P∘(dP − Σ dO∘O), dQ = dS·K, dK = dSᵀ·Q.
#include "ranvier/core/parallel.h"
#include "ranvier/kernels/attention_block.h"

namespace ranvier::kernels {
namespace attention_detail {
namespace {

thread_local Scratch scratch;

template <class T>
struct Room {
  T* q;     // size × queries, scaled
  T* dout;  // value_size × queries, scaled
  T* p;     // keys × queries: scores, then probabilities (with dropout)
  T* ds;    // keys × queries: dP, then dS
  T* dq;    // size × queries
  T* rows;  // queries × padded size, for what has to be transposed or padded
  T* more_rows;

  explicit Room(const AttentionSize& size) {
    constexpr Index n = block_queries<T>;
    const Index keys = std::min(size.keys, block_keys);
    const Index row = padded<T>(std::max(size.size, size.value_size));
    const Index elements = n * (2 * size.size + size.value_size + 2 * keys + 2 * row);
    q = static_cast<T*>(scratch.get(static_cast<std::size_t>(elements) * sizeof(T)));
    dout = q + n * size.size;
    p = dout + n * size.value_size;
    ds = p + n * keys;
    dq = ds + n * keys;
    rows = dq + n * size.size;
    more_rows = rows + n * row;
  }
};

template <class T>
struct Problem {
  const AttentionInputs<T>& in;
  const T* out;
  const T* lse;
  const T* dout;
  HeadSink<T> dq, dk, dv;
};

/// Rows of n elements whose last vector may be read whole: src itself, or a copy in room.
template <class T>
HeadRows<const T> whole_vectors(Index count, Index n, const T* src, Index stride, T* room) {
  if (n % lanes<T> == 0) return {src, 0, stride};
  gemm_detail::pack_rows<T>(n, count, src, stride, room, padded<T>(n));
  return {room, 0, padded<T>(n)};
}

// What one block of queries adds to the gradients, from the keys `part`.
template <class T>
void run(const Problem<T>& g, const Queries& q, KeyRange part, Index keys_end, const HeadSink<T>& dq) {
  constexpr Index w = lanes<T>;
  constexpr Index n = block_queries<T>;
  constexpr auto most = static_cast<std::size_t>(block_vectors<T>);
  const AttentionInputs<T>& in = g.in;
  const AttentionSize& size = in.size;
  const Index vectors = (q.count + w - 1) / w;
  const Index shared = q.head / (size.heads / size.kv_heads);
  const bool with_scores = g.dk.rows.data != nullptr || dq.rows.data != nullptr;
  const Room<T> room(size);
  KeyRange range = visible(size, in.rule, q, keys_end);
  range = {std::max(range.begin, part.begin), std::min(range.end, part.end)};
  T* dq_rows = dq.rows.data == nullptr
                   ? nullptr
                   : dq.rows.data + q.sequence * dq.rows.batch + q.first * dq.rows.time + q.head * size.size;
  if (range.begin >= range.end) {
    if (dq_rows == nullptr || dq.accumulate) return;
    for (Index i = 0; i < q.count; ++i) std::fill_n(dq_rows + i * dq.rows.time, size.size, T(0));
    return;
  }

  const Index out_row = size.heads * size.value_size;
  const Index out_at = (q.sequence * size.queries + q.first) * out_row + q.head * size.value_size;
  const T* q_rows = in.q.data + q.sequence * in.q.batch + q.first * in.q.time + q.head * size.size;
  const T* dout_rows = g.dout + out_at;
  const auto scaled = [&](Index rows, T* x) {
    for (Index i = 0; i < rows; ++i) {
      for (Index l = 0; l < vectors; ++l) store<T>(x + i * n + l * w, load(x + i * n + l * w) * in.scale);
    }
  };
  gemm_detail::pack_transposed<T>(q.count, size.size, q_rows, in.q.time, room.q, n);
  scaled(size.size, room.q);
  gemm_detail::pack_transposed<T>(q.count, size.value_size, dout_rows, out_row, room.dout, n);
  scaled(size.value_size, room.dout);
  std::array<Vec<T>, most> lse{};
  std::array<Vec<T>, most> delta{};
  const T* logs = g.lse + (q.sequence * size.heads + q.head) * size.queries + q.first;
  for (Index i = 0; i < q.count; ++i) {
    const T* y = g.out + out_at + i * out_row;
    const T* dy = dout_rows + i * out_row;
    Vec<T> dot{};
    for (Index j = 0; j < size.value_size; j += w) {
      dot += load(y + j, size.value_size - j) * load(dy + j, size.value_size - j);
    }
    const auto l = static_cast<std::size_t>(i / w);
    delta[l][i % w] = vec::sum<T>(dot) * in.scale;
    lse[l][i % w] = logs[i];
  }
  const HeadRows<const T> q_vectors = whole_vectors(q.count, size.size, q_rows, in.q.time, room.rows);
  const HeadRows<const T> dout_vectors = whole_vectors(q.count, size.value_size, dout_rows, out_row, room.more_rows);

  const T* k = in.k.data + q.sequence * in.k.batch + shared * size.size;
  const T* v = in.v.data + q.sequence * in.v.batch + shared * size.value_size;
  const Dropout<T> dropout(in, q);
  for (Index begin = range.begin; begin < range.end; begin += block_keys) {
    const KeyRange block{begin, std::min(range.end, begin + block_keys)};
    const Index keys = block.end - block.begin;
    multiply<T>(false, keys, vectors * w, size.size, k + begin * in.k.time, in.k.time, room.q, n, false, room.p, n);
    hide(size, in.rule, q, block, vectors, room.p, n);
    if (with_scores) {
      multiply<T>(false, keys, vectors * w, size.value_size, v + begin * in.v.time, in.v.time, room.dout, n, false,
                  room.ds, n);
    }
    const auto finish = [&](Index j, Index l, auto factor) __attribute__((always_inline)) {
      T* p_at = room.p + j * n + l * w;
      T* ds_at = room.ds + j * n + l * w;
      const auto at = static_cast<std::size_t>(l);
      const Vec<T> p = vec::exp<T>(load(p_at) - lse[at]);
      store<T>(p_at, p * factor);
      if (with_scores) store<T>(ds_at, p * (load(ds_at) * factor - delta[at]));
    };
    if (in.dropout > 0) {
      for (Index j = 0; j < keys; ++j) {
        dropout.factors(begin + j, vectors, [&](Index l, Vec<T> factor) { finish(j, l, factor); });
      }
    } else {
      for (Index l = 0; l < vectors; ++l) {
        for (Index j = 0; j < keys; ++j) finish(j, l, T(1));
      }
    }
    if (g.dv.rows.data != nullptr) {
      multiply<T>(false, keys, size.value_size, q.count, room.p, n, dout_vectors.data, dout_vectors.time, true,
                  g.dv.rows.data + q.sequence * g.dv.rows.batch + begin * g.dv.rows.time + shared * size.value_size,
                  g.dv.rows.time);
    }
    if (g.dk.rows.data != nullptr) {
      multiply<T>(false, keys, size.size, q.count, room.ds, n, q_vectors.data, q_vectors.time, true,
                  g.dk.rows.data + q.sequence * g.dk.rows.batch + begin * g.dk.rows.time + shared * size.size,
                  g.dk.rows.time);
    }
    if (dq_rows != nullptr) {
      multiply<T>(true, size.size, vectors * w, keys, k + begin * in.k.time, in.k.time, room.ds, n, begin > range.begin,
                  room.dq, n);
    }
  }
  if (dq_rows != nullptr) {
    store_transposed<T>(q.count, size.size, room.dq, n, dq.accumulate, dq_rows, dq.rows.time, room.rows);
  }
}

/// Zeros for the gradients of keys [begin, end), unless others have been added up there.
template <class T>
void clear(const HeadSink<T>& to, Index sequence, Index head, Index size, KeyRange keys) {
  if (to.rows.data == nullptr || to.accumulate) return;
  T* at = to.rows.data + sequence * to.rows.batch + head * size;
  for (Index j = keys.begin; j < keys.end; ++j) std::fill_n(at + j * to.rows.time, size, T(0));
}

}  // namespace
}  // namespace attention_detail

Index attention_key_parts(const AttentionSize& size) {
  constexpr Index enough = 16;  // pieces for the threads to share
  constexpr Index least = 256;  // keys that make a part worth its own copy of dQ
  const Index heads = std::max<Index>(size.batch * size.kv_heads, 1);
  return std::clamp<Index>(size.keys / least, 1, std::max<Index>(enough / heads, 1));
}

template <class T>
void attention_backward(const AttentionInputs<T>& in, const T* out, const T* lse, const T* dout, T* parts,
                        const HeadSink<T>& dq, const HeadSink<T>& dk, const HeadSink<T>& dv) {
  using namespace attention_detail;
  constexpr Index n = block_queries<T>;
  const AttentionSize& size = in.size;
  const Index count = attention_key_parts(size);
  const Index group = size.heads / size.kv_heads;
  const Index q_row = size.heads * size.size;
  const Index q_elements = size.batch * size.queries * q_row;
  const Problem<T> g{in, out, lse, dout, dq, dk, dv};
  // Parts of the keys follow each other within a head: neighbours share the queries.
  parallel_for(size.batch * size.kv_heads * count, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index part = i % count;
      const Index sequence = i / count / size.kv_heads;
      const Index shared = i / count % size.kv_heads;
      const KeyRange keys{size.keys * part / count, size.keys * (part + 1) / count};
      const Index keys_end = last_key(size, in.rule, sequence);
      HeadSink<T> to = dq;
      if (count > 1 && dq.rows.data != nullptr) to = {{parts + part * q_elements, size.queries * q_row, q_row}, false};
      clear(dk, sequence, shared, size.size, keys);
      clear(dv, sequence, shared, size.value_size, keys);
      for (Index head = shared * group; head < (shared + 1) * group; ++head) {
        for (Index first = 0; first < size.queries; first += n) {
          run(g, {sequence, head, first, std::min(n, size.queries - first)}, keys, keys_end, to);
        }
      }
    }
  });
  if (count == 1 || dq.rows.data == nullptr) return;
  parallel_for(size.batch * size.queries, std::max<Index>(1, 4096 / std::max<Index>(q_row, 1)),
               [&](Index begin, Index end) {
                 for (Index row = begin; row < end; ++row) {
                   T* to = dq.rows.data + row / size.queries * dq.rows.batch + row % size.queries * dq.rows.time;
                   for (Index j = 0; j < q_row; j += lanes<T>) {
                     const Index left = q_row - j;
                     Vec<T> sum = load(parts + row * q_row + j, left);
                     for (Index p = 1; p < count; ++p) sum += load(parts + p * q_elements + row * q_row + j, left);
                     vec::put<T>(to + j, sum, left, dq.accumulate);
                   }
                 }
               });
}

#define RANVIER_INSTANTIATE(T)                                                                                         \
  template void attention_backward<T>(const AttentionInputs<T>&, const T*, const T*, const T*, T*, const HeadSink<T>&, \
                                      const HeadSink<T>&, const HeadSink<T>&);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels
