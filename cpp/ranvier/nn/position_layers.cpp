// Where in a sequence a step is: learned, sinusoidal and rotary positions, under KerasHub's names.
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "ranvier/nn/families.h"
#include "ranvier/nn/keyword_layer.h"
#include "ranvier/nn/stream.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/position.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {

namespace {

/// Positions have to stay below this, so that no call can ask for a table of any size.
constexpr Index most_positions = Index{1} << 20;

/// Sines and cosines of the positions so far, made once; longer sequences get a table twice as long. Earlier ones are
/// kept: steps recorded before read them.
class WaveTable {
 public:
  Tensor rows(Index start, Index steps, const std::vector<ops::Wave>& columns, DType dtype) {
    const Index end = start + steps;
    if (tables_.empty() || tables_.back().dim(0) < end) {
      const Index room = tables_.empty() ? end : std::max(end, 2 * tables_.back().dim(0));
      // Not the memory of a program that records, which later tensors of the step would overwrite.
      const PoolScope outside(Pool::global());
      tables_.push_back(ops::waves(std::min(room, most_positions), columns, dtype));
    }
    return ranvier::rows(tables_.back(), start, steps);
  }

 private:
  std::deque<Tensor> tables_;
};

/// Layers that know where a piece of a sequence begins: from the call's start_index, and in streams from what was read.
class Positions : public KeywordLayer {
 public:
  using KeywordLayer::KeywordLayer;
  using KeywordLayer::output_shapes;
  std::vector<std::string> argument_names() const override { return {"inputs"}; }
  std::vector<std::string> option_names() const override { return {"start_index"}; }
  bool supports_masking() const override { return true; }
  Shapes output_shapes(const Call&, const Shapes& inputs) const override { return inputs; }

 protected:
  /// The position of the first of `steps` steps, which have to end before `end`.
  Index first_position(const Call& call, Context& context, Index steps, Index end, const char* limit) const {
    Index start = call.options.integer("start_index", 0);
    if (start < 0) reject("start_index: expected 0 or more, received ", start);
    if (context.stream != nullptr) {
      StreamSlot& slot = context.stream->slot(*this);
      start = std::min(start, end) + slot.steps();
      slot.advance({}, steps);
    }
    if (start > end || steps > end - start) {
      reject(
          "expected positions below ", end, " (", limit, "), received ", steps, " steps from position ", start, " on",
          end != most_positions ? "; make the layer with a larger sequence_length, or feed shorter sequences." : ".");
    }
    return start;
  }
};

/// A trained row for each position.
class PositionEmbedding final : public Positions {
 public:
  explicit PositionEmbedding(const io::Json& config) : Positions(config), length_(config.integer("sequence_length")) {
    if (length_ < 1) reject("sequence_length: expected 1 or more, received ", length_);
  }

  /// Those of the steps of x (…, time, features).
  Tensor rows(const Call& call, const Tensor& x, Context& context) const {
    const Index steps = x.dim(x.rank() - 2);
    const Index start = first_position(call, context, steps, length_, "sequence_length");
    return start == 0 && steps == length_ ? table_->value : ops::slice(table_->value, {{start, start + steps}});
  }

 protected:
  void make_parameters(const Call&, const Shapes& inputs) override {
    const Shape& input = inputs.front();
    if (input.rank() < 2 || input.back() < 1) {
      reject("expected (..., time, features) with a known number of features, received shape ", input);
    }
    table_ = add_parameter("embeddings", {length_, input.back()}, "GlorotUniform", true, "");
  }
  void check_inputs(const Call&, const Shapes& inputs) const override {
    const Shape& input = inputs.front();
    if (input.rank() >= 2 && input.back() == table_->value.dim(1)) return;
    reject("expected ", table_->value.dim(1), " features (last axis), received x with shape ", input);
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    return {ops::broadcast_to(rows(call, xs[0], context), xs[0].shape())};
  }

