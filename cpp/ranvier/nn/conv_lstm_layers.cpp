#include <algorithm>

#include "ranvier/nn/families.h"
#include "ranvier/nn/random_layer.h"
#include "ranvier/nn/recurrence.h"
#include "ranvier/nn/spatial.h"
#include "ranvier/ops/conv.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

/// An LSTM whose products are convolutions (Shi et al. 2015) over the time steps of (batch, time, …, channels). The part of
/// the inputs is one convolution of all time steps; within, channels are last.
class ConvLSTM final : public KeywordLayer {
 public:
  using KeywordLayer::output_shapes;
  using KeywordLayer::outputs;

  ConvLSTM(const io::Json& config, int spatial)
      : KeywordLayer(config),
        generator_(seed_of(config)),
        spatial_(spatial),
        filters_(config.integer("filters")),
        window_(sizes_of(config, "kernel_size", static_cast<std::size_t>(spatial), {})),
        channels_first_(config.text("data_format", "channels_last") == "channels_first"),
        use_bias_(config.flag("use_bias", true)),
        return_sequences_(config.flag("return_sequences", false)),
        return_state_(config.flag("return_state", false)),
        go_backwards_(config.flag("go_backwards", false)),
        stateful_(config.flag("stateful", false)),
        zero_masked_(config.flag("zero_output_for_mask", false)),
        dropout_(config.number("dropout", 0.0)),
        recurrent_dropout_(config.number("recurrent_dropout", 0.0)),
        activation_(function_from("activation", "tanh")),
        gate_(function_from("recurrent_activation", "sigmoid")) {
    if (filters_ < 1) reject("expected filters >= 1, received ", filters_);
    if (window_.empty()) reject("expected a kernel_size, received none");
    if (!(dropout_ >= 0 && dropout_ <= 1 && recurrent_dropout_ >= 0 && recurrent_dropout_ <= 1)) {
      reject("expected dropout and recurrent_dropout in [0, 1], received ", dropout_, " and ", recurrent_dropout_);
    }
    options_.strides = sizes_of(config, "strides", static_cast<std::size_t>(spatial), {});
    options_.dilation = sizes_of(config, "dilation_rate", static_cast<std::size_t>(spatial), {});
    options_.padding = ops::padding_from(config.text("padding", "valid"));
    inner_.padding = ops::ConvOptions::Padding::same;
  }

  std::vector<std::string> argument_names() const override { return {"sequences", "initial_state", "mask"}; }
  std::size_t outputs(const Call& /*call*/) const override { return return_state_ ? 3 : 1; }
  Shapes output_shapes(const Call& /*call*/, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    const Shape state = state_shape(x);
    Shape output = state;
    if (return_sequences_) {
      output = {x[0], x[1]};
      for (int i = 1; i < state.rank(); ++i) output.push_back(state[i]);
    }
    return return_state_ ? Shapes{output, state, state} : Shapes{output};
  }
  bool supports_masking() const override { return true; }
  Tensor mask_for(const Tensor& x, const Tensor& /*y*/) const override {
    return return_sequences_ ? x.mask() : Tensor();
  }
  Tensors masks_for(const Tensors& xs, const Tensors& ys) const override {
    Tensors masks(ys.size());
    masks[0] = mask_for(xs[0], ys[0]);
    return masks;
  }
  bool streams() const override { return false; }
  std::vector<Generator*> generators() override { return {&generator_}; }

  Tensors states() const override { return kept_.values(); }
  void set_states(const Tensors& states) override {
    if (!stateful_) reject("expected stateful=True for states that are kept between batches");
    if (!states.empty()) {
      Shapes shapes;
      for (const Tensor& state : states) {
        shapes.push_back(state.shape());
        if (state.dtype() != dtype()) reject("expected states of dtype ", name_of(dtype()));
      }
      check_states("states", shapes, input_shape());
    }
    kept_.set(states, dtype());
  }

 protected:
  void make_parameters(const Call& /*call*/, const Shapes& inputs) override {
    const Shape& x = inputs.front();
    state_shape(x);
    const Index channels = x[channel_axis()];
    if (channels < 1) reject("expected a known number of channels on axis ", channel_axis(), ", received shape ", x);
    const auto shape = [&](Index in) {
      Shape made{std::span<const Index>(window_)};
      made.push_back(in);
      made.push_back(4 * filters_);
      return made;
    };
    kernel_ = add_parameter("kernel", shape(channels), "GlorotUniform");
    recurrent_ = add_parameter("recurrent_kernel", shape(filters_), "Orthogonal", true, "recurrent");
    if (!use_bias_) return;
    bias_ = add_parameter("bias", {4 * filters_}, "Zeros");
    if (!config().flag("unit_forget_bias", true)) return;
    dispatch_floating(dtype(), "bias", [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::fill_n(bias_->value.data<T>() + filters_, filters_, T{1});
    });
  }

