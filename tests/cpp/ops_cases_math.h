// Cases: elementwise functions, broadcasting arithmetic, products.
#pragma once

#include "ops_table.h"
#include "ranvier/ops/einsum.h"
#include "ranvier/ops/elementwise.h"
#include "ranvier/ops/matmul.h"
#include "ranvier/ops/reduce.h"
#include "ranvier/ops/shape.h"

namespace ranvier::testing {

using namespace ranvier::ops;

inline UnaryArgs args_of(Unary op) {
  switch (op) {
    case Unary::clip:
      return {-0.5, 0.7};
    case Unary::pow_scalar:
      return {2.5};
    case Unary::leaky_relu:
      return {0.2};
    case Unary::elu:
    case Unary::celu:
      return {1.3};
    case Unary::hard_tanh:
      return {-1, 1};
    case Unary::soft_shrink:
    case Unary::hard_shrink:
      return {0.5};
    case Unary::threshold:
      return {0.1, -0.3};
    case Unary::squareplus:
      return {4};
    default:
      return {};
  }
}

inline bool wants_positive(Unary op) {
  return op == Unary::sqrt || op == Unary::rsqrt || op == Unary::reciprocal || op == Unary::log || op == Unary::log1p ||
         op == Unary::pow_scalar;
}

inline void add_elementwise(Table& table) {
#define RANVIER_NAME(name, saves) Unary::name,
  for (Unary op : {RANVIER_UNARY(RANVIER_NAME)}) {
#undef RANVIER_NAME
    const double low = wants_positive(op) ? 0.3 : -3;
    const auto f = [op](const Tensors& x) { return unary(op, x[0], args_of(op)); };
    table.add(kernels::name_of(op), {{{3, 13}, low, 3}}, f);
    table.add(std::string("twice ") + kernels::name_of(op), {{{7}, low, 3}}, [f](const Tensors& x) {
      const Tensor y = f(x);
      return ops::add(multiply(y, y), x[0]);
    });
  }
  table.large("gelu", {{{300, 500}}}, [](const Tensors& x) { return unary(Unary::gelu, x[0]); });

  const std::vector<std::pair<Shape, Shape>> pairs = {{{3, 5}, {3, 5}},
                                                      {{3, 5}, {5}},
                                                      {{4, 3}, {4, 1}},
                                                      {{5}, {3, 5}},
                                                      {{2, 3, 4}, {3, 1}},
                                                      {{2, 1, 4}, {1, 3, 1}},
                                                      {{2, 3, 2, 3}, {3, 1, 3}},
                                                      {{2, 1, 2, 1}, {1, 3, 1, 3}},
                                                      {{3, 4}, {}},
                                                      {{}, {2, 3}},
                                                      {{}, {}},
                                                      {{0, 3}, {3}},
                                                      {{1, 4}, {4}}};
  for (Binary op : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide, Binary::power, Binary::maximum,
                    Binary::minimum}) {
    const double low = op == Binary::divide || op == Binary::power ? 0.4 : -2;
    const auto f = [op](const Tensors& x) { return binary(op, x[0], x[1]); };
    for (const auto& [a, b] : pairs) {
      table.add(concat_text(kernels::name_of(op), " ", a, " ", b), {{a, low, 2}, {b, low, 2}}, f);
    }
    table.add(std::string(kernels::name_of(op)) + " by a constant", {{{3, 5}, low, 2}, {{5}, low, 2, {}, false}}, f);
    table.add(std::string(kernels::name_of(op)) + " of a constant", {{{3, 5}, low, 2, {}, false}, {{5}, low, 2}}, f);
  }
  for (const std::size_t n : {1U, 2U, 3U, 8U, 9U, 20U}) {  // a call of the kernel takes eight
    const double scale = n % 2 == 0 ? 0.3 : 1;
    table.add(concat_text("sum of ", n), std::vector<Input>(n, Input{{2, 13}}),
              [scale](const Tensors& x) { return sum_of(x, scale); });
  }
  table.add("sum of a constant and x twice", {{{3, 5}, -2, 2, {}, false}, {{3, 5}}}, [](const Tensors& x) {
    return multiply(sum_of({x[0], x[1], x[1]}, 0.5), x[1]);
  });
  table.large("sum of three, one of them twice", {{{300, 500}}, {{300, 500}}, {{300, 500}}}, [](const Tensors& x) {
    return sum_of({x[0], x[1], unary(Unary::tanh, x[2]), x[2], x[0]}, 0.5);
  });

  table.add("x times itself", {{{3, 4}}}, [](const Tensors& x) { return multiply(x[0], x[0]); });
  table.add("x minus itself", {{{3, 4}}},
            [](const Tensors& x) { return subtract(multiply(x[0], x[0]), ops::add(x[0], x[0])); });
  table.large("row broadcast", {{{700, 300}}, {{300}}}, [](const Tensors& x) { return multiply(x[0], x[1]); });