 private:
  Index length_;
  Ref<Parameter> table_;
};

/// Layers without weights that read tables of sines and cosines, one for each number of features.
class Waves : public Positions {
 public:
  explicit Waves(const io::Json& config) : Positions(config), wavelength_(config.number("max_wavelength", 10000.0)) {
    if (!(wavelength_ > 0)) reject("max_wavelength: expected a positive number, received ", wavelength_);
  }

 protected:
  Tensor table(const Call& call, Context& context, Index steps, Index features) {
    const Index start = first_position(call, context, steps, most_positions, "the most there are");
    return tables_[features].rows(start, steps, columns(features), dtype());
  }
  virtual std::vector<ops::Wave> columns(Index features) const = 0;
  /// wavelength^(−share): the frequencies fall from 1 to 1/wavelength.
  double frequency(Index i, Index of) const {
    return std::pow(wavelength_, -static_cast<double>(i) / static_cast<double>(of));
  }

 private:
  double wavelength_;
  std::map<Index, WaveTable> tables_;
};

/// Vaswani et al. 2017: sines at even features, cosines of the same angles at odd ones.
class SinePositionEncoding final : public Waves {
 public:
  using Waves::Waves;

 protected:
  std::vector<ops::Wave> columns(Index features) const override {
    std::vector<ops::Wave> made;
    for (Index j = 0; j < features; ++j) made.push_back({frequency(j / 2 * 2, features), j % 2 == 1});
    return made;
  }
  void make_parameters(const Call& call, const Shapes& inputs) override { check_inputs(call, inputs); }
  void check_inputs(const Call&, const Shapes& inputs) const override {
    if (inputs.front().rank() < 2) reject("expected (..., time, features), received shape ", inputs.front());
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Shape& shape = xs[0].shape();
    return {ops::broadcast_to(table(call, context, shape[shape.rank() - 2], shape.back()), shape)};
  }
};

/// Su et al. 2021: pairs of features half the features apart are turned by angles that grow with the position.
class RotaryEmbedding final : public Waves {
 public:
  explicit RotaryEmbedding(const io::Json& config)
      : Waves(config),
        scaling_(config.number("scaling_factor", 1.0)),
        sequence_axis_(config.integer("sequence_axis", 1)),
        feature_axis_(config.integer("feature_axis", -1)) {
    if (!(scaling_ > 0)) reject("scaling_factor: expected a positive number, received ", scaling_);
  }
  // Time is axis 1.
  bool streams() const override { return sequence_axis_ == 1; }

 protected:
  std::vector<ops::Wave> columns(Index features) const override {
    std::vector<ops::Wave> made;
    for (const bool cosine : {true, false}) {
      for (Index j = 0; j < features / 2; ++j) made.push_back({frequency(2 * j, features) / scaling_, cosine});
    }
    return made;
  }
  void make_parameters(const Call& call, const Shapes& inputs) override { check_inputs(call, inputs); }
  void check_inputs(const Call&, const Shapes& inputs) const override {
    const Shape& input = inputs.front();
    const int time = normalize_axis(sequence_axis_, input.rank(), "sequence_axis");
    const int features = normalize_axis(feature_axis_, input.rank(), "feature_axis");
    if (time == features) reject("expected sequence_axis and feature_axis to differ, received ", time, " for both");
    if (input[features] != -1 && input[features] % 2 != 0) {
      reject("expected an even number of features (axis ", feature_axis_, "), received x with shape ", input);
    }
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor& x = xs[0];
    int time = normalize_axis(sequence_axis_, x.rank(), "sequence_axis");
    const int features = normalize_axis(feature_axis_, x.rank(), "feature_axis");
    const Tensor turns = table(call, context, x.dim(time), x.dim(features));
    if (features == x.rank() - 1) return {ops::rotary(x, time, turns)};
    // The features change places with the last axis, which may be time.
    std::vector<Index> swapped;
    for (Index i = 0; i < x.rank(); ++i) swapped.push_back(i);
    std::swap(swapped[static_cast<std::size_t>(features)], swapped.back());
    if (time == x.rank() - 1) time = features;
    return {ops::transpose(ops::rotary(ops::transpose(x, swapped), time, turns), swapped)};
  }

