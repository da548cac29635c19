#include "ranvier/ops/attention.h"

#include <algorithm>

#include "ranvier/kernels/attention.h"
#include "ranvier/kernels/softmax.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::keep;
using kernels::AttentionInputs;
using kernels::AttentionRule;
using kernels::AttentionSize;
using kernels::HeadRows;
using kernels::HeadSink;

namespace {

constexpr Index farthest = Index{1} << 40;  // places of queries beyond any memory: sums of them cannot overflow

void check_mask(const Tensor& mask, const char* what, const Shape& expected) {
  if (!mask.defined()) return;
  check<TypeError>(mask.dtype() == DType::boolean, "attention: expected a mask of ", what, " of dtype bool, received ",
                   name_of(mask.dtype()));
  check(mask.shape() == expected, "attention: expected a mask of ", what, " of shape ", expected, ", received ",
        mask.shape());
}

void check_options(const AttentionOptions& options) {
  check(options.offset >= 0 && options.offset <= farthest, "attention: expected offset >= 0, received ",
        options.offset);
  check(options.window >= 0, "attention: expected window >= 0 (0: none), received ", options.window);
  check(options.dropout >= 0 && options.dropout <= 1, "attention: expected a dropout rate in [0, 1], received ",
        options.dropout);
  check<StateError>(options.dropout == 0 || options.generator != nullptr,
                    "attention: dropout needs a generator of random numbers");
}

// The rule for kernels; it points into the masks, which whoever runs it later must keep.
AttentionRule rule_of(const AttentionSize& size, const AttentionMasks& masks, const AttentionOptions& options) {
  check_options(options);
  check_mask(masks.queries, "the queries", {size.batch, size.queries});
  check_mask(masks.keys, "the keys", {size.batch, size.keys});
  AttentionRule rule;
  rule.queries = masks.queries.defined() ? masks.queries.data<bool>() : nullptr;
  rule.keys = masks.keys.defined() ? masks.keys.data<bool>() : nullptr;
  rule.causal = options.causal;
  rule.window = std::min(options.window, farthest);
  rule.offset = options.offset;
  if (!masks.pairs.defined()) return rule;
  const Shape full{size.batch, size.heads, size.queries, size.keys};
  const Shape& shape = masks.pairs.shape();
  check<TypeError>(masks.pairs.dtype() == DType::boolean,
                   "attention: expected a mask of pairs of dtype bool, received ", name_of(masks.pairs.dtype()));
  bool fits = shape.rank() <= 4;
  for (int axis = 1; fits && axis <= shape.rank(); ++axis) {
    const Index n = shape[shape.rank() - axis];
    fits = n == 1 || n == full[4 - axis];
  }
  check(fits, "attention: expected a mask that repeats over (batch, heads, queries, keys) = ", full,
        ", received shape ", shape);
  const auto strides = strides_of(shape);
  const auto stride = [&](int axis) {
    const int at = axis - 4 + shape.rank();
    return at < 0 || shape[at] == 1 ? Index{0} : strides[static_cast<std::size_t>(at)];
  };
  rule.pairs = masks.pairs.data<bool>();
  rule.pairs_batch = stride(0);
  rule.pairs_head = stride(1);
  rule.pairs_query = stride(2);
  rule.pairs_key = stride(3);
  return rule;
}

// Where q, k and v lie in their tensors; those of a packed projection are columns of one.
struct Layout {
  Index start = 0;
  Index batch = 0;
  Index time = 0;

