// Cases: attention, in its forms.
#pragma once

#include "ops_cases_shape.h"
#include "ops_table.h"
#include "ranvier/ops/attention.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/position.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::testing {

using namespace ranvier::ops;

// A mask made by kernels, so that a replay makes it again: true where sin(i·step) > low.
inline Tensor pattern(const Shape& shape, double step, double low = -0.3) {
  const Tensor places = arange(0, static_cast<double>(shape.numel()), 1, DType::float64);
  const Tensor waves = unary(Unary::sin, multiply(places, full({}, step, DType::float64)));
  return compare(Compare::greater, reshape(waves, {shape.begin(), shape.end()}), full({}, low, DType::float64));
}

inline void add_attention(Table& table) {
  struct Form {
    const char* name;
    Index heads, kv_heads, queries, keys, size, value_size;
    AttentionOptions options;
    bool queries_masked = false, keys_masked = false, pairs_masked = false;
  };
  AttentionOptions plain{.scale = 0.5};
  AttentionOptions causal{.scale = 0.7, .causal = true};
  AttentionOptions later{.scale = 0.7, .causal = true, .offset = 3};
  AttentionOptions window{.scale = 0.7, .window = 2};
  AttentionOptions both{.scale = 0.7, .causal = true, .offset = 1, .window = 3};
  AttentionOptions cache{.scale = 0.4, .causal = true, .offset = 2, .keys = 5};
  const std::vector<Form> forms{{"plain", 2, 2, 5, 4, 3, 3, plain},
                                {"of one", 1, 1, 1, 1, 1, 1, plain},
                                {"values of another size", 2, 2, 3, 6, 4, 5, plain},
                                {"causal", 2, 2, 6, 6, 3, 3, causal},
                                {"causal with keys before", 1, 1, 3, 6, 3, 2, later},
                                {"window", 1, 1, 6, 6, 3, 3, window},
                                {"causal window", 2, 1, 5, 6, 3, 3, both},
                                {"grouped", 4, 2, 4, 5, 3, 2, causal},
                                {"one key head", 3, 1, 4, 5, 2, 3, plain},
                                {"part of a cache", 2, 1, 3, 8, 3, 3, cache},
                                {"masked keys", 2, 1, 4, 5, 3, 3, plain, false, true},
                                {"masked queries and keys", 2, 2, 4, 6, 3, 3, causal, true, true},
                                {"masked pairs", 2, 2, 4, 6, 3, 3, causal, false, false, true},
                                {"all masks", 2, 1, 5, 5, 2, 3, causal, true, true, true}};
  for (const Form& f : forms) {
    for (const bool scored : {false, true}) {
      const std::vector<Input> inputs{{{2, f.queries, f.heads, f.size}},
                                      {{2, f.keys, f.kv_heads, f.size}},
                                      {{2, f.keys, f.kv_heads, f.value_size}}};
      table.add(concat_text("attention ", f.name, scored ? " with scores" : ""), inputs, [f, scored](const Tensors& x) {
        const Index keys = f.options.keys < 0 ? f.keys : f.options.keys;
        AttentionMasks masks;
        if (f.queries_masked) masks.queries = pattern({2, f.queries}, 2);
        if (f.keys_masked) masks.keys = pattern({2, keys}, 1.3);
        if (f.pairs_masked) masks.pairs = pattern({2, 1, f.queries, keys}, 2.4);
        if (!scored) return attention(x[0], x[1], x[2], masks, f.options);
        const ScoredAttention y = attention_with_scores(x[0], x[1], x[2], masks, f.options);
        return concatenate({reshape(y.result, {-1}), reshape(y.scores, {-1})}, 0);
      });
    }
  }
  table.add("attention of one tensor", {{{2, 4, 2, 3}}},
            [causal](const Tensors& x) { return attention(x[0], x[0], x[0], {}, causal); });
  table.add("attention of keys that are values", {{{2, 4, 2, 3}}, {{2, 5, 2, 3}}},
            [plain](const Tensors& x) { return attention(x[0], x[1], x[1], {}, plain); });
  table.add("attention of queries that are values", {{{2, 4, 2, 3}}, {{2, 4, 2, 3}}},
            [plain](const Tensors& x) { return attention(x[0], x[1], x[0], {}, plain); });
  table.add("packed attention", {{{2, 4, 16}}},
            [causal](const Tensors& x) { return packed_attention(x[0], 4, 2, 2, 2, {}, causal); });
  table.add("masked softmax", {{{2, 2, 3, 4}}}, [](const Tensors& x) {
    return masked_softmax(x[0], {.keys = pattern({2, 4}, 1.3)}, {});
  });
  for (const bool scored : {false, true}) {
    table.add(scored ? "attention with scores and dropout" : "attention with dropout",
              {{{2, 5, 2, 3}}, {{2, 4, 1, 3}}, {{2, 4, 1, 2}}}, [scored](const Tensors& x) {
                const AttentionOptions options{.scale = 0.5, .dropout = 0.4, .generator = &case_generator()};
                return scored ? attention_with_scores(x[0], x[1], x[2], {}, options).result
                              : attention(x[0], x[1], x[2], {}, options);
              });
  }
  // Several blocks of queries and keys, more than one part of the keys in backward, sizes off the vectors' width.
  table.large("attention", {{{2, 300, 4, 17}, -1, 1}, {{2, 600, 2, 17}, -1, 1}, {{2, 600, 2, 9}, -1, 1}},
              [](const Tensors& x) {
                const AttentionOptions options{.scale = 0.3, .causal = true, .offset = 300};
                return attention(x[0], x[1], x[2], {.keys = pattern({2, 600}, 1.3, -0.9)}, options);
              });
  struct Turned {
    Shape shape;
    int axis;
  };
  for (const Turned& t : std::vector<Turned>{{{2, 5, 6}, 1}, {{2, 5, 3, 34}, 1}, {{3, 2, 4, 2}, 2}, {{4, 2}, 0}}) {
    table.add(concat_text("rotary ", t.shape), {{t.shape}}, [t](const Tensors& x) {
      // angles that differ from step to step and pair to pair, as no true table would
      const Shape turns{t.shape[t.axis], t.shape.back()};
      const Tensor places = arange(0, static_cast<double>(turns.numel()), 1, x[0].dtype());
      return rotary(x[0], t.axis, reshape(unary(Unary::sin, places), {turns.begin(), turns.end()}));
    });
  }
  table.large("rotary", {{{4, 100, 4, 64}}}, [](const Tensors& x) {
    const Tensor places = arange(0, 6400, 1, x[0].dtype());
    return rotary(x[0], 1, reshape(unary(Unary::cos, places), {100, 64}));
  });
  table.large("attention with dropout", {{{3, 70, 3 * 32}, -1, 1}}, [](const Tensors& x) {
    const AttentionOptions options{.scale = 0.2, .dropout = 0.2, .generator = &case_generator()};
    return packed_attention(x[0], 2, 2, 16, 16, {}, options);
  });
}

}  // namespace ranvier::testing
