// MultiHeadAttention and GroupQueryAttention: projections around ops::attention.
#include <algorithm>
#include <cmath>

#include "ranvier/nn/attention_masks.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/random_layer.h"
#include "ranvier/nn/stream.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

struct Heads {
  Index count;     ///< of the queries
  Index kv_count;  ///< of keys and values
  Index size;      ///< of queries and keys
  Index value_size;
};

/// y = x·kernel + bias with a kernel (in, heads, size) or (heads, size, out…), as Keras's EinsumDense.
struct Projection {
  Ref<Parameter> kernel;
  Ref<Parameter> bias;

  Tensor operator()(const Tensor& x, kernels::Unary activation = kernels::Unary::identity) const {
    return ops::dense(x, kernel->value, bias ? bias->value : Tensor(), activation);
  }
};

/// A sequence that arrives piece by piece: keys and values read so far, with room behind them.
struct Cache {
  Tensor k, v, mask;
};

/// A copy of x (batch, time, …) with room for `time` steps.
Tensor with_room(const Tensor& x, Index steps, Index time) {
  Shape shape = x.shape();
  shape[1] = time;
  const Tensor grown = empty(shape, x.dtype());
  ops::write_steps(ops::slice(x, {{}, {0, steps}}), grown, 0);
  return grown;
}

/// Both attention layers of transformers; they differ in the names of their options.
class HeadAttention : public KeywordLayer {
 public:
  HeadAttention(const io::Json& config, Heads heads)
      : KeywordLayer(config),
        heads_(heads),
        dropout_(config.number("dropout", 0.0)),
        use_bias_(config.flag("use_bias", true)),
        use_gate_(config.flag("use_gate", false)),
        window_(option("sliding_window") == nullptr ? 0 : config.integer("sliding_window")),
        flash_(option("flash_attention") != nullptr && config.flag("flash_attention")),
        generator_(seed_of(config)) {
    if (!(dropout_ >= 0 && dropout_ <= 1)) reject("expected 0 <= dropout <= 1, received ", dropout_);
    if (option("sliding_window") != nullptr && window_ < 1) {
      reject("expected sliding_window to be None or an integer >= 1, received ", window_);
    }
    if (flash_ && dropout_ > 0) reject("expected dropout=0 with flash_attention=True, received dropout=", dropout_);
  }

  std::vector<std::string> argument_names() const override {
    return {"query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"};
  }
  std::vector<std::string> option_names() const override { return {"return_attention_scores", "use_causal_mask"}; }
  bool supports_masking() const override { return true; }
  std::vector<Generator*> generators() override { return {&generator_}; }

  std::size_t outputs(const Call& call) const override { return wants_scores(call) ? 2 : 1; }
  Shapes output_shapes(const Call& call, const Shapes& inputs) const override {
    const Shape& query = *call.find(inputs, "query");
    const Shape& keys = key_shape(call, inputs);
    check_shapes(call, inputs);
    Shape out = query.slice(0, query.rank() - 1);
    for (const Index n : result_shape(query)) out.push_back(n);
    if (!wants_scores(call)) return {out};
    Shape scores{query[0], heads_.count};
    for (const Shape* from : {&query, &keys}) {
      for (int axis = 1; axis + 1 < from->rank(); ++axis) scores.push_back((*from)[axis]);
    }
    return {out, scores};
  }
  /// The result's is the query's; scores have none.
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override {
    Tensors masks(ys.size());
    masks.front() = xs.front().mask();
    return masks;
  }

 protected:
  /// The axes of the result behind the query's own; Keras's output_shape.
  virtual Shape result_shape(const Shape& query) const { return {query.back()}; }
  virtual void check_axes(const Shape& /*query*/) const {}