  void check_inputs(const Call& call, const Shapes& inputs) const override {
    const Shape& x = inputs.front();
    state_shape(x);
    const Index channels = kernel_->value.dim(spatial_);
    if (x[channel_axis()] != channels) {
      reject("expected ", channels, " channels (axis ", channel_axis(), "), received x with shape ", x, ".");
    }
    const Shapes given = call.all(inputs, "initial_state");
    if (!given.empty()) check_states("initial_state", given, x);
    const Shape* mask = call.find(inputs, "mask");
    if (mask != nullptr && (mask->rank() != 2 || (*mask)[1] != x[1])) {
      reject("mask: expected shape ", x.slice(0, 2), " (batch, time), received ", *mask, ".");
    }
  }

  Tensors call(const Call& call, const Tensors& xs, Context& context) override {
    const Tensor& given_x = xs.front();
    const Tensor given_mask = call.find(xs, "mask");
    const Tensor mask = given_mask.defined() ? given_mask : given_x.mask();
    const Tensor x = channels_first_ ? channels_moved(given_x, 2, given_x.rank() - 1) : given_x;
    const Index batch = x.dim(0);
    const Index steps = x.dim(1);
    const Shape state = state_shape(given_x.shape());
    Tensors before = call.all(xs, "initial_state");
    if (before.empty()) {
      before = stateful_ ? kept_.begin({state, state}, dtype()) : Tensors{zeros(state), zeros(state)};
    }
    Tensor h = channels_first_ ? channels_moved(before[0], 1, before[0].rank() - 1) : before[0];
    Tensor c = channels_first_ ? channels_moved(before[1], 1, before[1].rank() - 1) : before[1];

    const Tensor gates = projected(x, context.training);
    Tensor factors;
    if (context.training && acts(recurrent_dropout_)) factors = dropped(h.shape(), recurrent_dropout_);
    Tensors all;
    Tensor y;
    for (Index i = 0; i < steps; ++i) {
      const Index t = go_backwards_ ? steps - 1 - i : i;
      const Tensor z = ops::squeeze(ops::slice(gates, {{}, {t, t + 1}}), {1});
      const Tensor inner = ops::conv(factors.defined() ? ops::multiply(h, factors) : h, recurrent_->value, {}, inner_);
      const Tensors part = quarters(ops::add(z, inner));
      Tensor new_c = ops::add(ops::multiply(gate_(part[1]), c), ops::multiply(gate_(part[0]), activation_(part[2])));
      Tensor new_h = ops::multiply(gate_(part[3]), activation_(new_c));
      if (mask.defined()) {
        std::vector<Index> ones(static_cast<std::size_t>(new_h.rank()), 1);
        ones[0] = batch;
        const Tensor counts = ops::reshape(ops::slice(mask, {{}, {t, t + 1}}), ones);
        const Tensor otherwise = y.defined() && !zero_masked_ ? y : zeros(new_h.shape());
        y = ops::where(counts, new_h, otherwise);
        h = ops::where(counts, new_h, h);
        c = ops::where(counts, new_c, c);
      } else {
        y = h = new_h;
        c = new_c;
      }
      if (return_sequences_) all.push_back(y);
    }
    Tensor output = return_sequences_ ? ops::stack(all, 1) : y;
    if (channels_first_) {
      output = channels_moved(output, output.rank() - 1, return_sequences_ ? 2 : 1);
      h = channels_moved(h, h.rank() - 1, 1);
      c = channels_moved(c, c.rank() - 1, 1);
    }
    if (stateful_) kept_.keep({h, c}, context);
    if (return_sequences_ && given_mask.defined()) output.set_mask(given_mask);
    return return_state_ ? Tensors{output, h, c} : Tensors{output};
  }

 private:
  Activation function_from(const char* key, const char* otherwise) const {
    const io::Json fallback(otherwise);
    const io::Json* given = option(key);
    return activation_from(given != nullptr ? given : &fallback);
  }

