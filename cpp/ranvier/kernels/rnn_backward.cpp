#include "ranvier/kernels/move.h"
#include "ranvier/kernels/reduce.h"
#include "ranvier/kernels/rnn_pieces.h"

namespace ranvier::kernels {
namespace rnn_detail {

template <class T, class Acts>
class Backward {
 public:
  Backward(Piece<T> piece, const Acts& functions, const RnnOutputs<const T>& gradients, const RnnGradients<T>& sinks)
      : p(std::move(piece)), f(functions), dy(gradients), to(sinks), n(p.rows * p.units) {}

  void run() {
    p.find_range(scratch<Index>(p.rows, 1));
    dh = scratch<T>(4 * n, 0);
    dc = dh + n;
    product = dc + n;
    dropped = product + n;
    const Index at = p.first * p.units;
    copy_or_zero(n, dy.h != nullptr ? dy.h + at : nullptr, dh);
    copy_or_zero(n, dy.c != nullptr ? dy.c + at : nullptr, dc);
    for (Index r = 0; r < p.rows && dy.last != nullptr; ++r) {
      if (p.shows(r, p.g.steps - 1)) add(p.units, dy.last + at + r * p.units, dh + r * p.units);
    }
    for (Index s = p.g.steps - 1; s >= p.end; --s) take_shown(s);
    for (Index s = p.end - 1; s >= p.begin; --s) {
      take_shown(s);
      step(s);
    }
    for (Index s = 0; s < p.begin && p.g.begun; ++s) take_shown(s);
    give(to.h, dh);
    give(to.c, dc);
    if (p.in.dropout != nullptr && p.end > p.begin) {  // h as it met R, for R's gradient
      for (Index s = p.begin; s < p.end; ++s) multiply(n, p.h(s), p.in.dropout + at, p.h(s));
    }
  }

 private:
  void take_shown(Index s) {
    if (dy.y == nullptr) return;
    for (Index r = 0; r < p.rows; ++r) {
      if (p.shows(r, s)) add(p.units, dy.y + ((p.first + r) * p.g.steps + s) * p.units, dh + r * p.units);
    }
  }

  void step(Index s) {
    const T* h = p.h(s);
    if (p.in.dropout != nullptr) {
      multiply(n, h, p.in.dropout + p.first * p.units, dropped);
      h = dropped;
    }
    const Index u = p.units;
    switch (p.g.cell) {
      case RnnCell::simple:
        for_rows(s, h, [this](const Row<T>& row, T* d, T*) { simple_row_backward(f, row, d); });
        return recur(p.gates(s), u, 0, u);
      case RnnCell::lstm:
        for_rows(s, h, [this](const Row<T>& row, T* d, T* carry) { lstm_row_backward(f, row, d, carry); });
        return recur(p.gates(s), 4 * u, 0, 4 * u);
      case RnnCell::gru:
        for_rows(s, h, [this](const Row<T>& row, T* d, T*) { gru_row_backward(f, row, d); });
        recur(p.gates(s), 3 * u, 0, 2 * u);
        return recur(p.inner(s), u, 2 * u, u);
      case RnnCell::gru_reset_first:
        for_rows(s, h, [this](const Row<T>& row, T* d, T*) { update_row_backward(f, row, d); });
        multiply_back(p.gates(s) + 2 * u, 3 * u, 2 * u, u, T{0}, product);
        for (Index r = 0; r < p.rows; ++r) {
          if (p.active(r, s)) reset_row_backward(f, p.row(r, s, h), product + r * u);
        }
        give_back();
        return recur(p.gates(s), 3 * u, 0, 2 * u);
    }
  }

  // A masked row passes its gradients on and has none at its gates.
  template <class Cell>
  void for_rows(Index s, const T* product_h, const Cell& cell) {
    for (Index r = 0; r < p.rows; ++r) {
      const Row<T> row = p.row(r, s, product_h);
      if (p.active(r, s)) {
        cell(row, dh + r * p.units, dc + r * p.units);
      } else {
        std::fill_n(row.gates, p.columns, T{0});
        if (p.g.cell == RnnCell::gru) std::fill_n(row.inner, p.units, T{0});
      }
    }
  }

  // result = beta·result + dz·R[:, from : from + k]ᵀ
  void multiply_back(const T* dz, Index ld, Index from, Index k, T beta, T* result) {
    gemm<T>(false, false, p.rows, p.units, k, dz, ld, p.kept.panels + from * p.units, p.units, beta, result, p.units);
  }
  // dh += dropout·(dz·R[:, from : from + k]ᵀ)
  void recur(const T* dz, Index ld, Index from, Index k) {
    if (p.in.dropout == nullptr) return multiply_back(dz, ld, from, k, T{1}, dh);
    multiply_back(dz, ld, from, k, T{0}, product);
    give_back();
  }
  void give_back() {
    if (p.in.dropout != nullptr) multiply(n, product, p.in.dropout + p.first * p.units, product);
    add(n, product, dh);
  }

  void give(const RnnSink<T>& sink, const T* d) {
    if (sink.data == nullptr) return;
    T* at = sink.data + p.first * p.units;
    if (sink.add) {
      add(n, d, at);
    } else {
      copy(n, d, at);
    }
  }

  Piece<T> p;
  const Acts& f;
  const RnnOutputs<const T>& dy;
  const RnnGradients<T>& to;
  const Index n;
  T* dh = nullptr;
  T* dc = nullptr;
  T* product = nullptr;
  T* dropped = nullptr;
};

// The part of one piece in the gradients of the weights, and the gradient of its x: products over all its steps.
template <class T>
class Products {
 public:
  Products(Piece<T> piece, const RnnGradients<T>& sinks, bool first_piece)
      : p(std::move(piece)), to(sinks), is_first(first_piece) {}