  void make_parameters(const Call& call, const Shapes& inputs) override {
    check_shapes(call, inputs);
    const Shape& query = *call.find(inputs, "query");
    const Shape out = result_shape(query);
    query_ = project("query", query.back(), heads_.count, heads_.size);
    key_ = project("key", key_shape(call, inputs).back(), heads_.kv_count, heads_.size);
    if (use_gate_) gate_ = project("gate", query.back(), heads_.count, heads_.value_size);
    value_ = project("value", value_shape(call, inputs).back(), heads_.kv_count, heads_.value_size);
    Shape kernel{heads_.count, heads_.value_size};
    for (const Index n : out) kernel.push_back(n);
    checked_bytes(kernel, sizeof(double));
    output_ = {add_parameter("attention_output/kernel", kernel, "GlorotUniform", true, "kernel",
                             {heads_.count * heads_.value_size, out.numel()}),
               use_bias_ ? add_parameter("attention_output/bias", out, "Zeros", true, "bias") : Ref<Parameter>()};
  }

  void check_inputs(const Call& call, const Shapes& inputs) const override {
    check_shapes(call, inputs);
    const auto fits = [&](const char* name, const Shape& shape, const Projection& projection) {
      const Index features = projection.kernel->value.dim(0);
      if (shape.back() != features) {
        reject("expected ", features, " features (last axis) of ", name, ", received shape ", shape);
      }
    };
    fits("query", *call.find(inputs, "query"), query_);
    fits("key", key_shape(call, inputs), key_);
    fits("value", value_shape(call, inputs), value_);
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor query = call.find(xs, "query");
    const Tensor given_value = call.find(xs, "value");
    const Tensor value = given_value.defined() ? given_value : query;
    const Tensor given_key = call.find(xs, "key");
    const Tensor key = given_key.defined() ? given_key : value;
    const Tensor q = by_heads(query_(sequence(query)), heads_.count);
    Tensor k = by_heads(key_(sequence(key)), heads_.kv_count);
    Tensor v = by_heads(value_(sequence(value)), heads_.kv_count);

    ops::AttentionMasks masks = masks_of(call, xs, query, value, given_key);
    ops::AttentionOptions options;
    options.scale = 1 / std::sqrt(static_cast<double>(heads_.size));
    options.causal = call.flag("use_causal_mask", false);
    options.window = window_;
    if (context.training) options.dropout = dropout_;
    options.generator = &generator_;
    if (context.stream != nullptr) {
      if (!options.causal || !query.same_as(value) || !query.same_as(key) || masks.pairs.defined()) {
        reject(
            "expected self-attention with use_causal_mask=True and without attention_mask in a model that reads a "
            "sequence piece by piece: other attention needs steps that are still to come");
      }
      go_on(context.stream->slot(*this), options, masks, k, v);
    }

    ops::ScoredAttention mixed;
    if (wants_scores(call)) {
      mixed = ops::attention_with_scores(q, k, v, masks, options);
    } else {
      mixed.result = ops::attention(q, k, v, masks, options);
    }
    const Tensor rows = ops::reshape(mixed.result, {q.dim(0), q.dim(1), heads_.count * heads_.value_size});
    const Tensor open = use_gate_ ? ops::multiply(rows, gate_(sequence(query), kernels::Unary::sigmoid)) : rows;
    const Shapes shapes = output_shapes(call, shapes_of(xs));
    Tensors ys{ops::reshape(output_(open), {shapes[0].begin(), shapes[0].end()})};
    if (const Tensor mask = call.find(xs, "query_mask"); mask.defined()) ys[0].set_mask(mask);
    if (wants_scores(call)) {
      // in a stream there are more keys than the piece has
      ys.push_back(context.stream != nullptr ? mixed.scores
                                             : ops::reshape(mixed.scores, {shapes[1].begin(), shapes[1].end()}));
    }
    return ys;
  }

 private:
  static bool wants_scores(const Call& call) { return call.flag("return_attention_scores", false); }
  static const Shape& value_shape(const Call& call, const Shapes& inputs) {
    const Shape* value = call.find(inputs, "value");
    return value != nullptr ? *value : *call.find(inputs, "query");
  }
  static const Shape& key_shape(const Call& call, const Shapes& inputs) {
    const Shape* key = call.find(inputs, "key");
    return key != nullptr ? *key : value_shape(call, inputs);
  }
  static Shapes shapes_of(const Tensors& xs) {
    Shapes shapes;
    for (const Tensor& x : xs) shapes.push_back(x.shape());
    return shapes;
  }
  /// (batch, axes…, features) as (batch, time, features).
  static Tensor sequence(const Tensor& x) {
    return x.rank() == 3 ? x : ops::reshape(x, {x.dim(0), x.shape().numel(1, x.rank() - 1), x.shape().back()});
  }
  static Tensor by_heads(const Tensor& x, Index heads) {
    return ops::reshape(x, {x.dim(0), x.dim(1), heads, x.dim(2) / heads});
  }