  template <class T>
  HeadRows<T> rows(T* data) const {
    return {data == nullptr ? nullptr : data + start, batch, time};
  }
};

struct Call {
  AttentionSize size;
  Layout q, k, v;
  AttentionRule rule;
  double scale;
  double dropout;
};

// The draw of a step, which backward repeats: seed and stream in a tensor of two numbers.
kernels::RandomKey drawn(const std::int64_t* words) {
  if (words == nullptr) return {};
  return {static_cast<std::uint64_t>(words[0]), static_cast<std::uint64_t>(words[1])};
}

template <class T>
AttentionInputs<T> inputs_of(const Call& call, const T* q, const T* k, const T* v, const std::int64_t* draw) {
  return {
      call.size,  static_cast<T>(call.scale), call.q.rows(q), call.k.rows(k), call.v.rows(v), call.rule, call.dropout,
      drawn(draw)};
}

// The tensors backward reads; masks are kept because the rule points into them.
struct Kept {
  Tensor q, k, v, out, lse, draw;
  AttentionMasks masks;
};

template <class T>
void run_backward(const Call& call, const Kept& kept, const Tensor& dy, const HeadSink<T>& dq, const HeadSink<T>& dk,
                  const HeadSink<T>& dv) {
  const Index parts = kernels::attention_key_parts(call.size);
  const Index q_elements = call.size.batch * call.size.queries * call.size.heads * call.size.size;
  const Tensor room = parts > 1 && dq.rows.data != nullptr ? empty({parts, q_elements}, dy.dtype()) : Tensor();
  exec([call, q = kept.q.data<T>(), k = kept.k.data<T>(), v = kept.v.data<T>(), out = kept.out.data<T>(),
        lse = kept.lse.data<T>(), g = dy.data<T>(), dq, dk, dv, to = room.defined() ? room.data<T>() : nullptr,
        draw = kept.draw.defined() ? kept.draw.data<std::int64_t>() : nullptr] {
    kernels::attention_backward<T>(inputs_of<T>(call, q, k, v, draw), out, lse, g, to, dq, dk, dv);
  });
}

// out and, where a gradient is wanted, what it reads.
Kept run_forward(const Call& call, const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMasks& masks,
                 Generator* generator, bool wanted) {
  const AttentionSize& size = call.size;
  Kept kept{keep(q), keep(k), keep(v), empty({size.batch, size.queries, size.heads, size.value_size}, q.dtype()),
            {},      {},      masks};
  if (wanted) kept.lse = empty({size.batch, size.heads, size.queries}, q.dtype());
  if (call.dropout > 0) kept.draw = empty({2}, DType::int64);
  dispatch_floating(q.dtype(), "attention", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([call, generator, from_q = q.data<T>(), from_k = k.data<T>(), from_v = v.data<T>(), to = kept.out.data<T>(),
          lse = wanted ? kept.lse.data<T>() : nullptr,
          draw = kept.draw.defined() ? kept.draw.data<std::int64_t>() : nullptr] {
      if (draw != nullptr) {
        const kernels::RandomKey key = generator->next();
        draw[0] = static_cast<std::int64_t>(key.seed);
        draw[1] = static_cast<std::int64_t>(key.stream);
      }
      kernels::attention<T>(inputs_of<T>(call, from_q, from_k, from_v, draw), to, lse);
    });
  });
  return kept;
}

void check_inputs(const Tensor& q, const Tensor& k, const Tensor& v) {
  for (const Tensor* x : {&q, &k, &v}) {
    check<TypeError>(is_floating(x->dtype()) && x->dtype() == q.dtype(),
                     "attention: expected q, k and v of one dtype, float32 or float64, received ", name_of(q.dtype()),
                     ", ", name_of(k.dtype()), " and ", name_of(v.dtype()), "; cast them first");
    check(x->rank() == 4, "attention: expected q, k and v of rank 4 (batch, time, heads, size), received shapes ",
          q.shape(), ", ", k.shape(), " and ", v.shape());
  }
  check(q.dim(0) == k.dim(0) && q.dim(0) == v.dim(0) && k.dim(1) == v.dim(1) && k.dim(2) == v.dim(2) &&
            q.dim(3) == k.dim(3),
        "attention: expected q (batch, Tq, heads, size), k (batch, Tk, kv_heads, size) and v (batch, Tk, kv_heads, "
        "value_size) that agree, received shapes ",
        q.shape(), ", ", k.shape(), " and ", v.shape());
  check(k.dim(2) > 0 && q.dim(2) > 0 && q.dim(2) % k.dim(2) == 0,
        "attention: expected kv_heads that divide heads, received ", k.dim(2), " and ", q.dim(2));
  check(q.dim(3) > 0 && v.dim(3) > 0, "attention: expected heads of size 1 or more, received shapes ", q.shape(),
        " and ", v.shape());
}

