// Cases: recurrent layers over whole sequences.
#pragma once

#include "ops_table.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/rnn.h"
#include "ranvier/ops/shape.h"

namespace ranvier::testing {

using namespace ranvier::ops;

/// One configuration: sizes, what is given besides x and the weights, and the options.
struct RnnCase {
  RnnCell cell;
  Index batch = 3;
  Index steps = 5;
  Index features = 4;
  Index units = 5;
  bool bias = true;
  bool states = false;
  bool dropout = false;
  enum Mask { none, scattered, right, left } mask = none;
  RnnOptions options{};
};

/// Inputs: x, kernel, recurrent kernel, then bias, h, c, mask (numbers for scattered, lengths else), dropout if there are.
inline std::vector<Input> rnn_inputs(const RnnCase& c) {
  const Index columns = kernels::gates_of(c.cell) * c.units;
  const double scale = 1 / std::sqrt(static_cast<double>(c.units));
  std::vector<Input> inputs{
      {{c.batch, c.steps, c.features}}, {{c.features, columns}, -0.8, 0.8}, {{c.units, columns}, -scale, scale}};
  if (c.bias) inputs.push_back({c.cell == RnnCell::gru ? Shape{2, columns} : Shape{columns}, -1, 1});
  if (c.states) inputs.push_back({{c.batch, c.units}, -1, 1});
  if (c.states && c.cell == RnnCell::lstm) inputs.push_back({{c.batch, c.units}, -1, 1});
  if (c.mask == RnnCase::scattered) inputs.push_back({{c.batch, c.steps}, 0, 1, Draw::zero_or_one, false});
  if (c.mask == RnnCase::right || c.mask == RnnCase::left) {
    inputs.push_back({{c.batch, 1}, 0, static_cast<double>(c.steps), Draw::integers, false});
  }
  if (c.dropout) inputs.push_back({{c.batch, c.units}, 0, 1, Draw::zero_or_one, false});
  return inputs;
}

/// All results in one tensor, so that gradients come from all of them: output·(1 + h/2 + c/4).
inline Tensor rnn_result(const RnnCase& c, const Tensors& given) {
  std::size_t next = 0;
  RnnSequence sequence;
  RnnWeights weights;
  sequence.x = given[next++];
  weights.kernel = given[next++];
  weights.recurrent_kernel = given[next++];
  const DType dtype = sequence.x.dtype();
  if (c.bias) weights.bias = given[next++];
  if (c.states) sequence.h = given[next++];
  if (c.states && c.cell == RnnCell::lstm) sequence.c = given[next++];
  if (c.mask != RnnCase::none) {
    sequence.mask = given[next++];
    const Tensor times = ops::arange(0, static_cast<double>(c.steps), 1, DType::int64);
    if (c.mask == RnnCase::right) sequence.mask = compare(Compare::less, times, sequence.mask);
    if (c.mask == RnnCase::left) sequence.mask = compare(Compare::greater_equal, times, sequence.mask);
  }
  if (c.dropout) sequence.recurrent_dropout = multiply(given[next++], full({}, 1.5, dtype));
  RnnOptions options = c.options;
  options.cell = c.cell;
  const RnnResult r = rnn(sequence, weights, options);
  Tensor factor = ops::add(full({}, 1, dtype), multiply(r.h, full({}, 0.5, dtype)));
  if (r.c.defined()) factor = ops::add(factor, multiply(r.c, full({}, 0.25, dtype)));
  if (options.return_sequences) factor = ops::reshape(factor, {c.batch, 1, c.units});
  return multiply(r.output, factor);
}

inline void add_recurrent(Table& table) {
  const std::pair<const char*, RnnCell> cells[] = {{"simple", RnnCell::simple},
                                                   {"lstm", RnnCell::lstm},
                                                   {"gru", RnnCell::gru},
                                                   {"gru_reset_first", RnnCell::gru_reset_first}};
  const auto put = [&](std::string name, const RnnCase& c) {
    table.add(std::move(name), rnn_inputs(c), [c](const Tensors& x) { return rnn_result(c, x); });
  };
  for (const auto& [cell_name, cell] : cells) {
    const std::string name = std::string("rnn ") + cell_name;
    for (const bool sequences : {false, true}) {
      RnnOptions options;
      options.return_sequences = sequences;
      const std::string what = name + (sequences ? " sequences" : " last");
      put(what, {.cell = cell, .options = options});
      put(what + " one row", {.cell = cell, .batch = 1, .steps = 3, .units = 3, .states = true, .options = options});
      put(what + " one step",
          {.cell = cell, .batch = 4, .steps = 1, .bias = false, .states = true, .options = options});
      put(what + " wide", {.cell = cell, .batch = 2, .steps = 3, .features = 2, .units = 18, .options = options});
      for (const bool backwards : {false, true}) {
        for (const bool zero : {false, true}) {
          options.go_backwards = backwards;
          options.zero_output_for_mask = zero;
          const std::string order = what + (backwards ? " backwards" : "") + (zero ? " zero" : "");
          for (const auto mask : {RnnCase::scattered, RnnCase::right, RnnCase::left}) {
            put(order + " mask " + std::to_string(mask), {.cell = cell,
                                                          .steps = 4,
                                                          .units = 3,
                                                          .states = mask != RnnCase::left,
                                                          .mask = mask,
                                                          .options = options});
          }
        }
      }
      options = {};
      options.return_sequences = sequences;
      put(what + " dropout",
          {.cell = cell, .states = true, .dropout = true, .mask = RnnCase::scattered, .options = options});
      options.activation = Unary::softsign;
      options.recurrent_activation = Unary::hard_sigmoid;
      put(what + " other functions", {.cell = cell, .states = true, .options = options});
      options.activation = Unary::gelu;
      options.recurrent_activation = Unary::identity;
      put(what + " functions of their argument", {.cell = cell, .steps = 3, .options = options});
    }
    for (const auto mask : {RnnCase::none, RnnCase::scattered, RnnCase::right}) {
      RnnOptions options;
      options.return_sequences = true;
      const RnnCase c{.cell = cell,
                      .batch = 70,
                      .steps = 9,
                      .features = 20,
                      .units = 33,
                      .states = true,
                      .mask = mask,
                      .options = options};
      table.large(name + " mask " + std::to_string(mask), rnn_inputs(c),
                  [c](const Tensors& x) { return rnn_result(c, x); });
    }
    const RnnCase c{.cell = cell, .batch = 16, .steps = 40, .features = 64, .units = 128};
    table.large(name + " in blocks of steps", rnn_inputs(c), [c](const Tensors& x) { return rnn_result(c, x); });
  }
  const RnnCase empty_batch{.cell = RnnCell::lstm, .batch = 0, .states = true};
  put("rnn of no rows", empty_batch);
}

}  // namespace ranvier::testing