  Projection project(const std::string& name, Index features, Index heads, Index size) {
    if (features < 1) reject("expected a known number of features on the last axis of ", name);
    checked_bytes({features, heads, size}, sizeof(double));
    Projection made;
    made.kernel = add_parameter(name + "/kernel", {features, heads, size}, "GlorotUniform", true, "kernel",
                                {features, heads * size});
    if (use_bias_) made.bias = add_parameter(name + "/bias", {heads, size}, "Zeros", true, "bias");
    return made;
  }

  void check_shapes(const Call& call, const Shapes& inputs) const {
    const Shape& query = *call.find(inputs, "query");
    const Shape& value = value_shape(call, inputs);
    const Shape& key = key_shape(call, inputs);
    for (const Shape* shape : {&query, &value, &key}) {
      if (shape->rank() < 3) {
        reject("expected query, value and key of shape (batch, time, features), received ", query, ", ", value, " and ",
               key);
      }
    }
    const auto meet = [](Index a, Index b) { return a == b || a == -1 || b == -1; };
    bool fits = meet(query[0], value[0]) && meet(key[0], value[0]) && key.rank() == value.rank();
    for (int axis = 1; fits && axis + 1 < key.rank(); ++axis) fits = meet(key[axis], value[axis]);
    if (!fits) {
      reject("expected query, value and key of one batch, and value and key of one length, received shapes ", query,
             ", ", value, " and ", key);
    }
    check_axes(query);
    if (query.rank() > 3 && (window_ > 0 || call.flag("use_causal_mask", false))) {
      reject(
          "expected inputs of shape (batch, time, features) where steps have an order (use_causal_mask, "
          "sliding_window), received a query of shape ",
          query);
    }
    if (flash_ && wants_scores(call)) {
      reject("expected flash_attention=False where scores are asked for (return_attention_scores=True)");
    }
  }

  ops::AttentionMasks masks_of(const Call& call, const Tensors& xs, const Tensor& query, const Tensor& value,
                               const Tensor& key) const {
    const auto mask_of = [&](const char* argument, const Tensor& x) {
      const Tensor given = call.find(xs, argument);
      return given.defined() ? given : x.defined() ? x.mask() : Tensor();
    };
    const Index queries = query.shape().numel(1, query.rank() - 1);
    const Index keys = value.shape().numel(1, value.rank() - 1);
    ops::AttentionMasks masks;
    masks.queries = step_mask(*this, "query_mask", mask_of("query_mask", query), query.dim(0), queries);
    masks.keys = both(step_mask(*this, "value_mask", mask_of("value_mask", value), query.dim(0), keys),
                      step_mask(*this, "key_mask", mask_of("key_mask", key), query.dim(0), keys));
    masks.pairs = pair_mask(*this, call.find(xs, "attention_mask"), query.dim(0), heads_.count, queries, keys);
    return masks;
  }

  /// Puts the piece's keys and values behind those read before, and attends to all of them.
  void go_on(StreamSlot& slot, ops::AttentionOptions& options, ops::AttentionMasks& masks, Tensor& k, Tensor& v) const {
    const Index before = slot.steps();
    const Index piece = k.dim(1);
    const Index steps = before + piece;
    Cache cache;
    if (!slot.state().empty()) {
      cache = {slot.state()[0], slot.state()[1], slot.state()[2]};
    }
    if (!cache.k.defined() || cache.k.dim(1) < steps) {
      const Index room = std::max<Index>(steps, 2 * before);
      cache.k = with_room(cache.k.defined() ? cache.k : k, before, room);
      cache.v = with_room(cache.v.defined() ? cache.v : v, before, room);
    }
    ops::write_steps(k, cache.k, before);
    ops::write_steps(v, cache.v, before);
    if (masks.keys.defined() || cache.mask.defined()) {
      const auto all_true = [&](Index n) { return full({k.dim(0), n}, 1, DType::boolean); };
      const Tensor old = cache.mask.defined() ? cache.mask : all_true(before);
      const Tensor fresh = masks.keys.defined() ? masks.keys : all_true(piece);
      cache.mask = ops::concatenate({old, fresh}, 1);
      masks.keys = cache.mask;
    }
    options.offset = before;
    options.keys = steps;
    k = cache.k;
    v = cache.v;
    slot.advance({cache.k, cache.v, cache.mask}, piece);
  }

