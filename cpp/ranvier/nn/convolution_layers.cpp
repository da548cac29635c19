#include <array>

#include "ranvier/nn/activation.h"
#include "ranvier/nn/families.h"
#include "ranvier/nn/fusion.h"
#include "ranvier/nn/spatial.h"
#include "ranvier/nn/stream.h"
#include "ranvier/ops/conv.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

using Sizes = std::vector<Index>;

/// What all convolutions share: the window, the activation, the bias, and what they say about a wrong input.
class Convolution : public Layer, public ProductLayer {
 public:
  Convolution(const io::Json& config, int spatial)
      : Layer(config),
        spatial_(spatial),
        window_(sizes_of(config, "kernel_size", static_cast<std::size_t>(spatial), {})),
        activation_(activation_from(config.find("activation"))),
        use_bias_(config.flag("use_bias", true)) {
    const auto sizes = [&](const char* key) { return sizes_of(config, key, static_cast<std::size_t>(spatial), {}); };
    options_.strides = sizes("strides");
    options_.dilation = sizes("dilation_rate");
    options_.output_padding = sizes("output_padding");
    options_.padding = ops::padding_from(config.text("padding", "valid"));
    options_.channels_first = config.text("data_format", "channels_last") == "channels_first";
    if (window_.empty()) reject("expected a kernel_size, received none");
    // The op of its own notes what a sigmoid was computed from, which a cross-entropy then reads.
    fused_ = activation_.elementwise() && activation_.function != ops::Unary::sigmoid;
    if (fused_) {
      options_.activation = activation_.function;
      options_.args = activation_.args;
    }
  }

  Shape output_shape(const Shape& input) const override {
    const Index channels = check_channels(input);
    try {
      Shape out = shape_of(input, filters(channels));
      if (activation_.kind == Activation::Kind::glu && out.back() >= 0) out[out.rank() - 1] /= 2;
      return out;
    } catch (const ValueError& error) {
      reject(error.what());
    }
  }

  bool streams() const override {
    return options_.padding == ops::ConvOptions::Padding::causal &&
           (options_.strides.empty() || options_.strides[0] == 1);
  }

  bool open() const override { return fused_ && activation_.function == ops::Unary::identity; }
  int channel_axis(int rank) const override { return options_.channels_first ? 1 : rank - 1; }
  ops::Weights weights() const override { return {last_kernel()->value, use_bias_ ? bias_->value : Tensor()}; }
  Tensor multiply(const Tensor& x, const ops::Weights& weights, const Pointwise& f) override {
    ops::ConvOptions options = options_;
    options.activation = f.function;
    options.args = f.args;
    return convolve(x, weights, options);
  }

 protected:
  virtual Index filters(Index channels) const = 0;
  virtual Shape shape_of(const Shape& input, Index n) const { return ops::conv_shape(input, window_, n, options_); }
  virtual void make_kernels(Index channels) = 0;
  /// The kernel whose results the bias is added to.
  virtual const Ref<Parameter>& last_kernel() const = 0;
  virtual Tensor convolve(const Tensor& x, const ops::Weights& weights, const ops::ConvOptions& options) const = 0;

  void make_parameters(const Shape& input) override {
    const Index channels = check_channels(input);
    if (channels < 1)
      reject("expected a known number of channels on axis ", channel_axis(spatial_ + 2), ", received shape ", input);
    output_shape(input);
    make_kernels(channels);
    if (use_bias_) bias_ = add_parameter("bias", {filters(channels)}, "Zeros");
    channels_ = channels;
  }

  void check_input(const Shape& input) const override {
    const Index channels = check_channels(input);
    if (channels == channels_) return;
    const int other = options_.channels_first ? input.rank() - 1 : 1;
    reject("expected ", channels_, " channels (axis ", channel_axis(spatial_ + 2), "), received x with shape ", input,
           input[other] != channels_ ? ""
           : options_.channels_first ? "; with channels last use data_format='channels_last'"
                                     : "; with channels first use data_format='channels_first'",
           ".");
  }

  Tensor call(const Tensor& x, Context& context) override {
    const Tensor y =
        context.stream == nullptr ? convolve(x, weights(), options_) : convolve_piece(x, context.stream->slot(*this));
    return fused_ ? y : activation_(y);
  }

