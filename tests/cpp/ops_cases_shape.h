// Cases: reductions, moved elements, random noise, normalisation.
#pragma once

#include <limits>

#include "ops_table.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/norm.h"
#include "ranvier/ops/random.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::testing {

using namespace ranvier::ops;

inline void add_reductions(Table& table) {
  using Reduce = Tensor (*)(const Tensor&, const Axes&, bool);
  const std::vector<std::pair<const char*, Reduce>> reductions = {
      {"sum", &sum}, {"mean", &mean}, {"max", &max}, {"min", &min}, {"prod", &prod}, {"variance", &variance}};
  const std::vector<std::pair<Shape, Axes>> where_to = {{{7}, {}},
                                                        {{3, 5}, {}},
                                                        {{3, 5}, {0}},
                                                        {{3, 5}, {-1}},
                                                        {{2, 3, 4}, {1}},
                                                        {{2, 3, 4}, {0, 2}},
                                                        {{2, 3, 4}, {1, 2}},
                                                        {{2, 3, 2, 3}, {0, 2}},
                                                        {{2, 3, 2, 3}, {-1, -3}},
                                                        {{3, 1, 2}, {1}},
                                                        {{}, {}}};
  for (const auto& [name, reduce] : reductions) {
    for (const auto& [shape, axes] : where_to) {
      for (bool keepdims : {false, true}) {
        table.add(concat_text(name, " ", shape), {{shape}},
                  [r = reduce, a = axes, keepdims](const Tensors& x) { return r(x[0], a, keepdims); });
      }
    }
    table.large(name, {{{900, 130}}}, [r = reduce](const Tensors& x) { return r(x[0], {0}, false); });
    if (reduce != &prod)
      table.large(name, {{{90, 1300}}}, [r = reduce](const Tensors& x) { return r(x[0], {}, false); });
  }
  table.add("sum of nothing", {{{0, 3}}, {{3}}}, [](const Tensors& x) { return ops::add(sum(x[0], {0}), x[1]); });
  table.add("prod with zeros", {{{5, 3}}}, [](const Tensors& x) {
    const Tensor place = full({}, 1, DType::int64);
    const Tensor row = one_hot(place, 3, x[0].dtype());
    const Tensor single = subtract(full({1, 3}, 1, x[0].dtype()), row);
    return prod(concatenate({x[0], multiply(slice(x[0], {{0, 1}}), single)}, 0), {0});
  });
}

inline void add_moves(Table& table) {
  table.add("reshape", {{{3, 4}}}, [](const Tensors& x) {
    return multiply(reshape(x[0], {2, -1}), reshape(x[0], {2, 6}));
  });
  table.add("expand and squeeze", {{{3, 1, 4}}}, [](const Tensors& x) { return expand_dims(squeeze(x[0]), -1); });
  table.add("transpose", {{{3, 4}}}, [](const Tensors& x) { return transpose(x[0]); });
  table.add("transpose 4", {{{2, 3, 4, 5}}}, [](const Tensors& x) { return transpose(x[0], {2, 0, 3, 1}); });
  table.add("transpose of ones", {{{1, 3, 1}}}, [](const Tensors& x) { return transpose(x[0], {1, 2, 0}); });
  table.add("broadcast", {{{3, 1}}}, [](const Tensors& x) { return broadcast_to(x[0], {2, 3, 4}); });
  table.add("repeat", {{{3, 2}}}, [](const Tensors& x) { return repeat(x[0], 4, 1); });
  for (Index axis : {0, 1, -1}) {
    table.add("concatenate", {{{2, 3, 2}}, {{2, 3, 2}}}, [axis](const Tensors& x) {
      return concatenate({x[0], x[1], x[0]}, axis);
    });
    table.add("stack", {{{2, 3}}, {{2, 3}}}, [axis](const Tensors& x) { return stack({x[0], x[1]}, axis); });
  }
  table.add("concatenate a constant", {{{2, 3}, -2, 2, {}, false}, {{2, 4}}}, [](const Tensors& x) {
    return concatenate({x[0], x[1]}, 1);
  });
  table.add("slice", {{{5, 6}}}, [](const Tensors& x) { return slice(x[0], {{1, 4}, {0, 6, 2}}); });
  table.add("slice rows", {{{5, 3}}}, [](const Tensors& x) {
    return ops::add(slice(x[0], {{1, 3}}), slice(x[0], {{-2, {}}}));
  });
  table.add("slice backwards", {{{5, 6}}}, [](const Tensors& x) { return slice(x[0], {{{}, {}, -1}, {4, 0, -2}}); });
  table.add("slice of nothing", {{{5, 2}}}, [](const Tensors& x) {
    return ops::add(sum(slice(x[0], {{3, 2}})), sum(x[0]));
  });
  table.add("flip", {{{3, 4}}}, [](const Tensors& x) { return flip(x[0], {1}); });
  table.add("pad", {{{2, 3}}}, [](const Tensors& x) { return pad(x[0], {{1, 0}, {2, 1}}, 3); });
  for (Index axis : {0, 1, 2}) {
    table.add("gather", {{{4, 4, 4}}, {{2, 3}, -4, 4, Draw::integers, false}},
              [axis](const Tensors& x) { return gather(x[0], x[1], axis); });
  }
  table.large("gather", {{{50, 200}}, {{4000}, 0, 50, Draw::integers, false}},
              [](const Tensors& x) { return gather(x[0], x[1], 0); });
  table.large("transpose", {{{700, 300}}}, [](const Tensors& x) { return transpose(x[0]); });
}