  Heads heads_;
  double dropout_;
  bool use_bias_;
  bool use_gate_;
  Index window_;
  bool flash_;
  Generator generator_;
  Projection query_, key_, gate_, value_, output_;
};

Index positive(const io::Json& config, const char* key) {
  const Index value = config.integer(key);
  check(value >= 1, "[", config.text("name", "layer"), "] expected ", key, " >= 1, received ", value);
  return value;
}

/// Vaswani et al. 2017.
class MultiHeadAttention final : public HeadAttention {
 public:
  explicit MultiHeadAttention(const io::Json& config) : HeadAttention(config, heads_from(config)) {
    if (const io::Json* given = option("output_shape"); given != nullptr) {
      if (given->is_integer()) {
        output_shape_.push_back(given->as_integer());
      } else {
        for (const io::Json& n : given->as_array()) output_shape_.push_back(n.as_integer());
      }
      if (output_shape_.rank() == 0 || *std::min_element(output_shape_.begin(), output_shape_.end()) < 1) {
        reject("expected output_shape to be None, an integer >= 1 or a tuple of them, received ", output_shape_);
      }
    }
  }

 protected:
  Shape result_shape(const Shape& query) const override {
    return output_shape_.rank() > 0 ? output_shape_ : HeadAttention::result_shape(query);
  }

  /// Only attention over all axes between batch and features, which is Keras's default.
  void check_axes(const Shape& query) const override {
    const io::Json* given = option("attention_axes");
    if (given == nullptr) return;
    std::vector<Index> axes;
    if (given->is_integer()) {
      axes.push_back(given->as_integer());
    } else {
      for (const io::Json& axis : given->as_array()) axes.push_back(axis.as_integer());
    }
    for (Index& axis : axes) axis = axis < 0 ? axis + query.rank() : axis;
    std::sort(axes.begin(), axes.end());
    bool all = static_cast<int>(axes.size()) == query.rank() - 2;
    for (std::size_t i = 0; all && i < axes.size(); ++i) all = axes[i] == static_cast<Index>(i) + 1;
    if (!all) {
      reject("expected attention_axes=None or all axes between batch and features (1 to ", query.rank() - 2,
             " for a query of shape ", query, "), received ", given->dump(),
             "; bring the other axes to the batch with Permute and Reshape first.");
    }
  }

 private:
  static Heads heads_from(const io::Json& config) {
    const Index heads = positive(config, "num_heads");
    const Index size = positive(config, "key_dim");
    const io::Json* value = config.find("value_dim");
    return {heads, heads, size, value == nullptr || value->is_null() ? size : positive(config, "value_dim")};
  }

  Shape output_shape_;
};

/// Ainslie et al. 2023.
class GroupQueryAttention final : public HeadAttention {
 public:
  explicit GroupQueryAttention(const io::Json& config) : HeadAttention(config, heads_from(config)) {}

 private:
  static Heads heads_from(const io::Json& config) {
    const Index size = positive(config, "head_dim");
    const Index heads = positive(config, "num_query_heads");
    const Index shared = positive(config, "num_key_value_heads");
    check(heads % shared == 0, "[", config.text("name", "layer"),
          "] expected num_query_heads to be a multiple of num_key_value_heads, received ", heads, " and ", shared);
    return {heads, shared, size, size};
  }
};

}  // namespace

Family attention_layers() {
  return {layer_class<MultiHeadAttention>("MultiHeadAttention"),
          layer_class<GroupQueryAttention>("GroupQueryAttention"),
          layer_class<GroupQueryAttention>("GroupedQueryAttention")};  // the class behind Keras's name, used in files
}

}  // namespace ranvier::nn
