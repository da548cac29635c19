// Attention forward: the softmax of a row is kept up to date block by block of keys (online softmax; Rabe & Staats 2021,
// Dao et al. 2022).
#include "ranvier/core/parallel.h"
#include "ranvier/kernels/attention_block.h"

namespace ranvier::kernels {
namespace attention_detail {
namespace {

thread_local Scratch scratch;

template <class T>
struct Room {
  T* q;    // size × queries, scaled
  T* s;    // keys × queries: scores, then probabilities
  T* out;  // value_size × queries
  T* rows;

  explicit Room(const AttentionSize& size) {
    constexpr Index n = block_queries<T>;
    const Index keys = std::min(size.keys, block_keys);
    const Index elements = n * (size.size + keys + size.value_size + padded<T>(size.value_size));
    q = static_cast<T*>(scratch.get(static_cast<std::size_t>(elements) * sizeof(T)));
    s = q + n * size.size;
    out = s + n * keys;
    rows = out + n * size.value_size;
  }
};

template <class T>
void run(const AttentionInputs<T>& in, const Queries& q, Index keys_end, T* out, T* lse) {
  constexpr Index w = lanes<T>;
  constexpr Index n = block_queries<T>;
  constexpr auto most = static_cast<std::size_t>(block_vectors<T>);
  const AttentionSize& size = in.size;
  const Index vectors = (q.count + w - 1) / w;
  const auto used = static_cast<std::size_t>(vectors);
  const Index shared = q.head / (size.heads / size.kv_heads);
  const T* k = in.k.data + q.sequence * in.k.batch + shared * size.size;
  const T* v = in.v.data + q.sequence * in.v.batch + shared * size.value_size;
  const Room<T> room(size);

  gemm_detail::pack_transposed<T>(q.count, size.size,
                                  in.q.data + q.sequence * in.q.batch + q.first * in.q.time + q.head * size.size,
                                  in.q.time, room.q, n);
  for (Index i = 0; i < size.size; ++i) {
    for (Index l = 0; l < vectors; ++l) store<T>(room.q + i * n + l * w, load(room.q + i * n + l * w) * in.scale);
  }
  const KeyRange range = visible(size, in.rule, q, keys_end);
  const Dropout<T> dropout(in, q);
  std::array<Vec<T>, most> top;
  std::array<Vec<T>, most> total{};
  top.fill(vec::set1<T>(-beyond<T>));
  for (Index begin = range.begin; begin < range.end; begin += block_keys) {
    const KeyRange block{begin, std::min(range.end, begin + block_keys)};
    const Index keys = block.end - block.begin;
    const bool first = begin == range.begin;
    multiply<T>(false, keys, vectors * w, size.size, k + begin * in.k.time, in.k.time, room.q, n, false, room.s, n);
    hide(size, in.rule, q, block, vectors, room.s, n);
    for (std::size_t l = 0; l < used; ++l) {
      T* column = room.s + static_cast<Index>(l) * w;
      std::array<Vec<T>, 2> highest{top[l], top[l]};
      Index j = 0;
      for (; j + 2 <= keys; j += 2) {
        highest[0] = vec::at_least(load(column + j * n), highest[0]);
        highest[1] = vec::at_least(load(column + (j + 1) * n), highest[1]);
      }
      if (j < keys) highest[0] = vec::at_least(load(column + j * n), highest[0]);
      const Vec<T> now = vec::at_least(highest[0], highest[1]);
      std::array<Vec<T>, 2> sum{};
      const auto step = [&](Index row, Vec<T> & to) __attribute__((always_inline)) {
        const Vec<T> p = vec::exp<T>(load(column + row * n) - now);
        store<T>(column + row * n, p);
        to += p;
      };
      for (j = 0; j + 2 <= keys; j += 2) {
        step(j, sum[0]);
        step(j + 1, sum[1]);
      }
      if (j < keys) step(j, sum[0]);
      const Vec<T> shrink = vec::exp<T>(top[l] - now);
      total[l] = total[l] * shrink + (sum[0] + sum[1]);
      top[l] = now;
      if (first) continue;
      T* so_far = room.out + static_cast<Index>(l) * w;
      for (Index i = 0; i < size.value_size; ++i) store<T>(so_far + i * n, load(so_far + i * n) * shrink);
    }
    if (in.dropout > 0) {
      for (Index j = 0; j < keys; ++j) {
        dropout.factors(begin + j, vectors, [&](Index l, Vec<T> factor) {
          T* at = room.s + j * n + l * w;
          store<T>(at, load(at) * factor);
        });
      }
    }
    multiply<T>(true, size.value_size, vectors * w, keys, v + begin * in.v.time, in.v.time, room.s, n, !first, room.out,
                n);
  }

  const bool* seeing = in.rule.queries == nullptr ? nullptr : in.rule.queries + q.sequence * size.queries + q.first;
  alignas(64) std::array<T, static_cast<std::size_t>(n)> logs{};
  for (std::size_t l = 0; l < used; ++l) {
    const Index lane = static_cast<Index>(l) * w;
    if (seeing != nullptr) {
      for (Index i = 0; i < std::min(w, q.count - lane); ++i) {
        if (!seeing[lane + i]) total[l][i] = 0;
      }
    }
    const auto empty = total[l] == T(0);
    store<T>(logs.data() + lane, empty ? vec::set1<T>(beyond<T>) : top[l] + vec::log<T>(total[l]));
    const Vec<T> share = T(1) / total[l];
    for (Index i = 0; i < size.value_size; ++i) {
      T* at = room.out + i * n + lane;
      // without any key nothing has been written there
      store<T>(at, range.begin == range.end ? Vec<T>{} : empty ? Vec<T>{} : load(at) * share);
    }
  }
  const Index row = size.heads * size.value_size;
  store_transposed<T>(q.count, size.value_size, room.out, n, false,
                      out + (q.sequence * size.queries + q.first) * row + q.head * size.value_size, row, room.rows);
  if (lse != nullptr) {
    std::copy_n(logs.data(), q.count, lse + (q.sequence * size.heads + q.head) * size.queries + q.first);
  }
}

}  // namespace
}  // namespace attention_detail

template <class T>
void attention(const AttentionInputs<T>& in, T* out, T* lse) {
  constexpr Index n = attention_detail::block_queries<T>;
  constexpr Index piece_work = 1 << 19;  // multiply-adds worth handing to a thread
  const AttentionSize& size = in.size;
  const Index blocks = (size.queries + n - 1) / n;
  const Index work = std::max<Index>(n * size.keys * (size.size + size.value_size), 1);
  const Index grain = std::max<Index>(1, piece_work / work);
  parallel_for(size.batch * size.heads * blocks, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index head = i / blocks;
      const Index first = i % blocks * n;
      const attention_detail::Queries q{head / size.heads, head % size.heads, first, std::min(n, size.queries - first)};
      attention_detail::run(in, q, attention_detail::last_key(size, in.rule, q.sequence), out, lse);
    }
  });
}

template void attention<float>(const AttentionInputs<float>&, float*, float*);
template void attention<double>(const AttentionInputs<double>&, double*, double*);

}  // namespace ranvier::kernels