Index keys_of(const Tensor& k, const AttentionOptions& options) {
  check(options.keys >= -1 && options.keys <= k.dim(1), "attention: expected keys in [0, ", k.dim(1),
        "] (-1: all), received ", options.keys);
  return options.keys < 0 ? k.dim(1) : options.keys;
}

Layout layout_of(const Tensor& x) { return {0, x.dim(1) * x.dim(2) * x.dim(3), x.dim(2) * x.dim(3)}; }

AttentionSize size_of_call(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  return {q.dim(0), q.dim(2), k.dim(2), q.dim(1), keys_of(k, options), q.dim(3), v.dim(3)};
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionMasks& masks,
                 const AttentionOptions& options) {
  check_inputs(q, k, v);
  const AttentionSize size = size_of_call(q, k, v, options);
  const Call call{size,          layout_of(q),   layout_of(k), layout_of(v), rule_of(size, masks, options),
                  options.scale, options.dropout};
  const bool wanted = wants_grad({&q, &k, &v});
  Kept kept = run_forward(call, q, k, v, masks, options.generator, wanted);
  const Tensor y = kept.out;
  if (!wanted) return y;
  kept.out = keep(y);
  return attach("attention", y, {&q, &k, &v}, [call, kept](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      auto dq = to.sink<T>(0);
      auto dk = to.sink<T>(1);
      auto dv = to.sink<T>(2);
      // Of one tensor in several places the sinks are the same memory: then all add to zeros.
      if (dq.data != nullptr && (dq.data == dk.data || dq.data == dv.data)) {
        detail::clear(dq, kept.q.numel());
        dq.accumulate = true;
      }
      if (call.size.keys < kept.k.dim(1)) {  // nothing else reaches the keys behind
        for (auto* sink : {&dk, &dv}) {
          if (sink->data == nullptr) continue;
          detail::clear(*sink, sink == &dk ? kept.k.numel() : kept.v.numel());
          sink->accumulate = true;
        }
      }
      run_backward<T>(call, kept, dy, {call.q.rows(dq.data), dq.accumulate}, {call.k.rows(dk.data), dk.accumulate},
                      {call.v.rows(dv.data), dv.accumulate});
    });
  });
}

Tensor packed_attention(const Tensor& x, Index heads, Index kv_heads, Index size, Index value_size,
                        const AttentionMasks& masks, const AttentionOptions& options) {
  check(heads > 0 && kv_heads > 0 && heads % kv_heads == 0, "attention: expected kv_heads that divide heads, received ",
        kv_heads, " and ", heads);
  check(size > 0 && value_size > 0, "attention: expected heads of size 1 or more, received ", size, " and ",
        value_size);
  const Index columns = (heads + kv_heads) * size + kv_heads * value_size;
  check(x.rank() == 3 && x.dim(2) == columns, "attention: expected q, k and v side by side, (batch, time, ", columns,
        "), received shape ", x.shape());
  check(options.keys == -1, "attention: expected keys = -1 where q, k and v are one tensor, received ", options.keys);
  const AttentionSize sizes{x.dim(0), heads, kv_heads, x.dim(1), x.dim(1), size, value_size};
  const auto column = [&](Index start) { return Layout{start, x.dim(1) * columns, columns}; };
  const Call call{sizes,
                  column(0),
                  column(heads * size),
                  column((heads + kv_heads) * size),
                  rule_of(sizes, masks, options),
                  options.scale,
                  options.dropout};
  const bool wanted = wants_grad({&x});
  Kept kept = run_forward(call, x, x, x, masks, options.generator, wanted);
  const Tensor y = kept.out;
  if (!wanted) return y;
  kept.out = keep(y);
  return attach("attention", y, {&x}, [call, kept](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      run_backward<T>(call, kept, dy, {call.q.rows(dx.data), dx.accumulate}, {call.k.rows(dx.data), dx.accumulate},
                      {call.v.rows(dx.data), dx.accumulate});
    });
  });
}

