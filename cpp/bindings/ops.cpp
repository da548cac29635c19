// The ops as functions over tensors: submodule `ops`. Names and conversions for users are Python's business.
#include "bindings.h"
#include "ranvier/nn/initializers.h"
#include "ranvier/ops/attention.h"
#include "ranvier/ops/conv.h"
#include "ranvier/ops/ctc.h"
#include "ranvier/ops/einsum.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/loss.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/norm.h"
#include "ranvier/ops/order.h"
#include "ranvier/ops/pool.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/resize.h"
#include "ranvier/ops/rnn.h"
#include "ranvier/ops/shape.h"
#include "ranvier/ops/softmax.h"

namespace ranvier::bindings {
namespace {

using ops::Binary;
using ops::Compare;
using ops::Unary;

Unary unary_from(const std::string& name) {
#define RANVIER_MATCH(op, saves) \
  if (name == #op) return Unary::op;
  RANVIER_UNARY(RANVIER_MATCH)
#undef RANVIER_MATCH
  fail("unary: unknown function '", name, "'");
}

Binary binary_from(const std::string& name) {
  for (const Binary op : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide, Binary::power,
                          Binary::maximum, Binary::minimum}) {
    if (name == kernels::name_of(op)) return op;
  }
  fail("binary: unknown function '", name, "'");
}

Compare compare_from(const std::string& name) {
  constexpr std::pair<const char*, Compare> names[] = {
      {"equal", Compare::equal},     {"not_equal", Compare::not_equal},
      {"less", Compare::less},       {"less_equal", Compare::less_equal},
      {"greater", Compare::greater}, {"greater_equal", Compare::greater_equal}};
  for (const auto& [known, op] : names) {
    if (name == known) return op;
  }
  fail("compare: unknown function '", name, "'");
}

/// Draws from the default generator, or from one of its own with a seed.
template <class Draw>
Tensor drawn(const std::optional<std::uint64_t>& seed, Draw draw) {
  if (!seed) return draw(default_generator());
  Generator own(*seed);
  return draw(own);
}

using Seed = std::optional<std::uint64_t>;

void bind_math(py::module_& m) {
  m.def(
      "unary",
      [](const std::string& name, const Tensor& x, double a, double b) {
        return ops::unary(unary_from(name), x, {a, b});
      },
      py::arg("name"), py::arg("x"), py::arg("a") = 0.0, py::arg("b") = 0.0, Flush(),
      "An elementwise function by name.");
  m.def(
      "binary",
      [](const std::string& name, const Tensor& x1, const Tensor& x2) {
        return ops::binary(binary_from(name), x1, x2);
      },
      py::arg("name"), py::arg("x1"), py::arg("x2"), Flush(), "Broadcasting arithmetic by name.");
  m.def(
      "compare",
      [](const std::string& name, const Tensor& x1, const Tensor& x2) {
        return ops::compare(compare_from(name), x1, x2);
      },
      py::arg("name"), py::arg("x1"), py::arg("x2"), Flush(), "A broadcasting comparison by name.");
  m.def("where", &ops::where, py::arg("condition"), py::arg("x1"), py::arg("x2"), Flush(), "condition ? x1 : x2.");
  m.def(
      "cast", [](const Tensor& x, const std::string& dtype) { return ops::cast(x, dtype_from_name(dtype)); },
      py::arg("x"), py::arg("dtype"), Flush(), "The values as another dtype.");
  m.def("prelu", &ops::prelu, py::arg("x"), py::arg("slope"), Flush(), "max(x, 0) + slope·min(x, 0).");
  m.def("glu", &ops::glu, py::arg("x"), py::arg("axis") = -1, Flush(), "Gated linear unit.");
  m.def("matmul", &ops::matmul, py::arg("a"), py::arg("b"), py::arg("transpose_a") = false,
        py::arg("transpose_b") = false, Flush(), "Matrix product over the last two axes.");
  m.def(
      "attention",
      [](const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask, double scale,
         bool causal) {
        ops::AttentionMasks masks;
        masks.pairs = mask.value_or(Tensor());
        ops::AttentionOptions options;
        options.scale = scale;
        options.causal = causal;
        return ops::attention(q, k, v, masks, options);
      },
      py::arg("q"), py::arg("k"), py::arg("v"), py::arg("mask"), py::arg("scale"), py::arg("causal"), Flush(),
      "softmax(scale·q·kᵀ)·v by heads, (batch, time, heads, size); the mask repeats over (batch, heads, Tq, Tk).");
  m.def(
      "masked_softmax",
      [](const Tensor& scores, const std::optional<Tensor>& mask, bool causal) {
        ops::AttentionMasks masks;
        masks.pairs = mask.value_or(Tensor());
        ops::AttentionOptions options;
        options.causal = causal;
        return ops::masked_softmax(scores, masks, options);
      },
      py::arg("scores"), py::arg("mask"), py::arg("causal"), Flush(),
      "Softmax over the last axis of (batch, heads, Tq, Tk) without hidden keys; zeros where all are hidden.");
  m.def("einsum", &ops::einsum, py::arg("equation"), py::arg("xs"), Flush(),
        "Sums of products in Einstein's notation.");
  m.def(
      "dense",
      [](const Tensor& x, const Tensor& kernel, const std::optional<Tensor>& bias, const std::string& activation,
         double a, double b) {
        return ops::dense(x, kernel, bias.value_or(Tensor()), unary_from(activation), {a, b});
      },
      py::arg("x"), py::arg("kernel"), py::arg("bias"), py::arg("activation") = "identity", py::arg("a") = 0.0,
      py::arg("b") = 0.0, Flush(), "f(x·kernel + bias) in one pass.");
  m.def("softmax", &ops::softmax, py::arg("x"), py::arg("axis") = -1, Flush());
  m.def("log_softmax", &ops::log_softmax, py::arg("x"), py::arg("axis") = -1, Flush());
  m.def("sparsemax", &ops::sparsemax, py::arg("x"), py::arg("axis") = -1, Flush());
  m.def(
      "layer_norm",
      [](const Tensor& x, const std::vector<Index>& axes, double epsilon, const std::optional<Tensor>& gamma,
         const std::optional<Tensor>& beta) {
        return ops::over_axes(x, axes, [&](const Tensor& moved, int first) {
          return ops::layer_norm(moved, first, epsilon, {gamma.value_or(Tensor()), beta.value_or(Tensor())});
        });
      },
      py::arg("x"), py::arg("axes"), py::arg("epsilon"), py::arg("gamma") = py::none(), py::arg("beta") = py::none(),
      Flush(), "Normalises over these axes; gamma and beta have their sizes, in ascending order.");
  m.def(
      "rms_norm",
      [](const Tensor& x, const std::vector<Index>& axes, double epsilon, const std::optional<Tensor>& scale) {
        return ops::over_axes(x, axes, [&](const Tensor& moved, int first) {
          return ops::rms_norm(moved, first, epsilon, scale.value_or(Tensor()));
        });
      },
      py::arg("x"), py::arg("axes"), py::arg("epsilon"), py::arg("scale") = py::none(), Flush(),
      "x·scale divided by the root mean square over these axes.");
  m.def("stop_gradient", &stop_gradient, py::arg("x"), "The same values without history.");
  m.def("l1l2_penalty", &ops::l1l2_penalty, py::arg("x"), py::arg("l1"), py::arg("l2"), Flush(), "l1·Σ|x| + l2·Σx².");
}

using Sizes = std::vector<Index>;
using Zeros = std::vector<std::pair<Index, Index>>;

ops::ConvOptions conv_options(Sizes strides, const std::variant<std::string, Zeros>& padding, Sizes dilation,
                              bool channels_first, Sizes output_padding = {}) {
  using Padding = ops::ConvOptions::Padding;
  ops::ConvOptions options;
  options.strides = std::move(strides);
  options.dilation = std::move(dilation);
  options.channels_first = channels_first;
  options.output_padding = std::move(output_padding);
  if (const auto* zeros = std::get_if<Zeros>(&padding)) {
    options.padding = Padding::given;
    options.zeros = *zeros;
  } else {
    options.padding = ops::padding_from(std::get<std::string>(padding));
  }
  return options;
}

void bind_conv(py::module_& m) {
  using Padding = std::variant<std::string, Zeros>;
  using Convolve = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const ops::ConvOptions&);
  const std::pair<const char*, Convolve> plain[] = {{"conv", ops::conv}, {"depthwise_conv", ops::depthwise_conv}};
  for (const auto& [name, function] : plain) {
    m.def(
        name,
        [function = function](const Tensor& x, const Tensor& kernel, const Sizes& strides, const Padding& padding,
                              const Sizes& dilation, bool channels_first) {
          return function(x, kernel, {}, conv_options(strides, padding, dilation, channels_first));
        },
        py::arg("x"), py::arg("kernel"), py::arg("strides"), py::arg("padding"), py::arg("dilation"),
        py::arg("channels_first"), Flush(), "A convolution; strides and dilation have a number for each spatial axis.");
  }
  m.def(
      "separable_conv",
      [](const Tensor& x, const Tensor& depthwise, const Tensor& pointwise, const Sizes& strides,
         const Padding& padding, const Sizes& dilation, bool channels_first) {
        return ops::separable_conv(x, depthwise, pointwise, {},
                                   conv_options(strides, padding, dilation, channels_first));
      },
      py::arg("x"), py::arg("depthwise"), py::arg("pointwise"), py::arg("strides"), py::arg("padding"),
      py::arg("dilation"), py::arg("channels_first"), Flush(), "A depthwise convolution and a 1x1 one.");
  m.def(
      "conv_transpose",
      [](const Tensor& x, const Tensor& kernel, const Sizes& strides, const Padding& padding,
         const Sizes& output_padding, const Sizes& dilation, bool channels_first) {
        return ops::conv_transpose(x, kernel, {},
                                   conv_options(strides, padding, dilation, channels_first, output_padding));
      },
      py::arg("x"), py::arg("kernel"), py::arg("strides"), py::arg("padding"), py::arg("output_padding"),
      py::arg("dilation"), py::arg("channels_first"), Flush(),
      "A transposed convolution; output_padding may be empty.");
}

void bind_reduce(py::module_& m) {
  using Reduction = Tensor (*)(const Tensor&, const ops::Axes&, bool);
  const std::pair<const char*, Reduction> reductions[] = {
      {"sum", ops::sum},           {"mean", ops::mean}, {"max", ops::max}, {"min", ops::min},
      {"variance", ops::variance}, {"prod", ops::prod}, {"any", ops::any}, {"all", ops::all}};
  for (const auto& [name, function] : reductions) {
    m.def(name, function, py::arg("x"), py::arg("axes") = ops::Axes(), py::arg("keepdims") = false, Flush(),
          "Reduces over `axes`; all when empty.");
  }
  m.def("argmax", &ops::argmax, py::arg("x"), py::arg("axis"), py::arg("keepdims") = false, Flush());
  m.def("argmin", &ops::argmin, py::arg("x"), py::arg("axis"), py::arg("keepdims") = false, Flush());
}

void bind_shape(py::module_& m) {
  m.def("reshape", &ops::reshape, py::arg("x"), py::arg("shape"), Flush());
  m.def("expand_dims", &ops::expand_dims, py::arg("x"), py::arg("axis"), Flush());
  m.def("squeeze", &ops::squeeze, py::arg("x"), py::arg("axes") = std::vector<Index>(), Flush());
  m.def("transpose", &ops::transpose, py::arg("x"), py::arg("axes") = std::vector<Index>(), Flush());
  m.def(
      "broadcast_to", [](const Tensor& x, const py::object& shape) { return ops::broadcast_to(x, shape_from(shape)); },
      py::arg("x"), py::arg("shape"), Flush());
  m.def("concatenate", &ops::concatenate, py::arg("xs"), py::arg("axis"), Flush());
  m.def("stack", &ops::stack, py::arg("xs"), py::arg("axis"), Flush());
  m.def(
      "slice",
      [](const Tensor& x, const std::vector<std::tuple<std::optional<Index>, std::optional<Index>, Index>>& ranges) {
        std::vector<ops::Range> list;
        for (const auto& [start, stop, step] : ranges) list.push_back({start, stop, step});
        return ops::slice(x, list);
      },
      py::arg("x"), py::arg("ranges"), Flush(), "x[start:stop:step, ...] with one (start, stop, step) per axis.");
  m.def("ctc_loss", &ops::ctc_loss, py::arg("labels"), py::arg("logits"), py::arg("lengths"), py::arg("steps"),
        py::arg("blank"), Flush());
  m.def("ctc_beam_search", &ops::ctc_beam_search, py::arg("logits"), py::arg("steps"), py::arg("width"), py::arg("top"),
        py::arg("blank"), Flush());
  m.def("cumsum", &ops::cumsum, py::arg("x"), py::arg("axis"), Flush());
  m.def("top_k", &ops::top_k, py::arg("x"), py::arg("k"), Flush());
  m.def("gather", &ops::gather, py::arg("x"), py::arg("indices"), py::arg("axis") = 0, Flush());
  m.def("repeat", &ops::repeat, py::arg("x"), py::arg("n"), py::arg("axis"), Flush(), "n copies along a new axis.");
  m.def("flip", &ops::flip, py::arg("x"), py::arg("axes"), Flush());
  m.def("pad", &ops::pad, py::arg("x"), py::arg("widths"), py::arg("value") = 0.0, Flush());
  m.def(
      "one_hot",
      [](const Tensor& x, Index classes, const std::string& dtype) {
        return ops::one_hot(x, classes, dtype_from_name(dtype));
      },
      py::arg("indices"), py::arg("classes"), py::arg("dtype") = "float32", Flush());
  m.def(
      "arange",
      [](double start, double stop, double step, const std::string& dtype) {
        return ops::arange(start, stop, step, dtype_from_name(dtype));
      },
      py::arg("start"), py::arg("stop"), py::arg("step"), py::arg("dtype"));
  m.def(
      "full",
      [](const py::object& shape, double value, const std::string& dtype) {
        return full(shape_from(shape), value, dtype_from_name(dtype));
      },
      py::arg("shape"), py::arg("value"), py::arg("dtype") = "float32");
}

void bind_images(py::module_& m) {
  using Pool = Tensor (*)(const Tensor&, const ops::Pooling&);
  for (const auto& [name, pool] : {std::pair<const char*, Pool>{"max_pool", ops::max_pool},
                                   std::pair<const char*, Pool>{"average_pool", ops::average_pool}}) {
    m.def(
        name,
        [pool = pool](const Tensor& x, const Sizes& size, const Sizes& strides, bool same) {
          return pool(x, {size, strides, same});
        },
        py::arg("x"), py::arg("size"), py::arg("strides"), py::arg("same"), Flush(),
        "Pools the axes between the first and the last.");
  }
  m.def("adaptive_max_pool", &ops::adaptive_max_pool, py::arg("x"), py::arg("output_size"), Flush());
  m.def("adaptive_average_pool", &ops::adaptive_average_pool, py::arg("x"), py::arg("output_size"), Flush());
  m.def(
      "resize",
      [](const Tensor& x, const Sizes& size, const std::string& interpolation, bool antialias) {
        return ops::resize(x, size, ops::interpolation_from(interpolation), antialias);
      },
      py::arg("x"), py::arg("size"), py::arg("interpolation") = "bilinear", py::arg("antialias") = false, Flush(),
      "Resamples the axes between the first and the last.");
}

void bind_random(py::module_& m) {
  m.def(
      "random_uniform",
      [](const py::object& shape, double low, double high, const std::string& dtype, const Seed& seed) {
        return drawn(seed, [&](Generator& g) {
          return ops::random_uniform(shape_from(shape), low, high, dtype_from_name(dtype), g);
        });
      },
      py::arg("shape"), py::arg("low"), py::arg("high"), py::arg("dtype"), py::arg("seed") = py::none());
  m.def(
      "random_normal",
      [](const py::object& shape, double mean, double stddev, bool truncated, const std::string& dtype,
         const Seed& seed) {
        return drawn(seed, [&](Generator& g) {
          return ops::random_normal(shape_from(shape), mean, stddev, truncated, dtype_from_name(dtype), g);
        });
      },
      py::arg("shape"), py::arg("mean"), py::arg("stddev"), py::arg("truncated"), py::arg("dtype"),
      py::arg("seed") = py::none());
  m.def(
      "random_integers",
      [](const py::object& shape, Index low, Index high, const Seed& seed) {
        return drawn(seed, [&](Generator& g) { return ops::random_integers(shape_from(shape), low, high, g); });
      },
      py::arg("shape"), py::arg("low"), py::arg("high"), py::arg("seed") = py::none());
  m.def(
      "random_permutation",
      [](Index n, const Seed& seed) {
        return drawn(seed, [&](Generator& g) { return ops::random_permutation(n, g); });
      },
      py::arg("n"), py::arg("seed") = py::none());
  m.def(
      "dropout",
      [](const Tensor& x, double rate, const py::object& noise_shape, const Seed& seed) {
        return drawn(seed, [&](Generator& g) {
          return ops::dropout(x, rate, noise_shape.is_none() ? Shape{} : shape_from(noise_shape), g);
        });
      },
      py::arg("x"), py::arg("rate"), py::arg("noise_shape") = py::none(), py::arg("seed") = py::none(), Flush());
}

ops::RnnCell cell_from(const std::string& name) {
  constexpr std::pair<const char*, ops::RnnCell> names[] = {{"simple", ops::RnnCell::simple},
                                                            {"lstm", ops::RnnCell::lstm},
                                                            {"gru", ops::RnnCell::gru},
                                                            {"gru_reset_first", ops::RnnCell::gru_reset_first}};
  for (const auto& [known, cell] : names) {
    if (name == known) return cell;
  }
  fail("rnn: expected a cell simple, lstm, gru or gru_reset_first, received '", name, "'");
}

void bind_rnn(py::module_& m) {
  using Maybe = std::optional<Tensor>;
  m.def(
      "rnn",
      [](const std::string& cell, const Tensor& x, const Tensor& kernel, const Tensor& recurrent_kernel,
         const Maybe& bias, const Maybe& h, const Maybe& c, const Maybe& mask, const Maybe& recurrent_dropout,
         const std::string& activation, const std::string& recurrent_activation, bool go_backwards,
         bool return_sequences, bool zero_output_for_mask) {
        ops::RnnOptions options;
        options.cell = cell_from(cell);
        options.activation = unary_from(activation);
        options.recurrent_activation = unary_from(recurrent_activation);
        options.go_backwards = go_backwards;
        options.return_sequences = return_sequences;
        options.zero_output_for_mask = zero_output_for_mask;
        const auto given = [](const Maybe& tensor) { return tensor.value_or(Tensor()); };
        const ops::RnnResult result = ops::rnn({x, given(h), given(c), given(mask), given(recurrent_dropout)},
                                               {kernel, recurrent_kernel, given(bias)}, options);
        std::vector<Tensor> results{result.output, result.h};
        if (result.c.defined()) results.push_back(result.c);
        return results;
      },
      py::arg("cell"), py::arg("x"), py::arg("kernel"), py::arg("recurrent_kernel"), py::arg("bias") = py::none(),
      py::arg("h") = py::none(), py::arg("c") = py::none(), py::arg("mask") = py::none(),
      py::arg("recurrent_dropout") = py::none(), py::arg("activation") = "tanh",
      py::arg("recurrent_activation") = "sigmoid", py::arg("go_backwards") = false, py::arg("return_sequences") = false,
      py::arg("zero_output_for_mask") = false, Flush(),
      "A recurrent layer over x (batch, time, features): [output, h] or, for an lstm, [output, h, c].");
}

}  // namespace

void bind_ops(py::module_& m) {
  py::module_ ops = m.def_submodule("ops", "The engine's operations over tensors.");
  bind_math(ops);
  bind_conv(ops);
  bind_reduce(ops);
  bind_shape(ops);
  bind_images(ops);
  bind_random(ops);
  bind_rnn(ops);
}

}  // namespace ranvier::bindings