  // The inputs that windows of the next piece reach back to stand in front of it.
  Tensor convolve_piece(const Tensor& x, StreamSlot& slot) const {
    const Index reach = (window_[0] - 1) * (options_.dilation.empty() ? 1 : options_.dilation[0]);
    const int time = options_.channels_first ? 2 : 1;
    Shape before = x.shape();
    before[time] = reach;
    const Tensor joined =
        ops::concatenate({slot.state().empty() ? zeros(before, x.dtype()) : slot.state()[0], x}, time);
    ops::ConvOptions options = options_;
    options.padding = ops::ConvOptions::Padding::valid;
    std::vector<ops::Range> last(static_cast<std::size_t>(time) + 1);
    last.back().start = x.dim(time);
    slot.advance({ops::slice(joined, last)}, x.dim(time));
    return convolve(joined, weights(), options);
  }

  Shape kernel_shape(Index in, Index out) const {
    Shape shape{std::span<const Index>(window_)};
    shape.push_back(in);
    shape.push_back(out);
    return shape;
  }

  int spatial_;
  Sizes window_;
  ops::ConvOptions options_;

 private:
  /// The number of channels, -1 if unknown, of an input whose rank is right.
  Index check_channels(const Shape& input) const {
    if (input.rank() == spatial_ + 2) return input[channel_axis(spatial_ + 2)];
    static constexpr std::array axes{"steps", "height, width", "depth, height, width"};
    const std::string expected =
        concat_text(options_.channels_first ? "batch, channels, " : "batch, ",
                    axes[static_cast<std::size_t>(spatial_ - 1)], options_.channels_first ? "" : ", channels");
    const bool one_short = input.rank() == spatial_ + 1;
    // A sample of its own shows by its channels, which are few in images.
    const Index channels = one_short ? input[options_.channels_first ? 0 : input.rank() - 1] : 0;
    const bool sample = one_short && (channels_ > 0 ? channels == channels_ : channels == 3 || channels == 4);
    reject("expected an input of rank ", spatial_ + 2, " (", expected, "), received x with shape ", input,
           sample ? "; a single sample needs a batch axis: x[None]."
           : one_short
               ? concat_text("; add a channel axis: ", options_.channels_first ? "x[:, None]." : "x[..., None].")
               : ".");
  }

  Activation activation_;
  bool use_bias_;
  bool fused_ = false;
  Index channels_ = 0;
  Ref<Parameter> bias_;
};

/// y = f(conv(x, kernel) + bias), in groups of channels.
class Conv final : public Convolution {
 public:
  Conv(const io::Json& config, int spatial)
      : Convolution(config, spatial), filters_(config.integer("filters")), groups_(config.integer("groups", 1)) {
    if (filters_ < 1) reject("expected filters >= 1, received ", filters_);
    if (groups_ < 1 || filters_ % groups_ != 0) {
      reject("expected filters divisible by groups, received filters=", filters_, " and groups=", groups_);
    }
  }

 protected:
  Index filters(Index) const override { return filters_; }
  void make_kernels(Index channels) override {
    if (channels % groups_ != 0) {
      reject("expected input channels divisible by groups=", groups_, ", received ", channels, " channels");
    }
    kernel_ = add_parameter("kernel", kernel_shape(channels / groups_, filters_), "GlorotUniform");
  }
  const Ref<Parameter>& last_kernel() const override { return kernel_; }
  Tensor convolve(const Tensor& x, const ops::Weights& weights, const ops::ConvOptions& options) const override {
    return ops::conv(x, weights.kernel, weights.bias, options);
  }

 private:
  Index filters_;
  Index groups_;
  Ref<Parameter> kernel_;
};

/// The gradient of a convolution as a layer: a larger result with learned weights.
class ConvTranspose final : public Convolution {
 public:
  bool foldable() const override { return false; }  // its kernel is (window…, filters, channels)

  ConvTranspose(const io::Json& config, int spatial)
      : Convolution(config, spatial), filters_(config.integer("filters")) {
    if (filters_ < 1) reject("expected filters >= 1, received ", filters_);
  }