// The generator of the random cases; restarted before every run, so that each run draws the same.
inline Generator& case_generator() {
  static Generator generator(7);
  return generator;
}
inline void restart_generator() { case_generator().set_state(7, 0); }

template <class F>
std::function<Tensor(const Tensors&)> drawn(F f) {
  return [f](const Tensors& x) { return f(x, case_generator()); };
}

inline void add_random(Table& table) {
  const std::size_t first = table.cases.size();
  for (Shape shape : {Shape{6, 7}, Shape{1, 7}, Shape{6, 1}}) {
    table.add("dropout", {{{6, 7}}},
              drawn([shape](const Tensors& x, Generator& g) { return dropout(x[0], 0.4, shape, g); }));
    table.add("alpha_dropout", {{{6, 7}}},
              drawn([shape](const Tensors& x, Generator& g) { return alpha_dropout(x[0], 0.4, shape, g); }));
  }
  table.add("dropout of everything", {{{3, 2}}},
            drawn([](const Tensors& x, Generator& g) { return dropout(x[0], 1, {}, g); }));
  table.add("gaussian_dropout", {{{6, 7}}},
            drawn([](const Tensors& x, Generator& g) { return gaussian_dropout(x[0], 0.4, g); }));
  table.add("gaussian_noise", {{{6, 7}}},
            drawn([](const Tensors& x, Generator& g) { return multiply(gaussian_noise(x[0], 0.4, g), x[0]); }));
  table.large("dropout", {{{500, 300}}},
              drawn([](const Tensors& x, Generator& g) { return dropout(x[0], 0.4, {}, g); }));
  for (std::size_t i = first; i < table.cases.size(); ++i) table.cases[i].draws = true;
}