  void run() {
    p.find_range(scratch<Index>(p.rows, 1));
    const Index m = (p.end - p.begin) * p.rows;
    const Index u = p.units;
    const T* dz = p.gates(p.begin);
    const T* h = p.h(p.begin);
    weight(to.kernel, p.g.features, p.columns, p.x(p.begin), dz, p.columns, m, 0);
    sums(to.bias, dz, p.columns, p.columns, m, 0);
    switch (p.g.cell) {
      case RnnCell::simple:
      case RnnCell::lstm:
        weight(to.recurrent, u, p.columns, h, dz, p.columns, m, 0);
        break;
      case RnnCell::gru:
      case RnnCell::gru_reset_first: {
        const bool after = p.g.cell == RnnCell::gru;
        const T* inner = p.inner(p.begin);
        weight(to.recurrent, u, 2 * u, h, dz, p.columns, m, 0);
        weight(to.recurrent, u, u, after ? h : inner, after ? inner : dz + 2 * u, after ? u : p.columns, m, 2 * u);
        if (!after) break;
        sums(to.recurrent_bias, dz, 2 * u, p.columns, m, 0);
        sums(to.recurrent_bias, inner, u, u, m, 2 * u);
        break;
      }
    }
    if (to.x.data != nullptr) input(m, dz);
  }

 private:
  // columns [from, from + n) of dw += aᵀ·dz
  void weight(const RnnSink<T>& sink, Index rows_a, Index n, const T* a, const T* dz, Index ld, Index m, Index from) {
    if (sink.data == nullptr) return;
    gemm<T>(true, false, rows_a, n, m, a, rows_a, dz, ld, adds(sink) ? T{1} : T{0}, sink.data + from, p.columns);
  }
  void sums(const RnnSink<T>& sink, const T* dz, Index n, Index ld, Index m, Index from) {
    if (sink.data == nullptr) return;
    T* to_sum = sink.data + from;
    if (ld == n) return reduce_sum<T>(1, m, n, dz, T{1}, to_sum, adds(sink));
    T* total = scratch<T>(ld, 2);
    reduce_sum<T>(1, m, ld, dz, T{1}, total, false);
    for (Index j = 0; j < n; ++j) to_sum[j] = total[j] + (adds(sink) ? to_sum[j] : T{0});
  }
  bool adds(const RnnSink<T>& sink) const { return sink.add || !is_first; }

  // dx = dz·Wᵀ
  void input(Index m, const T* dz) {
    const Index features = p.g.features;
    T* all = to.x.data + p.first * p.g.steps * features;
    if (!p.copy_x) {
      if (!to.x.add) {
        std::fill_n(all, p.begin * p.rows * features, T{0});
        std::fill_n(all + p.end * p.rows * features, (p.g.steps - p.end) * p.rows * features, T{0});
      }
      gemm<T>(false, true, m, features, p.columns, dz, p.columns, p.in.kernel, p.columns, to.x.add ? T{1} : T{0},
              all + p.begin * p.rows * features, features);
      return;
    }
    T* own = p.own_x(p.begin);  // x has been used
    gemm<T>(false, true, m, features, p.columns, dz, p.columns, p.in.kernel, p.columns, T{0}, own, features);
    parallel_for(p.rows, 1, [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        for (Index s = 0; s < p.g.steps; ++s) {
          T* dx = all + (r * p.g.steps + p.time(s)) * features;
          const bool inside = s >= p.begin && s < p.end;
          if (!to.x.add) {
            copy_or_zero(features, inside ? p.own_x(s) + r * features : nullptr, dx);
          } else if (inside) {
            add(features, p.own_x(s) + r * features, dx);
          }
        }
      }
    });
  }

  Piece<T> p;
  const RnnGradients<T>& to;
  const bool is_first;
};

template <class T>
void transpose(Index rows, Index columns, const T* from, T* to) {
  StridedCopy nest;
  nest.rank = 2;
  nest.dims = {columns, rows};
  nest.src = {1, columns};
  nest.dst = {rows, 1};
  strided_copy(nest, from, to, false);
}

template <class T>
void clear(const RnnSink<T>& sink, Index n) {
  if (sink.data != nullptr && !sink.add) std::fill_n(sink.data, n, T{0});
}

}  // namespace rnn_detail

template <class T>
void rnn_backward(const RnnGeometry& g, const RnnInputs<T>& in, const RnnArrays<T>& kept,
                  const RnnOutputs<const T>& gradient, const RnnGradients<T>& to) {
  using namespace rnn_detail;
  if (g.batch == 0) {
    clear(to.kernel, g.features * g.columns());
    clear(to.recurrent, g.units * g.columns());
    clear(to.bias, g.columns());
    clear(to.recurrent_bias, g.columns());
    return;
  }
  const Cuts cuts(g);
  transpose(g.units, g.columns(), in.recurrent, kept.panels);
  with_functions<T>(g, [&]<class Acts>(const Acts& functions) {
    parallel_for(cuts.pieces, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        Backward<T, Acts>(Piece<T>(g, in, kept, cuts, i), functions, gradient, to).run();
      }
    });
  });
  for (Index i = 0; i < cuts.pieces; ++i) Products<T>(Piece<T>(g, in, kept, cuts, i), to, i == 0).run();
}

template void rnn_backward<float>(const RnnGeometry&, const RnnInputs<float>&, const RnnArrays<float>&,
                                  const RnnOutputs<const float>&, const RnnGradients<float>&);
template void rnn_backward<double>(const RnnGeometry&, const RnnInputs<double>&, const RnnArrays<double>&,
                                   const RnnOutputs<const double>&, const RnnGradients<double>&);

}  // namespace ranvier::kernels
