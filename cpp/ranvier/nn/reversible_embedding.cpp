#include "ranvier/nn/families.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"

namespace ranvier::nn {
namespace {

/// An Embedding that also goes from features back to scores for the vocabulary, with the same table unless told otherwise
/// (Press & Wolf 2017).
class ReversibleEmbedding final : public KeywordLayer {
 public:
  explicit ReversibleEmbedding(const io::Json& config)
      : KeywordLayer(config),
        rows_(config.integer("input_dim")),
        width_(config.integer("output_dim")),
        tied_(config.flag("tie_weights", true)),
        cap_(option("logit_soft_cap") == nullptr ? 0 : config.number("logit_soft_cap")),
        forward_(make_layer("Embedding", plain(config))) {
    if (option("logit_soft_cap") != nullptr && !(cap_ > 0)) {
      reject("logit_soft_cap: expected a positive number or None, received ", cap_);
    }
  }

  std::vector<std::string> argument_names() const override { return {"inputs"}; }
  std::vector<std::string> option_names() const override { return {"reverse"}; }
  DType input_dtype(bool integral) const override { return integral ? DType::int64 : dtype(); }
  using KeywordLayer::output_shapes;
  Shapes output_shapes(const Call& call, const Shapes& inputs) const override {
    check_shape(call, inputs.front());
    Shape out = inputs.front();
    if (reversed(call)) {
      out[out.rank() - 1] = rows_;
    } else {
      out.push_back(width_);
    }
    return {out};
  }
  bool supports_masking() const override { return forward_->supports_masking(); }
  Tensors masks_for(const Tensors&, const Tensors& ys) const override { return Tensors(ys.size()); }
  bool streams() const override { return true; }
  Parameters parameters() const override {
    Parameters all = forward_->parameters();
    for (const auto& parameter : Layer::parameters()) all.push_back(parameter);
    return all;
  }
  void set_trainable(bool trainable) override {
    Layer::set_trainable(trainable);
    forward_->set_trainable(trainable);
  }

 protected:
  // The tables are the same whichever way the first call goes.
  void make_parameters(const Call& call, const Shapes& inputs) override {
    check_shape(call, inputs.front());
    forward_->build(Shape{-1, -1});
    if (!tied_) {
      back_ = add_parameter("reverse_embeddings", {width_, rows_}, "RandomUniform", true, "embeddings", {});
      back_->l1 = back_->l2 = 0;  // Keras penalizes the table of the forward way only
    }
  }
  void check_inputs(const Call& call, const Shapes& inputs) const override { check_shape(call, inputs.front()); }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor& x = xs.front();
    if (!reversed(call)) return {(*forward_)(x, context)};
    Tensor y =
        tied_ ? ops::matmul(x, forward_->parameters().front()->value, false, true) : ops::matmul(x, back_->value);
    if (cap_ > 0) {
      y = ops::sum_of({ops::unary(ops::Unary::tanh, ops::sum_of({y}, 1 / cap_))}, cap_);
    }
    return {y};
  }

 private:
  /// What the layer inside is made of: the penalty on outputs is this layer's.
  static io::Json plain(const io::Json& config) {
    io::Json::Object kept;
    for (const auto& [key, value] : config.as_object()) {
      if (key != "activity_regularizer") kept.emplace_back(key, value);
    }
    return kept;
  }
  static bool reversed(const Call& call) { return call.flag("reverse", false); }
  void check_shape(const Call& call, const Shape& input) const {
    if (!reversed(call) || (input.rank() > 0 && input.back() == width_)) return;
    reject("expected ", width_, " features (last axis) with reverse=True, received x with shape ", input);
  }

  Index rows_;
  Index width_;
  bool tied_;
  double cap_;
  Ref<Layer> forward_;
  Ref<Parameter> back_;
};

}  // namespace

Family reversible_layers() { return {layer_class<ReversibleEmbedding>("ReversibleEmbedding")}; }

}  // namespace ranvier::nn