inline void add_norms(Table& table) {
  for (Index axis : {0, 1, 2}) {
    const Shape channels{Shape{3, 4, 5}[static_cast<int>(axis)]};
    for (const auto& [training, relu] : std::vector<std::pair<bool, Ceiling>>{
             {true, {}}, {false, {}}, {true, std::numeric_limits<double>::infinity()}, {true, 0.5}, {false, 0.5}}) {
      const auto f = [axis, training = training, relu = relu](const Tensors& x) {
        const NormParams params{x[1], x[2]};
        if (training) return batch_norm_train(x[0], axis, 1e-3, params, nullptr, relu);
        return batch_norm_infer(x[0], axis, 1e-3, params, {x[3], x[4]}, relu);
      };
      table.add("batch_norm",
                {{{3, 4, 5}}, {channels}, {channels}, {channels, -1, 1, {}, false}, {channels, 0.5, 2, {}, false}}, f);
    }
  }
  table.add("batch_norm bare", {{{6, 4}}}, [](const Tensors& x) { return batch_norm_train(x[0], -1, 1e-3, {}); });
  table.add("layer_norm", {{{3, 7}}, {{7}}, {{7}}}, [](const Tensors& x) {
    return layer_norm(x[0], 1, 1e-3, {x[1], x[2]});
  });
  table.add("layer_norm over two axes", {{{3, 4, 5}}, {{4, 5}}, {{4, 5}}}, [](const Tensors& x) {
    return layer_norm(x[0], 1, 1e-3, {x[1], x[2]});
  });
  table.add("layer_norm bare", {{{3, 4, 5}}}, [](const Tensors& x) { return layer_norm(x[0], -1, 1e-3, {}); });
  table.add("layer_norm over axes apart", {{{3, 4, 5, 2}}, {{3, 5}}}, [](const Tensors& x) {
    return over_axes(x[0], {2, 0}, [&](const Tensor& moved, int first) {
      return layer_norm(moved, first, 1e-3, {x[1], {}});
    });
  });
  for (const Index n : {1, 7, 40}) {
    table.add("rms_norm", {{{3, n}}, {{n}}}, [](const Tensors& x) { return rms_norm(x[0], 1, 1e-2, x[1]); });
    table.add("rms_norm bare", {{{2, 3, n}}}, [](const Tensors& x) { return rms_norm(x[0], -1, 1e-2, {}); });
    table.add("unit_norm", {{{3, n}, 0.5, 2}}, [](const Tensors& x) { return unit_norm(x[0], 1, 1e-12); });
    table.add("unit_norm of short rows", {{{3, n}}}, [](const Tensors& x) { return unit_norm(x[0], 1, 1000); });
  }
  table.add("rms_norm over two axes", {{{3, 4, 5}}, {{4, 5}}},
            [](const Tensors& x) { return rms_norm(x[0], 1, 1e-2, x[1]); });
  table.add("rms_norm of a constant", {{{3, 5}, -2, 2, {}, false}, {{5}}},
            [](const Tensors& x) { return rms_norm(x[0], 1, 1e-2, x[1]); });
  for (const Index axis : {1, 2, 3}) {
    const Shape shape{3, 4, 6, 2};
    const Shape channels{shape[static_cast<int>(axis)]};
    for (const Index groups : {Index{1}, Index{2}, channels[0]}) {
      table.add("group_norm", {{shape}, {channels}, {channels}}, [axis, groups](const Tensors& x) {
        return group_norm(x[0], groups, axis, 1e-2, {x[1], x[2]});
      });
    }
  }
  table.add("group_norm of rows", {{{5, 6}}, {{6}}}, [](const Tensors& x) {
    return group_norm(x[0], 2, -1, 1e-2, {x[1], {}});
  });
  table.add("group_norm bare", {{{2, 3, 300}}}, [](const Tensors& x) { return group_norm(x[0], 5, -1, 1e-2, {}); });
  table.large("rms_norm", {{{700, 90}}, {{90}}}, [](const Tensors& x) { return rms_norm(x[0], 1, 1e-3, x[1]); });
  table.large("group_norm", {{{3, 700, 30}}, {{30}}, {{30}}}, [](const Tensors& x) {
    return group_norm(x[0], 5, 2, 1e-3, {x[1], x[2]});
  });
  table.large("group_norm, channels first", {{{3, 30, 700}}, {{30}}, {{30}}}, [](const Tensors& x) {
    return group_norm(x[0], 5, 1, 1e-3, {x[1], x[2]});
  });
  table.large("batch_norm", {{{700, 90}}, {{90}}, {{90}}}, [](const Tensors& x) {
    return batch_norm_train(x[0], -1, 1e-3, {x[1], x[2]});
  });
  table.large("batch_norm and relu", {{{700, 90}}, {{90}}, {{90}}}, [](const Tensors& x) {
    return batch_norm_train(x[0], -1, 1e-3, {x[1], x[2]}, nullptr, 6);
  });
  table.large("layer_norm", {{{700, 90}}, {{90}}, {{90}}}, [](const Tensors& x) {
    return layer_norm(x[0], 1, 1e-3, {x[1], x[2]});
  });
}

}  // namespace ranvier::testing
