#include "ranvier/ops/conv.h"

#include "ranvier/kernels/conv.h"
#include "ranvier/ops/conv_shape.h"
#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/epilogue.h"
#include "ranvier/ops/shape.h"

namespace ranvier::ops {

using detail::keep;
using detail::linked;
using kernels::ConvGeometry;
using kernels::Epilogue;
using kernels::Saves;
using kernels::Unary;

namespace {

/// A convolution, or the transposed one: that runs the same three kernels with x and y in each other's place.
struct Convolution {
  const char* name;
  ConvGeometry g;
  bool transposed;
};

template <class T>
void run_forward(const Convolution& c, const T* x, const T* w, T* y, const Epilogue<T>& epilogue) {
  if (c.transposed) {
    kernels::conv_input_gradient<T>(c.g, x, w, y, false, &epilogue);
  } else {
    kernels::conv_forward<T>(c.g, x, w, y, &epilogue);
  }
}

// dw and dx, given the gradient dz of the result before the activation
template <class T>
void send_gradients(const Convolution& c, const Tensor& x, const Tensor& kernel, const Shape& x_shape, const Tensor& dz,
                    Grads& to) {
  const T* g = dz.data<T>();
  if (const auto dw = to.sink<T>(1)) {
    exec([c, px = x.data<T>(), g, dw] {
      kernels::conv_weight_gradient<T>(c.g, c.transposed ? g : px, c.transposed ? px : g, dw.data, dw.accumulate);
    });
  }
  if (c.transposed && to.wants(0)) {  // the forward kernel cannot add
    const Tensor dx = empty(x_shape, dz.dtype());
    exec([c, pw = kernel.data<T>(), g, to_x = dx.data<T>()] { kernels::conv_forward<T>(c.g, g, pw, to_x, nullptr); });
    to.pass(0, dx);
  } else if (const auto dx = to.sink<T>(0)) {
    exec([c, pw = kernel.data<T>(), g, dx] {
      kernels::conv_input_gradient<T>(c.g, g, pw, dx.data, dx.accumulate, nullptr);
    });
  }
}

/// Of the geometry; for the transposed convolution "in" is y's side.
struct Channels {
  Index in;
  Index out;
  Index groups = 1;
};

// y = f(conv(x, kernel) + bias), channels last, channels checked
Tensor convolve(const char* name, bool transposed, Channels channels, const Tensor& x, const Tensor& kernel,
                const Tensor& bias, const ConvOptions& options) {
  Convolution c{name, {}, transposed};
  const std::vector<Index> window(kernel.shape().begin(), kernel.shape().end() - 2);
  try {
    c.g = detail::conv_geometry(x.shape(), window, options, transposed);
  } catch (const ValueError& error) {
    fail(name, ": ", error.what());
  }
  c.g.channels_in = channels.in;
  c.g.channels_out = channels.out;
  c.g.groups = channels.groups;
  Shape shape = x.shape();
  for (int i = 1; i < x.rank() - 1; ++i) {
    shape[i] = (transposed ? c.g.in : c.g.out)[static_cast<std::size_t>(i + 4 - x.rank())];
  }
  shape[x.rank() - 1] = transposed ? channels.in : channels.out;

  const Unary activation = options.activation;
  const bool wanted = wants_grad({&x, &kernel, &bias});
  const Saves saves = kernels::saves_of(activation);
  const Tensor y = empty(shape, x.dtype());
  const Tensor z = wanted && saves == Saves::x ? empty(shape, x.dtype()) : Tensor();
  dispatch_floating(x.dtype(), name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([c, px = x.data<T>(), pw = kernel.data<T>(), py = y.data<T>(),
          epilogue = detail::epilogue_of<T>(bias, activation, options.args, z)] {
      run_forward(c, px, pw, py, epilogue);
    });
  });
  if (!wanted) return y;
  const Tensor kept = saves == Saves::x ? z : saves == Saves::y ? keep(y) : Tensor();
  const Tensor kept_x = linked(kernel) ? keep(x) : Tensor();
  const Tensor kept_kernel = linked(x) ? keep(kernel) : Tensor();
  return attach(name, y, {&x, &kernel, &bias},
                [c, activation, args = options.args, kept, kept_x, kept_kernel, x_shape = x.shape()](const Tensor& dy,
                                                                                                     Grads& to) {
                  const Tensor dz = detail::back_through(activation, args, kept, dy, to, 2);
                  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
                    send_gradients<typename decltype(tag)::type>(c, kept_x, kept_kernel, x_shape, dz, to);
                  });
                });
}

/// f on channels-last data, whatever the order of x's axes.
template <class F>
Tensor channels_last(const Tensor& x, const ConvOptions& options, F f) {
  ConvOptions last = options;
  last.channels_first = false;
  if (!options.channels_first) return f(x, last);
  std::vector<Index> there{0};
  std::vector<Index> back{0, x.rank() - 1};
  for (Index i = 2; i < x.rank(); ++i) there.push_back(i);
  for (Index i = 1; i < x.rank() - 1; ++i) back.push_back(i);
  there.push_back(1);
  return transpose(f(transpose(x, there), last), back);
}