  table.add("where", {{{3, 4}}, {{4}}, {{3, 1}}}, [](const Tensors& x) {
    return where(compare(Compare::greater, x[0], scalar(x[0], 0.1)), x[1], multiply(x[2], x[0]));
  });
  table.add("cast", {{{2, 3}}}, [](const Tensors& x) { return cast(multiply(x[0], scalar(x[0], 2)), x[0].dtype()); });
  table.add("prelu", {{{3, 4}}, {{4}, 0.1, 0.5}}, [](const Tensors& x) { return prelu(x[0], x[1]); });
  table.add("glu", {{{3, 6}}}, [](const Tensors& x) { return glu(x[0], -1); });
  table.add("glu axis 0", {{{4, 3}}}, [](const Tensors& x) { return glu(x[0], 0); });
}

inline void add_products(Table& table) {
  struct Product {
    Shape a;
    Shape b;
    bool ta = false;
    bool tb = false;
  };
  for (const Product& p : std::vector<Product>{{{3, 5}, {5, 4}},
                                               {{5, 3}, {5, 4}, true, false},
                                               {{3, 5}, {4, 5}, false, true},
                                               {{5, 3}, {4, 5}, true, true},
                                               {{5}, {5}},
                                               {{5}, {5, 3}},
                                               {{3, 5}, {5}},
                                               {{2, 3, 5}, {5, 4}},
                                               {{2, 3, 5}, {5}},
                                               {{2, 5, 3}, {5, 4}, true, false},
                                               {{3, 5}, {2, 5, 4}},
                                               {{2, 3, 5}, {2, 5, 4}},
                                               {{2, 1, 3, 5}, {3, 5, 2}},
                                               {{2, 1, 5, 3}, {3, 2, 5}, true, true},
                                               {{0, 3, 5}, {5, 2}},
                                               {{1, 3, 5}, {0, 5, 2}},
                                               {{3, 0}, {0, 2}}}) {
    table.add(concat_text("matmul ", p.a, p.ta ? "ᵀ" : "", " ", p.b, p.tb ? "ᵀ" : ""), {{p.a}, {p.b}},
              [p](const Tensors& x) { return matmul(x[0], x[1], p.ta, p.tb); });
  }
  table.add("matmul with itself", {{{4, 4}}}, [](const Tensors& x) { return matmul(x[0], x[0], false, true); });
  table.large("matmul batch", {{{40, 30, 50}}, {{40, 50, 20}}}, [](const Tensors& x) { return matmul(x[0], x[1]); });
  table.large("matmul", {{{200, 300}}, {{300, 130}}}, [](const Tensors& x) { return matmul(x[0], x[1]); });

  struct Einstein {
    const char* equation;
    Shape a;
    Shape b;
  };
  for (const Einstein& e : std::vector<Einstein>{{"ab,bc->ac", {3, 5}, {5, 4}},
                                                 {"ab,cb->ca", {3, 5}, {4, 5}},
                                                 {"abc,cde->abde", {2, 3, 5}, {5, 2, 4}},
                                                 {"abc,bcd->abd", {2, 3, 5}, {3, 5, 4}},
                                                 {"abc,bd->dca", {2, 3, 5}, {3, 4}},
                                                 {"abc,bd->", {2, 3, 5}, {3, 4}},
                                                 {"a...,...b->b...a", {5, 2, 3}, {2, 1, 4}},
                                                 {"ab,ab->ab", {3, 4}, {3, 4}},
                                                 {"a,b->ab", {3}, {4}}}) {
    table.add(std::string("einsum ") + e.equation, {{e.a}, {e.b}}, [name = e.equation](const Tensors& x) {
      return einsum(name, {x[0], x[1]});
    });
  }
  table.add("einsum of three", {{{2, 3}}, {{3, 4, 2}}, {{4, 3}}}, [](const Tensors& x) {
    return einsum("ab,bca,cb->ca", {x[0], x[1], x[2]});
  });

  for (Unary op : {Unary::identity, Unary::relu, Unary::tanh, Unary::sigmoid, Unary::gelu, Unary::silu,
                   Unary::leaky_relu, Unary::softplus}) {
    const auto f = [op](const Tensors& x) {
      return dense(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), op, args_of(op));
    };
    const std::string name = std::string("dense ") + kernels::name_of(op);
    table.add(name, {{{4, 5}}, {{5, 3}}, {{3}}}, f);
    table.add(name + " without bias", {{{2, 3, 5}}, {{5, 3}}}, f);
    table.add(name + " of data", {{{4, 5}, -2, 2, {}, false}, {{5, 3}}, {{3}}}, f);
    table.add(name + " frozen", {{{4, 5}}, {{5, 3}, -2, 2, {}, false}, {{3}, -2, 2, {}, false}}, f);
    table.add(name + " of a vector", {{{5}}, {{5, 3}}, {{3}}}, f);
    table.large(name, {{{128, 200}}, {{200, 150}}, {{150}}}, f);
  }
  table.add("dense on dense", {{{4, 5}}, {{5, 6}}, {{6}}, {{6, 2}}, {{2}}},
            [](const Tensors& x) { return dense(dense(x[0], x[1], x[2], Unary::tanh), x[3], x[4], Unary::softplus); });
  table.add("dense used twice", {{{4, 3}}, {{3, 3}}, {{3}}}, [](const Tensors& x) {
    const Tensor h = dense(x[0], x[1], x[2], Unary::tanh);
    return ops::add(multiply(h, h), dense(h, x[1], x[2], Unary::sigmoid));
  });
}

}  // namespace ranvier::testing
