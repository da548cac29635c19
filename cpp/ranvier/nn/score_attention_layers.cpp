// Attention (Luong et al. 2015) and AdditiveAttention (Bahdanau et al. 2015): one head, no projections.
#include "ranvier/nn/attention_masks.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/random_layer.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

/// What both share: [query, value, key], where key is value unless given; masks of query and value; causality. A query
/// that sees no key gets zeros, as does a masked one.
class ScoreAttention : public KeywordLayer {
 public:
  ScoreAttention(const io::Json& config, bool use_scale)
      : KeywordLayer(config),
        use_scale_(config.flag("use_scale", use_scale)),
        dropout_(config.number("dropout", 0.0)),
        generator_(seed_of(config)) {
    if (!(dropout_ >= 0 && dropout_ <= 1)) reject("expected 0 <= dropout <= 1, received ", dropout_);
  }

  bool takes_list() const override { return true; }
  std::vector<std::string> argument_names() const override {
    return {"query", "value", "key", "query_mask", "value_mask"};
  }
  std::vector<std::string> option_names() const override { return {"return_attention_scores", "use_causal_mask"}; }
  std::vector<Generator*> generators() override { return {&generator_}; }

  std::size_t outputs(const Call& call) const override { return wants_scores(call) ? 2 : 1; }
  Shapes output_shapes(const Call& call, const Shapes& inputs) const override {
    const Parts<Shape> s = parts(call, inputs);
    check_shapes(s);
    const Shape out{s.query[0], s.query[1], s.value[2]};
    if (!wants_scores(call)) return {out};
    return {out, {s.query[0], s.query[1], s.key[1]}};
  }
  /// The result's is the query's; scores have none.
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override {
    Tensors masks(ys.size());
    masks.front() = xs.front().mask();
    return masks;
  }

 protected:
  template <class T>
  struct Parts {
    T query, value, key;
  };

  /// Scores (batch, queries, keys) before masks and softmax.
  virtual Tensor scores(const Parts<Tensor>& x) const = 0;
  /// Scores that are products q·k of the vectors of a query and a key can be computed in blocks.
  virtual bool in_blocks() const { return false; }
  virtual Tensor scaled_query(const Tensor& query) const { return query; }

  void make_parameters(const Call& call, const Shapes& inputs) override { check_shapes(parts(call, inputs)); }
  void check_inputs(const Call& call, const Shapes& inputs) const override { check_shapes(parts(call, inputs)); }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Parts<Tensor> x = parts(call, xs);
    const auto mask_of = [&](const char* argument, const Tensor& owner) {
      const Tensor given = call.find(xs, argument);
      return step_mask(*this, argument, given.defined() ? given : owner.mask(), x.query.dim(0), owner.dim(1));
    };
    const Tensor query_mask = mask_of("query_mask", x.query);
    ops::AttentionMasks masks;
    masks.keys = mask_of("value_mask", x.value);
    ops::AttentionOptions options;
    options.causal = call.flag("use_causal_mask", false);
    if (context.training) options.dropout = dropout_;
    options.generator = &generator_;