Tensor masked_softmax(const Tensor& scores, const AttentionMasks& masks, const AttentionOptions& options) {
  check(scores.rank() == 4, "attention: expected scores of shape (batch, heads, queries, keys), received ",
        scores.shape());
  const AttentionSize size{scores.dim(0), scores.dim(1), 1, scores.dim(2), scores.dim(3), 1, 1};
  const AttentionRule rule = rule_of(size, masks, options);
  Tensor y = empty(scores.shape(), scores.dtype());
  dispatch_floating(scores.dtype(), "attention", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([size, rule, from = scores.data<T>(), to = y.data<T>()] { kernels::masked_softmax<T>(size, rule, from, to); });
  });
  if (!wants_grad({&scores})) return y;
  // dS = P∘(dP − Σ dP∘P): a hidden key has P = 0, so nothing reaches it
  return attach("masked_softmax", y, {&scores}, [size, kept = keep(y)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([rows = size.batch * size.heads * size.queries, n = size.keys, p = kept.data<T>(), g = dy.data<T>(), dx] {
        kernels::softmax_backward<T>(rows, n, p, g, dx.data, dx.accumulate);
      });
    });
  });
}

ScoredAttention attention_with_scores(const Tensor& q, const Tensor& given_k, const Tensor& given_v,
                                      const AttentionMasks& masks, const AttentionOptions& options) {
  check_inputs(q, given_k, given_v);
  const AttentionSize size = size_of_call(q, given_k, given_v, options);
  const Index group = size.heads / size.kv_heads;
  const auto first_keys = [&](const Tensor& x) { return size.keys == x.dim(1) ? x : slice(x, {{}, {0, size.keys}}); };
  // (batch, kv_heads, 1, Tk, n): the group's heads repeat them
  const auto shared = [&](const Tensor& x) { return expand_dims(transpose(first_keys(x), {0, 2, 1, 3}), 2); };
  const Tensor scaled = multiply(q, full({}, options.scale, q.dtype()));
  const Tensor queries =
      reshape(transpose(scaled, {0, 2, 1, 3}), {size.batch, size.kv_heads, group, size.queries, size.size});
  const Tensor raw = matmul(queries, shared(given_k), false, true);
  const Tensor scores = masked_softmax(reshape(raw, {size.batch, size.heads, size.queries, size.keys}), masks, options);
  const Tensor dropped = options.dropout > 0 ? dropout(scores, options.dropout, {}, *options.generator) : scores;
  const Tensor mixed =
      matmul(reshape(dropped, {size.batch, size.kv_heads, group, size.queries, size.keys}), shared(given_v));
  return {transpose(reshape(mixed, {size.batch, size.heads, size.queries, size.value_size}), {0, 2, 1, 3}), scores};
}

void write_steps(const Tensor& piece, const Tensor& cache, Index at) {
  Shape room = piece.shape();
  if (room.rank() > 1 && cache.rank() > 1) room[1] = cache.dim(1);
  check(piece.rank() > 1 && room == cache.shape() && piece.dtype() == cache.dtype() && at >= 0 &&
            at + piece.dim(1) <= cache.dim(1),
        "attention: expected a cache with room for steps of shape ", piece.shape(), " from ", at, " on, received ",
        cache.shape());
  const Index row = piece.shape().numel(2, piece.rank()) * static_cast<Index>(size_of(piece.dtype()));
  exec([batch = piece.dim(0), from_row = piece.dim(1) * row, to_row = cache.dim(1) * row, start = at * row,
        from = static_cast<const std::byte*>(piece.raw()), to = static_cast<std::byte*>(cache.raw())] {
    for (Index b = 0; b < batch; ++b) {
      std::copy_n(from + b * from_row, from_row, to + b * to_row + start);
    }
  });
}

}  // namespace ranvier::ops
