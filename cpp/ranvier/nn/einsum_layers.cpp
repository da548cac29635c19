#include <algorithm>

#include "ranvier/nn/activation.h"
#include "ranvier/nn/families.h"
#include "ranvier/ops/einsum.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/shape.h"

namespace ranvier::nn {
namespace {

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

/// f(einsum(equation, x, kernel) + bias), Keras's EinsumDense.
class EinsumDense final : public Layer {
 public:
  explicit EinsumDense(const io::Json& config)
      : Layer(config), equation_(config.text("equation")), activation_(activation_from(config.find("activation"))) {
    read_equation();
    const io::Json& sizes = config.at("output_shape");
    if (sizes.is_array()) {
      for (const io::Json& size : sizes.as_array()) given_.push_back(size.is_null() ? -1 : size.as_integer());
    } else {
      given_.push_back(sizes.as_integer());
    }
    for (const Index size : given_) {
      if (size < 1 && size != -1) reject("output_shape: expected positive sizes or None, received ", sizes.dump());
    }
    const std::size_t batch = left_ ? 0 : 1;  // the batch is a letter of the output, or within the ellipsis
    if (given_.size() + batch != output_.size()) {
      reject("output_shape: expected ", output_.size() - batch, " sizes for '", output_, "' of equation '", equation_,
             "'", batch == 1 ? " behind the batch" : "", ", received ", sizes.dump());
    }
    const io::Json* axes = option("bias_axes");
    if (axes == nullptr) return;
    bias_axes_ = axes->as_text();
    for (const char c : bias_axes_) {
      if (!has(output_, c)) {
        reject("bias_axes: expected letters of the output '", output_, "' of equation '", equation_, "', received '",
               bias_axes_, "'");
      }
    }
  }

  Shape output_shape(const Shape& input) const override {
    const int elided = elided_axes(input);
    Shape out;
    const auto put_elided = [&] {
      const int first = left_ ? 0 : static_cast<int>(input_.size());
      for (int i = 0; i < elided; ++i) out.push_back(input[first + i]);
    };
    if (left_) put_elided();
    for (const char c : output_) out.push_back(size_of(c, input));
    if (right_) put_elided();
    if (activation_.kind == Activation::Kind::glu) out[out.rank() - 1] /= 2;
    return out;
  }

  // Time is axis 1: it has to stay there, without meeting the kernel.
  bool streams() const override {
    const int at = left_ ? elided_axes(input_shape()) : 0;
    if (at > 1) return true;
    const auto i = static_cast<std::size_t>(1 - at);
    return i < input_.size() && i < output_.size() && input_[i] == output_[i] && !has(kernel_letters_, input_[i]);
  }

 protected:
  void make_parameters(const Shape& input) override {
    check_sizes(input);
    Shape shape;
    for (const char c : kernel_letters_) {
      const Index size = size_of(c, input);
      if (size < 1) {
        reject("expected a known size under '", c, "' of equation '", equation_, "', received x with shape ", input,
               " and output_shape ", option("output_shape")->dump());
      }
      shape.push_back(size);
    }
    checked_bytes(shape, sizeof(double));
    Index in = 1;
    Index out = 1;
    for (const char c : kernel_letters_) (has(output_, c) ? out : in) *= size_of(c, input);
    kernel_ = add_parameter("kernel", shape, "GlorotUniform", true, nullptr, {in, out});
    if (bias_axes_.empty()) return;
    Shape bias;
    for (std::size_t i = output_.find_first_of(bias_axes_); i < output_.size(); ++i) {
      const Index size = has(bias_axes_, output_[i]) ? size_of(output_[i], input) : 1;
      if (size < 1)
        reject("expected a known size under '", output_[i], "' for the bias, received x with shape ", input);
      bias.push_back(size);
    }
    if (right_) {
      for (int i = elided_axes(input); i > 0; --i) bias.push_back(1);
    }
    bias_ = add_parameter("bias", bias, "Zeros");
  }

  void check_input(const Shape& input) const override { check_sizes(input); }

  Tensor call(const Tensor& x, Context&) override {
    if (plain()) return product(x);
    Tensor y = ops::einsum(equation_, {x, kernel_->value});
    if (bias_) y = ops::add(y, bias_->value);
    return activation_(y);
  }