  int channel_axis() const { return channels_first_ ? 2 : spatial_ + 2; }
  static bool acts(double rate) { return rate > 0 && rate < 1; }

  /// Zeros written by a recorded kernel.
  Tensor zeros(const Shape& shape) const { return ranvier::full(shape, 0, dtype()); }

  static Tensor channels_moved(const Tensor& x, int from, int to) {
    std::vector<Index> axes;
    for (int i = 0; i < x.rank(); ++i) {
      if (i != from) axes.push_back(i);
    }
    axes.insert(axes.begin() + to, from);
    return ops::transpose(x, axes);
  }

  /// The shape of a state for sequences of this shape; rejects what the layer cannot take.
  Shape state_shape(const Shape& x) const {
    if (x.rank() != spatial_ + 3) {
      static constexpr const char* axes[] = {"steps", "height, width", "depth, height, width"};
      const char* names = axes[spatial_ - 1];
      reject("expected (batch, time, ", channels_first_ ? "channels, " : "", names, channels_first_ ? "" : ", channels",
             "), received x with shape ", x, ".");
    }
    if (x[1] == 0) reject("expected at least one time step, received x with shape ", x, ".");
    Shape step{x[0]};
    for (int i = 2; i < x.rank(); ++i) step.push_back(x[i]);
    ops::ConvOptions options = options_;
    options.channels_first = channels_first_;
    try {
      return ops::conv_shape(step, window_, filters_, options);
    } catch (const ValueError& error) {
      reject(error.what());
    }
  }

  void check_states(const char* what, const Shapes& given, const Shape& x) const {
    Shape wanted = state_shape(x);
    if (given.size() != 2) reject(what, ": expected 2 of shape ", wanted, ", received ", given.size());
    for (const Shape& one : given) {
      if (wanted[0] < 0 || stateful_) wanted[0] = one.rank() > 0 ? one[0] : 0;
      if (one != wanted) reject(what, ": expected shape ", wanted, ", received ", one, ".");
    }
  }

  Tensor dropped(const Shape& shape, double rate) {
    return ops::dropout(ranvier::full(shape, 1, dtype()), rate, {}, generator_);
  }

  /// What the inputs add to the gates at all time steps.
  Tensor projected(const Tensor& x, bool training) {
    Tensor read = x;
    if (training && acts(dropout_)) {
      Shape once = x.shape();
      once[1] = 1;
      read = ops::multiply(x, dropped(once, dropout_));
    }
    std::vector<Index> folded{x.dim(0) * x.dim(1)};
    for (int i = 2; i < x.rank(); ++i) folded.push_back(x.dim(i));
    const Tensor y =
        ops::conv(ops::reshape(read, folded), kernel_->value, use_bias_ ? bias_->value : Tensor(), options_);
    std::vector<Index> sizes{x.dim(0), x.dim(1)};
    for (int i = 1; i < y.rank(); ++i) sizes.push_back(y.dim(i));
    return ops::reshape(y, sizes);
  }

  /// The parts of the gates i, f, c, o.
  Tensors quarters(const Tensor& z) const {
    Tensors parts;
    for (Index i = 0; i < 4; ++i) {
      std::vector<ops::Range> ranges(static_cast<std::size_t>(z.rank()));
      ranges.back() = {i * filters_, (i + 1) * filters_};
      parts.push_back(ops::slice(z, ranges));
    }
    return parts;
  }

  Generator generator_;
  int spatial_;
  Index filters_;
  std::vector<Index> window_;
  bool channels_first_;
  bool use_bias_;
  bool return_sequences_;
  bool return_state_;
  bool go_backwards_;
  bool stateful_;
  bool zero_masked_;
  double dropout_;
  double recurrent_dropout_;
  Activation activation_;
  Activation gate_;
  ops::ConvOptions options_;
  ops::ConvOptions inner_;
  Ref<Parameter> kernel_;
  Ref<Parameter> recurrent_;
  Ref<Parameter> bias_;
  KeptStates kept_;
};

template <int spatial>
LayerClass conv_lstm(const char* name) {
  return {name, [](const io::Json& config) -> Ref<Layer> { return make_ref<ConvLSTM>(config, spatial); }};
}

}  // namespace

Family conv_lstm_layers() {
  return {conv_lstm<1>("ConvLSTM1D"), conv_lstm<2>("ConvLSTM2D"), conv_lstm<3>("ConvLSTM3D")};
}

}  // namespace ranvier::nn
