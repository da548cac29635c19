// Scaled dot-product attention, computed in blocks: no matrix of all scores is ever stored.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/ops/random.h"

namespace ranvier::ops {

/// Which keys a query sees; bool tensors, undefined ones hide nothing, a key is seen when all of them say true.
struct AttentionMasks {
  Tensor queries{};  ///< (batch, Tq): rows that see nothing
  Tensor keys{};     ///< (batch, Tk): keys nobody sees (padding)
  Tensor pairs{};    ///< broadcastable to (batch, heads, Tq, Tk)
};

struct AttentionOptions {
  double scale = 1;                ///< of the scores q·k, usually 1/sqrt(size)
  bool causal = false;             ///< query i sees key j when j <= i + offset
  Index offset = 0;                ///< place of the first query among the keys: how many keys came before it
  Index window = 0;                ///< query i sees key j when |i + offset − j| < window; 0: no such limit
  double dropout = 0;              ///< rate of inverted dropout on the probabilities, drawn from generator
  Generator* generator = nullptr;  ///< must outlive a program that records; read when dropout > 0 only
  Index keys = -1;  ///< of k and v only the first `keys` time steps are read (a cache with room); -1: all
};

/// softmax(scale·q·kᵀ + masks)·v for every head: q (batch, Tq, heads, size), k (batch, Tk, kv_heads, size), v (batch, Tk,
/// kv_heads, value_size) -> (batch, Tq, heads, value_size); kv_heads divides heads, and heads / kv_heads neighbouring
/// heads share a key (Ainslie et al. 2023). A query that sees no key gets zeros, and gives no gradient. Memory is linear in Tq
/// and Tk, forward (online softmax: Rabe & Staats 2021, Dao et al. 2022) and backward (which computes the probabilities
/// again from each row's log-sum-exp). ValueError for shapes, options or masks that do not fit; float32 or float64.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMasks& masks = {},
                 const AttentionOptions& options = {});

/// The same where one product made all three: columns of x (batch, time, (heads + kv_heads)·size + kv_heads·value_size)
/// are q's heads, then k's, then v's. Nothing is copied apart, neither here nor in the gradient.
Tensor packed_attention(const Tensor& x, Index heads, Index kv_heads, Index size, Index value_size,
                        const AttentionMasks& masks = {}, const AttentionOptions& options = {});

/// Attention that shows its probabilities before dropout: (batch, heads, Tq, Tk), all stored.
struct ScoredAttention {
  Tensor result;
  Tensor scores;
};
ScoredAttention attention_with_scores(const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionMasks& masks = {}, const AttentionOptions& options = {});

/// softmax over the last axis of scores (batch, heads, Tq, Tk), hidden keys left out; a row without any key is zeros.
/// Of the options only causal, offset and window are read.
Tensor masked_softmax(const Tensor& scores, const AttentionMasks& masks, const AttentionOptions& options = {});

/// cache[:, at:at + steps] = piece for a cache (batch, room, …) and a piece (batch, steps, …) of its dtype; no gradient.
void write_steps(const Tensor& piece, const Tensor& cache, Index at);

}  // namespace ranvier::ops