void check_arguments(const char* name, const Tensor& x, const Tensor& kernel, const Tensor& bias, Index filters) {
  check(kernel.rank() >= 3 && kernel.rank() <= 5, name,
        ": expected a kernel of rank 3 to 5 (window..., in, out), received ", kernel.shape());
  check(x.rank() == kernel.rank(), name, ": expected x of rank ", kernel.rank(), " (batch, ", kernel.rank() - 2,
        " spatial axes, channels) for a kernel of shape ", kernel.shape(), ", received shape ", x.shape());
  check(kernel.numel() > 0, name, ": expected a kernel with elements, received shape ", kernel.shape());
  check(!bias.defined() || bias.shape() == Shape{filters}, name, ": expected a bias of shape (", filters,
        ",), received ", bias.defined() ? bias.shape() : Shape{});
  check<TypeError>(is_floating(kernel.dtype()), name, ": expected a kernel of float32 or float64, received ",
                   name_of(kernel.dtype()));
  check<TypeError>(!bias.defined() || bias.dtype() == kernel.dtype(), name, ": expected a bias of the kernel's dtype ",
                   name_of(kernel.dtype()), ", received another");
}

}  // namespace

Tensor conv(const Tensor& given, const Tensor& kernel, const Tensor& bias, const ConvOptions& given_options) {
  check(kernel.rank() >= 1, "conv: expected a kernel (window..., in, out), received a scalar");
  const Index filters = kernel.shape().back();
  check_arguments("conv", given, kernel, bias, filters);
  return channels_last(cast(given, kernel.dtype()), given_options, [&](const Tensor& x, const ConvOptions& options) {
    const Index channels = x.shape().back();
    const Index each = kernel.dim(kernel.rank() - 2);
    check(channels > 0 && channels % each == 0, "conv: expected a multiple of ", each,
          " channels (the kernel's), received x with shape ", given.shape());
    const Index groups = channels / each;
    check(filters % groups == 0, "conv: expected filters divisible by the ", groups, " groups that ", channels,
          " channels and a kernel of shape ", kernel.shape(), " make");
    return convolve("conv", false, {channels, filters, groups}, x, kernel, bias, options);
  });
}

Tensor depthwise_conv(const Tensor& given, const Tensor& kernel, const Tensor& bias, const ConvOptions& given_options) {
  check(kernel.rank() >= 2, "depthwise_conv: expected a kernel (window..., channels, multiplier), received shape ",
        kernel.shape());
  const Index channels = kernel.dim(kernel.rank() - 2);
  const Index filters = channels * kernel.shape().back();
  check_arguments("depthwise_conv", given, kernel, bias, filters);
  return channels_last(cast(given, kernel.dtype()), given_options, [&](const Tensor& x, const ConvOptions& options) {
    check(x.shape().back() == channels, "depthwise_conv: expected ", channels,
          " channels (the kernel's), received x with shape ", given.shape());
    return convolve("depthwise_conv", false, {channels, filters, channels}, x, kernel, bias, options);
  });
}

Tensor separable_conv(const Tensor& given, const Tensor& depthwise, const Tensor& pointwise, const Tensor& bias,
                      const ConvOptions& given_options) {
  check(pointwise.rank() >= 1,
        "separable_conv: expected a pointwise kernel (1..., channels, filters), received a scalar");
  const Shape& shape = pointwise.shape();
  check_arguments("separable_conv", given, pointwise, bias, shape.back());
  check(shape.numel(0, shape.rank() - 2) == 1,
        "separable_conv: expected a pointwise kernel (1..., channels, filters), received shape ", shape);
  return channels_last(given, given_options, [&](const Tensor& x, const ConvOptions& options) {
    ConvOptions first = options;
    first.activation = Unary::identity;
    const Tensor y = depthwise_conv(x, depthwise, {}, first);
    check(y.shape().back() == shape[shape.rank() - 2], "separable_conv: expected a pointwise kernel with ",
          y.shape().back(), " input channels, received shape ", shape);
    ConvOptions second;
    second.activation = options.activation;
    second.args = options.args;
    return conv(y, pointwise, bias, second);
  });
}

Tensor conv_transpose(const Tensor& given, const Tensor& kernel, const Tensor& bias, const ConvOptions& given_options) {
  check(kernel.rank() >= 2, "conv_transpose: expected a kernel (window..., filters, channels), received shape ",
        kernel.shape());
  const Index channels = kernel.shape().back();
  const Index filters = kernel.dim(kernel.rank() - 2);
  check_arguments("conv_transpose", given, kernel, bias, filters);
  return channels_last(cast(given, kernel.dtype()), given_options, [&](const Tensor& x, const ConvOptions& options) {
    check(x.shape().back() == channels, "conv_transpose: expected ", channels,
          " channels (the kernel's), received x with shape ", given.shape());
    return convolve("conv_transpose", true, {filters, channels}, x, kernel, bias, options);
  });
}

}  // namespace ranvier::ops
