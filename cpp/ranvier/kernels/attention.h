// Scaled dot-product attention in blocks: scores exist for one block of queries and keys at a time.
#pragma once

#include "ranvier/core/shape.h"
#include "ranvier/kernels/random.h"

namespace ranvier::kernels {

struct AttentionSize {
  Index batch;
  Index heads;     ///< of the queries
  Index kv_heads;  ///< divides heads; head h reads key head h / (heads / kv_heads)
  Index queries;
  Index keys;
  Index size;
  Index value_size;
};

/// The vectors of all heads: those of head h at time t of sequence b start at data + b·batch + t·time + h·(their size).
template <class T>
struct HeadRows {
  T* data = nullptr;
  Index batch = 0;
  Index time = 0;
};

/// Query i of head h in sequence b sees key j when all that is said here allows it.
struct AttentionRule {
  const bool* queries = nullptr;  ///< [b·size.queries + i]
  const bool* keys = nullptr;     ///< [b·size.keys + j]
  const bool* pairs = nullptr;    ///< [b·batch + h·head + i·query + j·key]
  Index pairs_batch = 0, pairs_head = 0, pairs_query = 0, pairs_key = 0;
  bool causal = false;  ///< j <= i + offset
  Index window = 0;     ///< |i + offset − j| < window unless it is 0
  Index offset = 0;
};

template <class T>
struct AttentionInputs {
  AttentionSize size;
  T scale;
  HeadRows<const T> q, k, v;
  AttentionRule rule;
  double dropout;  ///< rate; in [0, 1]
  RandomKey key;   ///< of the draw; the same for backward
};

/// out (batch, queries, heads, value_size) = softmax(scale·q·kᵀ)·v; lse (batch, heads, queries), when not null, gets the
/// logarithm of each row's sum of exponentials. A row without keys is zeros.
template <class T>
void attention(const AttentionInputs<T>& in, T* out, T* lse);

/// Where a gradient goes; not wanted without data.
template <class T>
struct HeadSink {
  HeadRows<T> rows;
  bool accumulate = false;
};

/// In how many parts the keys are cut for backward where batch and heads alone are too few pieces for the threads.
Index attention_key_parts(const AttentionSize& size);

/// Gradients of q, k and v, given out, lse and the gradient dout of out (both (batch, queries, heads, value_size)).
/// parts: room for attention_key_parts(size) times the elements of q, read and written when there is more than one part.
template <class T>
void attention_backward(const AttentionInputs<T>& in, const T* out, const T* lse, const T* dout, T* parts,
                        const HeadSink<T>& dq, const HeadSink<T>& dk, const HeadSink<T>& dv);

/// y = softmax over the keys of x, both (batch, heads, queries, keys), what the rule hides left out (0 in y). Its
/// gradient is softmax_backward. x may be y.
template <class T>
void masked_softmax(const AttentionSize& size, const AttentionRule& rule, const T* x, T* y);

}  // namespace ranvier::kernels
