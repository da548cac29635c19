#include "ranvier/ops/rnn.h"

#include <memory>

#include "ranvier/ops/detail.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::ops {

using detail::keep;
using kernels::RnnGeometry;

namespace {

template <class T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}
Tensor kept_or_none(const Tensor& x) { return x.defined() ? keep(x) : Tensor(); }

// Everything a run reads: converted, checked.
struct Operands {
  Tensor x, kernel, recurrent, bias, h, c, mask, dropout;
  bool two_biases;

  Operands kept() const {
    return {keep(x),         keep(kernel),       keep(recurrent),       kept_or_none(bias), kept_or_none(h),
            kept_or_none(c), kept_or_none(mask), kept_or_none(dropout), two_biases};
  }

  template <class T>
  kernels::RnnInputs<T> inputs() const {
    const T* first_bias = data_or_null<T>(bias);
    const T* second_bias = two_biases && first_bias != nullptr ? first_bias + bias.dim(1) : nullptr;
    return {x.data<T>(),
            kernel.data<T>(),
            recurrent.data<T>(),
            first_bias,
            second_bias,
            data_or_null<T>(h),
            data_or_null<T>(c),
            mask.defined() ? mask.data<bool>() : nullptr,
            data_or_null<T>(dropout)};
  }
};

// What a run fills besides its results.
struct Memory {
  Tensor gates, h, c, inner, x, panels, sums;
  bool keep;

  Memory(const RnnGeometry& g, DType dtype, bool all) : keep(all) {
    const kernels::RnnSizes sizes = kernels::rnn_sizes(g, all);
    gates = empty({sizes.gates}, dtype);
    h = empty({sizes.states}, dtype);
    if (g.cell == RnnCell::lstm) c = empty({sizes.states}, dtype);
    if (sizes.inner > 0) inner = empty({sizes.inner}, dtype);
    if (sizes.x > 0) x = empty({sizes.x}, dtype);
  }
  template <class T>
  kernels::RnnArrays<T> arrays() const {
    return {gates.data<T>(),       h.data<T>(),
            data_or_null<T>(c),    data_or_null<T>(inner),
            data_or_null<T>(x),    data_or_null<T>(panels),
            data_or_null<T>(sums), keep};
  }
};

// What arrived at the three results; the node below all of them collects it.
struct Arrived {
  Tensor output, h, c;
};

void expect_shape(const Tensor& given, const char* what, const Shape& shape) {
  check(!given.defined() || given.shape() == shape, "rnn: expected ", what, " of shape ", shape, ", received ",
        given.defined() ? given.shape() : Shape{});
}

RnnGeometry geometry_of(const RnnSequence& s, const RnnWeights& w, const RnnOptions& options) {
  check(s.x.rank() == 3, "rnn: expected x of shape (batch, time, features), received ", s.x.shape());
  check(w.kernel.rank() == 2 && w.kernel.dim(0) == s.x.dim(2), "rnn: expected a kernel of shape (", s.x.dim(2),
        ", gates·units) for x of shape ", s.x.shape(), ", received ", w.kernel.shape());
  check<TypeError>(is_floating(w.kernel.dtype()), "rnn: expected weights of float32 or float64, received ",
                   name_of(w.kernel.dtype()));
  RnnGeometry g;
  g.cell = options.cell;
  g.batch = s.x.dim(0);
  g.steps = s.x.dim(1);
  g.features = s.x.dim(2);
  check(g.steps > 0, "rnn: expected at least one time step, received x with shape ", s.x.shape());
  const Index gates = kernels::gates_of(g.cell);
  g.units = w.kernel.dim(1) / gates;
  check(g.units > 0 && g.units * gates == w.kernel.dim(1), "rnn: expected a kernel with ", gates,
        "·units columns, received ", w.kernel.shape());
  g.reverse = options.go_backwards;
  g.zero_masked = options.zero_output_for_mask;
  g.begun = options.begun;
  g.activation = options.activation;
  g.activation_args = options.activation_args;
  g.gate_activation = options.recurrent_activation;
  g.gate_args = options.recurrent_args;
  expect_shape(w.recurrent_kernel, "a recurrent kernel", {g.units, g.columns()});
  expect_shape(w.bias, "a bias", g.cell == RnnCell::gru ? Shape{2, g.columns()} : Shape{g.columns()});
  expect_shape(s.h, "an initial state", {g.batch, g.units});
  expect_shape(s.c, "an initial carry", {g.batch, g.units});
  expect_shape(s.mask, "a mask", {g.batch, g.steps});
  expect_shape(s.recurrent_dropout, "factors for the recurrent dropout", {g.batch, g.units});
  check(!s.c.defined() || g.cell == RnnCell::lstm, "rnn: expected a carry for an lstm only");
  return g;
}