 private:
  double scaling_;
  Index sequence_axis_;
  Index feature_axis_;
};

/// An embedding of tokens plus one of their positions; with tie_weights the table also serves backwards.
class TokenAndPositionEmbedding final : public KeywordLayer {
 public:
  explicit TokenAndPositionEmbedding(const io::Json& config)
      : KeywordLayer(config),
        tokens_(make_layer("ReversibleEmbedding", inner_config(config, "token_embedding"))),
        positions_(make_ref<PositionEmbedding>(inner_config(config, "position_embedding"))) {
    TokenAndPositionEmbedding::set_trainable(Layer::trainable());
  }

  std::vector<std::string> argument_names() const override { return {"inputs"}; }
  std::vector<std::string> option_names() const override { return {"start_index"}; }
  DType argument_dtype(std::string_view, bool integral) const override { return tokens_->input_dtype(integral); }
  using KeywordLayer::output_shapes;
  Shapes output_shapes(const Call&, const Shapes& inputs) const override {
    return {tokens_->output_shape(inputs.front())};
  }
  bool supports_masking() const override { return tokens_->supports_masking(); }
  bool streams() const override { return true; }
  Parameters parameters() const override {
    Parameters all = tokens_->parameters();
    for (const auto& parameter : positions_->parameters()) all.push_back(parameter);
    return all;
  }
  void set_trainable(bool trainable) override {
    Layer::set_trainable(trainable);
    tokens_->set_trainable(trainable);
    positions_->set_trainable(trainable);
  }

 protected:
  void make_parameters(const Call&, const Shapes& inputs) override {
    const Shape& input = inputs.front();
    if (input.rank() < 1) reject("expected indices of shape (..., time), received a scalar");
    tokens_->build(input);
    positions_->build(tokens_->output_shape(input));
    for (const Layer* part : std::initializer_list<const Layer*>{tokens_.get(), positions_.get()}) {
      for (const auto& parameter : part->parameters()) {
        parameter->name = part->name() + "/" + parameter->name;
        parameter->path = name() + "/" + parameter->name;
      }
    }
  }
  void check_inputs(const Call&, const Shapes& inputs) const override {
    if (inputs.front().rank() < 1) reject("expected indices of shape (..., time), received a scalar");
  }
  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor embedded = (*tokens_)(xs[0], context);
    const Tensor y = ops::add(embedded, positions_->rows(call, embedded, context));
    y.set_mask(embedded.mask());
    return {y};
  }

 private:
  static io::Json inner_config(const io::Json& config, const char* part) {
    const auto copied = [&](io::Json::Object& to, const char* key, const char* from) {
      if (const io::Json* given = config.find(from); given != nullptr) to.emplace_back(key, *given);
    };
    io::Json::Object made{{"name", part}};
    copied(made, "dtype", "dtype");
    if (std::string_view(part) == "token_embedding") {
      copied(made, "input_dim", "vocabulary_size");
      copied(made, "output_dim", "embedding_dim");
      copied(made, "tie_weights", "tie_weights");
      copied(made, "embeddings_initializer", "embeddings_initializer");
      copied(made, "mask_zero", "mask_zero");
    } else {
      copied(made, "sequence_length", "sequence_length");
      copied(made, "initializer", "embeddings_initializer");
    }
    return made;
  }

  Ref<Layer> tokens_;
  Ref<PositionEmbedding> positions_;
};

}  // namespace

Family position_layers() {
  return {layer_class<PositionEmbedding>("PositionEmbedding"),
          layer_class<SinePositionEncoding>("SinePositionEncoding"), layer_class<RotaryEmbedding>("RotaryEmbedding"),
          layer_class<TokenAndPositionEmbedding>("TokenAndPositionEmbedding")};
}

}  // namespace ranvier::nn