    Tensors ys;
    if (in_blocks() && !wants_scores(call)) {
      masks.queries = query_mask;
      const auto one_head = [](const Tensor& t) { return ops::expand_dims(t, 2); };
      const Tensor y =
          ops::attention(one_head(scaled_query(x.query)), one_head(x.key), one_head(x.value), masks, options);
      ys.push_back(ops::squeeze(y, {2}));
    } else {
      const Tensor raw = ops::expand_dims(scores(x), 1);
      const Tensor probabilities = ops::squeeze(ops::masked_softmax(raw, masks, options), {1});
      const Tensor kept =
          options.dropout > 0 ? ops::dropout(probabilities, options.dropout, {}, *options.generator) : probabilities;
      Tensor y = ops::matmul(kept, x.value);
      if (query_mask.defined()) y = ops::where(ops::expand_dims(query_mask, 2), y, full({}, 0, y.dtype()));
      ys = {y, probabilities};
      ys.resize(outputs(call));
    }
    if (const Tensor given = call.find(xs, "query_mask"); given.defined()) ys[0].set_mask(given);
    return ys;
  }

  bool use_scale() const { return use_scale_; }
  static Index features(const Shapes& inputs) { return inputs.front().back(); }

 private:
  static bool wants_scores(const Call& call) { return call.flag("return_attention_scores", false); }

  template <class Values>
  static Parts<typename Values::value_type> parts(const Call& call, const Values& values) {
    Parts<typename Values::value_type> found{};
    bool has_key = false;
    for (std::size_t i = 0; i < values.size() && i < call.arguments.size(); ++i) {
      if (call.arguments[i] == "query") found.query = values[i];
      if (call.arguments[i] == "value") found.value = values[i];
      if (call.arguments[i] == "key") {
        found.key = values[i];
        has_key = true;
      }
    }
    if (!has_key) found.key = found.value;
    return found;
  }

  void check_shapes(const Parts<Shape>& s) const {
    if (s.value.rank() == 0) reject("expected a list of [query, value] or [query, value, key], received one tensor");
    const auto meet = [](Index a, Index b) { return a == b || a == -1 || b == -1; };
    const bool fits = s.query.rank() == 3 && s.value.rank() == 3 && s.key.rank() == 3 && meet(s.query[0], s.value[0]) &&
                      meet(s.query[0], s.key[0]) && meet(s.value[1], s.key[1]) && meet(s.query[2], s.key[2]);
    if (!fits) {
      reject("expected query (batch, Tq, dim), value (batch, Tv, value_dim) and key (batch, Tv, dim), received shapes ",
             s.query, ", ", s.value, " and ", s.key);
    }
  }

  bool use_scale_;
  double dropout_;
  Generator generator_;
};

/// (batch, Tq, 1, dim) + (batch, 1, Tk, dim)
Tensor pairwise_sum(const Tensor& query, const Tensor& key) {
  return ops::add(ops::expand_dims(query, 2), ops::expand_dims(key, 1));
}

/// score_mode "dot": scale·q·k; "concat": weight·Σ tanh(scale·(q + k)).
class Attention final : public ScoreAttention {
 public:
  explicit Attention(const io::Json& config) : ScoreAttention(config, false) {
    const std::string mode = config.text("score_mode", "dot");
    if (mode != "dot" && mode != "concat") reject("expected score_mode 'dot' or 'concat', received '", mode, "'");
    concat_ = mode == "concat";
  }

 protected:
  void make_parameters(const Call& call, const Shapes& inputs) override {
    ScoreAttention::make_parameters(call, inputs);
    if (use_scale()) scale_ = add_parameter("scale", {}, "Ones");
    if (concat_) weight_ = add_parameter("concat_score_weight", {}, "Ones");
  }
  bool in_blocks() const override { return !concat_; }
  Tensor scaled_query(const Tensor& query) const override {
    return scale_ ? ops::multiply(query, scale_->value) : query;
  }
  Tensor scores(const Parts<Tensor>& x) const override {
    if (!concat_) return ops::matmul(scaled_query(x.query), x.key, false, true);
    Tensor sum = pairwise_sum(x.query, x.key);
    if (scale_) sum = ops::multiply(sum, scale_->value);
    return ops::multiply(ops::sum(ops::unary(ops::Unary::tanh, sum), {-1}, false), weight_->value);
  }

 private:
  bool concat_ = false;
  Ref<Parameter> scale_, weight_;
};

/// Σ scale∘tanh(q + k).
class AdditiveAttention final : public ScoreAttention {
 public:
  explicit AdditiveAttention(const io::Json& config) : ScoreAttention(config, true) {}

 protected:
  void make_parameters(const Call& call, const Shapes& inputs) override {
    ScoreAttention::make_parameters(call, inputs);
    if (use_scale()) scale_ = add_parameter("scale", {features(inputs)}, "GlorotUniform");
  }
  void check_inputs(const Call& call, const Shapes& inputs) const override {
    ScoreAttention::check_inputs(call, inputs);
    if (scale_ && features(inputs) != scale_->value.dim(0)) {
      reject("expected ", scale_->value.dim(0), " features (last axis), received a query of shape ", inputs.front());
    }
  }
  Tensor scores(const Parts<Tensor>& x) const override {
    Tensor sum = ops::unary(ops::Unary::tanh, pairwise_sum(x.query, x.key));
    if (scale_) sum = ops::multiply(sum, scale_->value);
    return ops::sum(sum, {-1}, false);
  }

 private:
  Ref<Parameter> scale_;
};

}  // namespace

Family score_attention_layers() {
  return {layer_class<Attention>("Attention"), layer_class<AdditiveAttention>("AdditiveAttention")};
}

}  // namespace ranvier::nn
