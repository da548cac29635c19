// Cases: convolutions, with biases and activations in the same pass.
#pragma once

#include "ops_table.h"
#include "ranvier/ops/conv.h"
#include "ranvier/ops/elementwise.h"

namespace ranvier::testing {

using namespace ranvier::ops;

using Padding = ConvOptions::Padding;

inline ConvOptions conv_options(std::vector<Index> strides, std::vector<Index> dilation, Padding padding,
                                Unary activation = Unary::identity, bool channels_first = false) {
  ConvOptions options;
  options.strides = std::move(strides);
  options.dilation = std::move(dilation);
  options.padding = padding;
  options.activation = activation;
  options.channels_first = channels_first;
  return options;
}

inline void add_convolutions(Table& table) {
  struct Setting {
    Shape x;
    Shape kernel;
    ConvOptions options;
  };
  // The activations: one that reads its result, one that reads its argument, one that reads nothing.
  const std::vector<Setting> plain = {
      {{2, 5, 3}, {2, 3, 4}, conv_options({}, {}, Padding::valid)},
      {{2, 7, 3}, {3, 3, 2}, conv_options({2}, {}, Padding::causal, Unary::tanh)},
      {{2, 4, 5, 3}, {3, 2, 3, 4}, conv_options({}, {}, Padding::same, Unary::silu)},
      {{2, 5, 6, 3}, {3, 3, 3, 2}, conv_options({2, 3}, {}, Padding::same, Unary::sigmoid)},
      {{1, 5, 6, 2}, {2, 3, 2, 3}, conv_options({}, {3, 2}, Padding::valid, Unary::negative)},
      {{2, 4, 5, 6}, {3, 3, 2, 6}, conv_options({1, 2}, {}, Padding::same, Unary::softplus)},
      {{2, 6, 4, 3}, {3, 3, 3, 2}, conv_options({}, {}, Padding::same, Unary::gelu, true)},
      {{1, 3, 4, 3, 2}, {2, 2, 3, 2, 3}, conv_options({2, 1, 1}, {}, Padding::same)},
      {{2, 4, 5, 3}, {1, 1, 3, 4}, conv_options({2, 2}, {}, Padding::valid)},
  };
  for (const Setting& s : plain) {
    const Index filters = s.kernel.back();
    table.add(concat_text("conv ", s.x, s.kernel), {{s.x}, {s.kernel, -1, 1}, {{filters}}},
              [o = s.options](const Tensors& x) { return conv(x[0], x[1], x[2], o); });
    table.add(concat_text("conv without bias ", s.x, s.kernel), {{s.x}, {s.kernel, -1, 1}},
              [o = s.options](const Tensors& x) { return conv(x[0], x[1], {}, o); });
  }
  ConvOptions given = conv_options({1, 2}, {}, Padding::given);
  given.zeros = {{0, 2}, {3, 1}};
  table.add("conv with given zeros", {{{2, 4, 5, 3}}, {{3, 3, 3, 2}, -1, 1}},
            [given](const Tensors& x) { return conv(x[0], x[1], {}, given); });
  table.add("conv of frozen pixels", {{{2, 4, 5, 3}, -2, 2, {}, false}, {{3, 3, 3, 2}, -1, 1}, {{2}}},
            [](const Tensors& x) { return conv(x[0], x[1], x[2]); });
  table.add("conv with a frozen kernel", {{{2, 4, 5, 3}}, {{3, 3, 3, 2}, -1, 1, {}, false}, {{2}}},
            [](const Tensors& x) { return conv(x[0], x[1], x[2]); });
  table.add("conv of pixels used twice", {{{2, 4, 5, 3}}, {{3, 3, 3, 3}, -1, 1}, {{3}}}, [](const Tensors& x) {
    return ops::add(x[0], conv(x[0], x[1], x[2], conv_options({}, {}, Padding::same, Unary::tanh)));
  });
  table.large("conv", {{{8, 20, 21, 12}}, {{3, 3, 12, 20}, -0.1, 0.1}, {{20}}}, [](const Tensors& x) {
    return conv(x[0], x[1], x[2], conv_options({}, {}, Padding::same, Unary::tanh));
  });
}

inline void add_other_convolutions(Table& table) {
  const std::vector<ConvOptions> walks = {
      conv_options({}, {}, Padding::valid),
      conv_options({}, {}, Padding::same, Unary::tanh),
      conv_options({2, 3}, {}, Padding::valid, Unary::silu),
      conv_options({2, 1}, {}, Padding::same),
      conv_options({}, {2, 1}, Padding::same, Unary::gelu, true),
  };
  for (const ConvOptions& walk : walks) {
    // With channels first, x has 5 and 4 pixels and 3 channels as well.
    const Shape x = walk.channels_first ? Shape{2, 3, 5, 4} : Shape{2, 5, 4, 3};
    for (Index multiplier : {1, 2}) {
      table.add(concat_text("depthwise_conv ", multiplier), {{x}, {{3, 2, 3, multiplier}, -1, 1}, {{3 * multiplier}}},
                [walk](const Tensors& t) { return depthwise_conv(t[0], t[1], t[2], walk); });
    }
    table.add("separable_conv", {{x}, {{2, 2, 3, 2}, -1, 1}, {{1, 1, 6, 4}, -1, 1}, {{4}}},
              [walk](const Tensors& t) { return separable_conv(t[0], t[1], t[2], t[3], walk); });
    table.add("conv_transpose", {{x}, {{3, 2, 4, 3}, -1, 1}, {{4}}},
              [walk](const Tensors& t) { return conv_transpose(t[0], t[1], t[2], walk); });
  }
  ConvOptions longer = conv_options({2, 3}, {}, Padding::same);
  longer.output_padding = {1, 2};
  table.add("conv_transpose with output_padding", {{{2, 3, 4, 3}}, {{3, 4, 2, 3}, -1, 1}},
            [longer](const Tensors& x) { return conv_transpose(x[0], x[1], {}, longer); });
  table.add("conv_transpose of pixels used twice", {{{2, 4, 3}}, {{3, 3, 3}, -1, 1}}, [](const Tensors& x) {
    return ops::add(x[0], conv_transpose(x[0], x[1], {}, conv_options({}, {}, Padding::same)));
  });
  table.add("conv_transpose in 3-D", {{{1, 2, 3, 2, 2}}, {{2, 2, 3, 3, 2}, -1, 1}, {{3}}}, [](const Tensors& x) {
    return conv_transpose(x[0], x[1], x[2], conv_options({1, 2, 2}, {}, Padding::valid));
  });
  table.large("depthwise_conv", {{{8, 20, 21, 35}}, {{3, 3, 35, 1}, -1, 1}, {{35}}}, [](const Tensors& x) {
    return depthwise_conv(x[0], x[1], x[2], conv_options({2, 2}, {}, Padding::same, Unary::tanh));
  });
  table.large("conv_transpose", {{{8, 10, 11, 20}}, {{3, 3, 12, 20}, -0.1, 0.1}, {{12}}}, [](const Tensors& x) {
    return conv_transpose(x[0], x[1], x[2], conv_options({2, 2}, {}, Padding::same, Unary::tanh));
  });
}

}  // namespace ranvier::testing