 private:
  void read_equation() {
    const ops::EinsumTerms terms = ops::einsum_terms(equation_);
    const bool two = terms.inputs.size() == 2 && equation_.find("->") != std::string::npos;
    if (two) {
      input_ = terms.inputs[0];
      kernel_letters_ = terms.inputs[1];
      output_ = terms.output;
    }
    left_ = two && input_.front() == '.' && output_.front() == '.';
    right_ = two && !left_ && input_.back() == '.' && output_.back() == '.';
    if (left_) {
      input_.erase(0, 1);
      output_.erase(0, 1);
    } else if (right_) {
      input_.pop_back();
      output_.pop_back();
    }
    const bool dotted = has(input_ + kernel_letters_ + output_, '.');
    if (!two || dotted || input_.empty() || kernel_letters_.empty() || output_.empty()) {
      reject("equation: expected the form 'ab,bc->ac', '...ab,bc->...ac' or 'ab...,bc->ac...', received '", equation_,
             "'");
    }
    if (!left_ && input_.front() != output_.front()) {
      reject("equation: expected the batch, the first letter of '", input_,
             "', to come first in the output, received '", equation_, "'");
    }
    for (const char c : kernel_letters_) {
      if (!has(input_, c) && !has(output_, c)) {
        reject("equation: expected every letter of the kernel in the input or the output, received '", c, "' in '",
               equation_, "'");
      }
    }
  }

  int elided_axes(const Shape& input) const {
    const int elided = input.rank() - static_cast<int>(input_.size());
    if (elided < 0 || (elided > 0 && !left_ && !right_) || (elided == 0 && left_)) {
      reject("expected x with ", left_ || right_ ? "at least " : "", input_.size() + (left_ ? 1 : 0),
             " axes for equation '", equation_, "', received shape ", input);
    }
    return elided;
  }

  /// Of the axis under this letter: the input's, or what output_shape says.
  Index size_of(char letter, const Shape& input) const {
    const auto at = input_.find(letter);
    if (at != std::string::npos) return input[static_cast<int>(at) + (left_ ? elided_axes(input) : 0)];
    return given_[output_.find(letter) - (left_ ? 0 : 1)];
  }

  void check_sizes(const Shape& input) const {
    (void)elided_axes(input);
    for (std::size_t i = left_ ? 0 : 1; i < output_.size(); ++i) {
      const Index wanted = given_[i - (left_ ? 0 : 1)];
      const Index size = size_of(output_[i], input);
      if (wanted != -1 && size != -1 && wanted != size) {
        reject("expected size ", wanted, " under '", output_[i], "' as output_shape says, received x with shape ",
               input, " for equation '", equation_, "'");
      }
    }
    if (!kernel_) return;
    for (std::size_t i = 0; i < kernel_letters_.size(); ++i) {
      const char c = kernel_letters_[i];
      const Index expected = kernel_->value.dim(static_cast<int>(i));
      if (size_of(c, input) != expected) {
        reject("expected size ", expected, " under '", c, "' of equation '", equation_, "', received x with shape ",
               input);
      }
    }
  }

  /// Whether it is a Dense layer on flattened axes: letters of x alone, then those summed over, which begin the
  /// kernel; the kernel's others end the result and have the bias.
  bool plain() const {
    const std::size_t own = std::min(kernel_letters_.find_first_of(output_), kernel_letters_.size());
    const std::string summed = kernel_letters_.substr(0, own);
    const std::string made = kernel_letters_.substr(own);
    const std::string rows = input_.substr(0, input_.size() - std::min(input_.size(), summed.size()));
    return !right_ && !summed.empty() && !made.empty() && input_ == rows + summed && output_ == rows + made &&
           (bias_axes_.empty() ||
            bias_->value.shape() == kernel_->value.shape().slice(static_cast<int>(own), kernel_->value.rank()));
  }

  Tensor product(const Tensor& x) const {
    const auto own = static_cast<int>(kernel_letters_.find_first_of(output_));
    const Shape& shape = kernel_->value.shape();
    const Index in = shape.numel(0, own);
    const Index out = shape.numel(own, shape.rank());
    std::vector<Index> flat(x.shape().begin(), x.shape().end() - own);
    flat.push_back(in);
    const Tensor kernel = ops::weight_as(kernel_->value, {in, out});
    const Tensor bias = bias_ ? ops::weight_as(bias_->value, {out}) : Tensor();
    const bool epilogue = activation_.elementwise();
    const Tensor y = ops::dense(own == 1 ? x : ops::reshape(x, flat), kernel, bias,
                                epilogue ? activation_.function : ops::Unary::identity, activation_.args);
    flat.pop_back();
    flat.insert(flat.end(), shape.begin() + own, shape.end());
    const Tensor full = shape.rank() - own == 1 ? y : ops::reshape(y, flat);
    return epilogue ? full : activation_(full);
  }

  std::string equation_;
  std::string input_;  ///< letters without the ellipsis
  std::string kernel_letters_;
  std::string output_;
  bool left_ = false;   ///< an ellipsis in front of x and of the output
  bool right_ = false;  ///< or behind them
  std::vector<Index> given_;
  std::string bias_axes_;
  Activation activation_;
  Ref<Parameter> kernel_;
  Ref<Parameter> bias_;
};

}  // namespace

Family einsum_layers() { return {layer_class<EinsumDense>("EinsumDense")}; }

}  // namespace ranvier::nn