Tensor cast_or_none(const Tensor& x, DType dtype) { return x.defined() ? cast(x, dtype) : Tensor(); }

// One walk back through time, for whatever arrived.
void go_back(const RnnGeometry& g, const Operands& operands, Memory& memory, const Arrived& arrived, bool sequences,
             Grads& to) {
  const DType dtype = operands.kernel.dtype();
  const kernels::RnnSizes sizes = kernels::rnn_sizes(g, true);
  memory.panels = empty({sizes.panels}, dtype);
  if (sizes.sums > 0) memory.sums = empty({sizes.sums}, dtype);
  dispatch_floating(dtype, "gradient", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto sink = [&](int input) {
      const auto opened = to.sink<T>(input);
      return kernels::RnnSink<T>{opened.data, opened.accumulate};
    };
    kernels::RnnGradients<T> gradients{sink(0), sink(1), sink(2), sink(3), {}, sink(4), sink(5)};
    if (operands.two_biases && gradients.bias.data != nullptr) {
      gradients.recurrent_bias = {gradients.bias.data + g.columns(), gradients.bias.add};
    }
    const T* dy = data_or_null<T>(arrived.output);
    const kernels::RnnOutputs<const T> outputs{sequences ? dy : nullptr, sequences ? nullptr : dy,
                                               data_or_null<T>(arrived.h), data_or_null<T>(arrived.c)};
    exec([g, in = operands.inputs<T>(), arrays = memory.arrays<T>(), outputs, gradients] {
      kernels::rnn_backward<T>(g, in, arrays, outputs, gradients);
    });
  });
}

}  // namespace

RnnResult rnn(const RnnSequence& s, const RnnWeights& w, const RnnOptions& options) {
  const RnnGeometry g = geometry_of(s, w, options);
  const DType dtype = w.kernel.dtype();
  check<TypeError>(w.recurrent_kernel.dtype() == dtype && (!w.bias.defined() || w.bias.dtype() == dtype),
                   "rnn: expected all weights of the kernel's dtype ", name_of(dtype));
  const Operands operands{cast(s.x, dtype),
                          w.kernel,
                          w.recurrent_kernel,
                          w.bias,
                          cast_or_none(s.h, dtype),
                          cast_or_none(s.c, dtype),
                          cast_or_none(s.mask, DType::boolean),
                          cast_or_none(s.recurrent_dropout, dtype),
                          g.cell == RnnCell::gru};
  const std::initializer_list<const Tensor*> sources = {&operands.x,    &operands.kernel, &operands.recurrent,
                                                        &operands.bias, &operands.h,      &operands.c};
  const bool wanted = wants_grad(sources);
  const bool carries = g.cell == RnnCell::lstm;
  RnnResult result;
  result.output = empty(options.return_sequences ? Shape{g.batch, g.steps, g.units} : Shape{g.batch, g.units}, dtype);
  result.h = empty({g.batch, g.units}, dtype);
  if (carries) result.c = empty({g.batch, g.units}, dtype);
  const Memory memory(g, dtype, wanted);
  dispatch_floating(dtype, "rnn", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* y = result.output.data<T>();
    const kernels::RnnOutputs<T> outputs{options.return_sequences ? y : nullptr, options.return_sequences ? nullptr : y,
                                         result.h.data<T>(), data_or_null<T>(result.c)};
    exec([g, in = operands.inputs<T>(), arrays = memory.arrays<T>(), outputs] {
      kernels::rnn_forward<T>(g, in, arrays, outputs);
    });
  });
  if (!wanted) return result;

  // Three results, one walk back: each hands what arrives to a node without elements below it, which runs after them.
  const auto arrived = std::make_shared<Arrived>();
  const Tensor below = attach(
      "rnn", empty({0}, dtype), sources,
      [g, kept = operands.kept(), memory, arrived, sequences = options.return_sequences](const Tensor&, Grads& to) {
        Memory own = memory;
        go_back(g, kept, own, *arrived, sequences, to);
        *arrived = {};
      });
  const auto hand_over = [&](const Tensor& y, Tensor Arrived::*place) {
    attach("rnn_result", y, {&below}, [arrived, place](const Tensor& dy, Grads& to) {
      (*arrived).*place = dy;
      to.pass(0, empty({0}, dy.dtype()));
    });
  };
  hand_over(result.output, &Arrived::output);
  hand_over(result.h, &Arrived::h);
  if (carries) hand_over(result.c, &Arrived::c);
  return result;
}

}  // namespace ranvier::ops