 protected:
  Index filters(Index) const override { return filters_; }
  Shape shape_of(const Shape& input, Index n) const override {
    return ops::conv_transpose_shape(input, window_, n, options_);
  }
  void make_kernels(Index channels) override {
    kernel_ = add_parameter("kernel", kernel_shape(filters_, channels), "GlorotUniform");
  }
  const Ref<Parameter>& last_kernel() const override { return kernel_; }
  Tensor convolve(const Tensor& x, const ops::Weights& weights, const ops::ConvOptions& options) const override {
    return ops::conv_transpose(x, weights.kernel, weights.bias, options);
  }

 private:
  Index filters_;
  Ref<Parameter> kernel_;
};

/// The multiplier of the depthwise layers, and how many channels it makes.
class Depthwise : public Convolution {
 public:
  Depthwise(const io::Json& config, int spatial)
      : Convolution(config, spatial), multiplier_(config.integer("depth_multiplier", 1)) {
    if (multiplier_ < 1) reject("expected depth_multiplier >= 1, received ", multiplier_);
  }

 protected:
  Index widened(Index channels) const {
    Index wide = 0;
    if (__builtin_mul_overflow(channels, multiplier_, &wide)) {
      reject("expected channels times depth_multiplier below 2**63, received ", channels, " times ", multiplier_);
    }
    return wide;
  }
  Index multiplier_;
};

/// A filter of its own, or several, for every channel.
class DepthwiseConv final : public Depthwise {
 public:
  using Depthwise::Depthwise;

 protected:
  Index filters(Index channels) const override { return channels < 0 ? -1 : widened(channels); }
  void make_kernels(Index channels) override {
    kernel_ = add_parameter("kernel", kernel_shape(channels, multiplier_), "GlorotUniform", true, "depthwise");
  }
  const Ref<Parameter>& last_kernel() const override { return kernel_; }
  Tensor convolve(const Tensor& x, const ops::Weights& weights, const ops::ConvOptions& options) const override {
    return ops::depthwise_conv(x, weights.kernel, weights.bias, options);
  }

 private:
  Ref<Parameter> kernel_;
};

/// A depthwise convolution and one of size 1 that mixes its channels (Chollet 2017).
class SeparableConv final : public Depthwise {
 public:
  SeparableConv(const io::Json& config, int spatial) : Depthwise(config, spatial), filters_(config.integer("filters")) {
    if (filters_ < 1) reject("expected filters >= 1, received ", filters_);
  }

 protected:
  Index filters(Index) const override { return filters_; }
  void make_kernels(Index channels) override {
    Shape pointwise = kernel_shape(widened(channels), filters_);
    for (int i = 0; i < spatial_; ++i) pointwise[i] = 1;
    depthwise_ =
        add_parameter("depthwise_kernel", kernel_shape(channels, multiplier_), "GlorotUniform", true, "depthwise");
    pointwise_ = add_parameter("pointwise_kernel", pointwise, "GlorotUniform", true, "pointwise");
  }
  const Ref<Parameter>& last_kernel() const override { return pointwise_; }
  Tensor convolve(const Tensor& x, const ops::Weights& weights, const ops::ConvOptions& options) const override {
    return ops::separable_conv(x, depthwise_->value, weights.kernel, weights.bias, options);
  }

 private:
  Index filters_;
  Ref<Parameter> depthwise_;
  Ref<Parameter> pointwise_;
};

template <class T, int spatial>
LayerClass with_axes(const char* name) {
  return {name, [](const io::Json& config) -> Ref<Layer> { return make_ref<T>(config, spatial); }};
}

}  // namespace

Family convolution_layers() {
  return {with_axes<Conv, 1>("Conv1D"),
          with_axes<Conv, 2>("Conv2D"),
          with_axes<Conv, 3>("Conv3D"),
          with_axes<ConvTranspose, 1>("Conv1DTranspose"),
          with_axes<ConvTranspose, 2>("Conv2DTranspose"),
          with_axes<ConvTranspose, 3>("Conv3DTranspose"),
          with_axes<DepthwiseConv, 1>("DepthwiseConv1D"),
          with_axes<DepthwiseConv, 2>("DepthwiseConv2D"),
          with_axes<SeparableConv, 1>("SeparableConv1D"),
          with_axes<SeparableConv, 2>("SeparableConv2D")};
}

}  // namespace ranvier::nn
