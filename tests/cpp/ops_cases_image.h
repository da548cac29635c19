// Cases: pooling, resampling.
#pragma once

#include "ops_table.h"
#include "ranvier/ops/pool.h"
#include "ranvier/ops/resize.h"

namespace ranvier::testing {

using namespace ranvier::ops;

inline void add_pools(Table& table) {
  const std::vector<std::pair<Shape, Pooling>> cases = {
      {{2, 5, 3}, {{2}, {2}, false}},          {{2, 6, 4, 3}, {{2, 2}, {2, 2}, false}},
      {{2, 5, 6, 2}, {{3, 2}, {2, 1}, true}},  {{1, 7, 5, 2}, {{3, 3}, {1, 2}, false}},
      {{1, 5, 5, 2}, {{2, 2}, {3, 3}, false}}, {{1, 3, 4, 5, 2}, {{2, 3, 2}, {1, 2, 2}, true}},
      {{1, 20, 2}, {{300}, {7}, true}},  // places beyond a byte
  };
  for (const auto& [shape, pooling] : cases) {
    table.add(concat_text("max_pool ", shape), {{shape}},
              [p = pooling](const Tensors& x) { return max_pool(x[0], p); });
    table.add(concat_text("average_pool ", shape), {{shape}},
              [p = pooling](const Tensors& x) { return average_pool(x[0], p); });
  }
  for (Index n : {1, 2, 3, 7}) {
    table.add("adaptive_max_pool", {{{2, 5, 4, 3}}}, [n](const Tensors& x) { return adaptive_max_pool(x[0], {n, 3}); });
    table.add("adaptive_average_pool", {{{2, 5, 4, 3}}}, [n](const Tensors& x) {
      return adaptive_average_pool(x[0], {n, 3});
    });
  }
  table.large("max_pool", {{{8, 30, 31, 33}}}, [](const Tensors& x) { return max_pool(x[0], {{3, 3}, {2, 2}, true}); });
  table.large("average_pool", {{{8, 30, 31, 33}}}, [](const Tensors& x) {
    return average_pool(x[0], {{2, 2}, {2, 2}, false});
  });
}

inline void add_resizings(Table& table) {
  for (auto method : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic, Interpolation::lanczos3,
                      Interpolation::lanczos5}) {
    for (bool antialias : {false, true}) {
      table.add("resize", {{{2, 5, 4, 3}}}, [=](const Tensors& x) { return resize(x[0], {3, 9}, method, antialias); });
    }
  }
  table.add("resize in 1-D", {{{2, 5, 3}}}, [](const Tensors& x) { return resize(x[0], {8}, Interpolation::bicubic); });
  table.add("resize to the same", {{{2, 5, 3}}},
            [](const Tensors& x) { return resize(x[0], {5}, Interpolation::bilinear); });
  table.add("upsample", {{{2, 3, 2, 3}}}, [](const Tensors& x) { return upsample_nearest(x[0], {2, 3}); });
  table.add("upsample in 3-D", {{{1, 3, 2, 2, 3}}}, [](const Tensors& x) { return upsample_nearest(x[0], {1, 2, 3}); });
  table.large("resize", {{{8, 30, 31, 20}}}, [](const Tensors& x) {
    return resize(x[0], {45, 20}, Interpolation::bilinear, true);
  });
}

}  // namespace ranvier::testing
