#include "ranvier/kernels/move.h"
#include "ranvier/kernels/reduce.h"
#include "ranvier/kernels/rnn_pieces.h"

namespace ranvier::kernels {
namespace rnn_detail {

// What some steps of a piece give to the gradients of the weights, and the gradient of their x.
template <class T>
class Products {
 public:
  Products(const Piece<T>& piece, const RnnGradients<T>& sinks, bool first_to_write)
      : p(piece), to(sinks), is_first(first_to_write) {}

  void run(Index begin, Index end) {
    const Index m = (end - begin) * p.rows;
    const Index u = p.units;
    const T* dz = p.gates(begin);
    const T* h = p.h(begin);
    if (const T* dropout = p.dropout()) {  // h as it met R
      for (Index s = begin; s < end; ++s) multiply(p.rows * u, p.h(s), dropout, p.h(s));
    }
    weight(to.kernel, p.g.features, p.columns, p.x(begin), dz, p.columns, m, 0);
    sums(to.bias, dz, p.columns, p.columns, m, 0);
    switch (p.g.cell) {
      case RnnCell::simple:
      case RnnCell::lstm:
        weight(to.recurrent, u, p.columns, h, dz, p.columns, m, 0);
        break;
      case RnnCell::gru:
      case RnnCell::gru_reset_first: {
        const bool after = p.g.cell == RnnCell::gru;
        const T* inner = p.inner(begin);
        weight(to.recurrent, u, 2 * u, h, dz, p.columns, m, 0);
        weight(to.recurrent, u, u, after ? h : inner, after ? inner : dz + 2 * u, after ? u : p.columns, m, 2 * u);
        if (!after) break;
        sums(to.recurrent_bias, dz, 2 * u, p.columns, m, 0);
        sums(to.recurrent_bias, inner, u, u, m, 2 * u);
        break;
      }
    }
    if (to.x.data != nullptr) input(begin, end, dz);
    is_first = false;
  }

  /// The gradient of x where no step counts.
  void clear_outside() const {
    if (to.x.data == nullptr || to.x.add) return;
    for (Index s = 0; s < p.g.steps; ++s) {
      if (s == p.begin) s = p.end;
      for (Index r = 0; r < p.rows && s < p.g.steps; ++r) std::fill_n(dx(r, s), p.g.features, T{0});
    }
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
    T* total = scratch<T>(ld, Room::sums);
    reduce_sum<T>(1, m, ld, dz, T{1}, total, false);
    for (Index j = 0; j < n; ++j) to_sum[j] = total[j] + (adds(sink) ? to_sum[j] : T{0});
  }
  bool adds(const RnnSink<T>& sink) const { return sink.add || !is_first; }

  T* dx(Index r, Index s) const { return to.x.data + (p.outer(r) * p.g.steps + p.time(s)) * p.g.features; }

  // dx = dz·Wᵀ
  void input(Index begin, Index end, const T* dz) const {
    const Index features = p.g.features;
    T* result = p.copy_x ? p.own_x(begin) : to.x.data + (p.first * p.g.steps + begin * p.rows) * features;
    gemm<T>(false, true, (end - begin) * p.rows, features, p.columns, dz, p.columns, p.in.kernel, p.columns,
            to.x.add && !p.copy_x ? T{1} : T{0}, result, features);
    if (!p.copy_x) return;
    // the gradients stand where x was, which has been used
    parallel_for(p.rows, 4, [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        for (Index s = begin; s < end; ++s) {
          const T* from = p.own_x(s) + r * features;
          if (to.x.add) {
            add(features, from, dx(r, s));
          } else {
            copy(features, from, dx(r, s));
          }
        }
      }
    });
  }

  const Piece<T>& p;
  const RnnGradients<T>& to;
  bool is_first;
};

template <class T, class Acts>
class Backward {
 public:
  Backward(Piece<T> piece, const Acts& functions, const RnnOutputs<const T>& gradients, const RnnGradients<T>& sinks)
      : p(std::move(piece)), f(functions), dy(gradients), to(sinks), n(p.rows * p.units) {}

  /// With own_sums the gradients of weights and x as well.
  void run(bool own_sums) {
    p.find_range(scratch<Index>(p.rows, Room::range));
    dh = scratch<T>(4 * n, Room::states);
    dc = dh + n;
    product = dc + n;
    dropped = product + n;
    dropout = p.dropout();
    p.take(dy.h, dh);
    p.take(dy.c, dc);
    for (Index r = 0; r < p.rows && dy.last != nullptr; ++r) {
      if (p.shows(r, p.g.steps - 1)) add(p.units, dy.last + p.outer(r) * p.units, dh + r * p.units);
    }
    for (Index s = p.g.steps - 1; s >= p.end; --s) take_shown(s);
    Products<T> products(p, to, true);
    if (own_sums) products.clear_outside();
    if (own_sums && p.begin == p.end) products.run(p.begin, p.end);
    Index stop = p.end;
    for (Index s = p.end - 1; s >= p.begin; --s) {
      take_shown(s);
      step(s);
      if (!own_sums || (s > p.begin && s % p.block != 0)) continue;
      products.run(s, stop);
      stop = s;
    }
    for (Index s = 0; s < p.begin && p.g.begun; ++s) take_shown(s);
    if (to.h.data != nullptr) p.give(dh, to.h.data, to.h.add);
    if (to.c.data != nullptr) p.give(dc, to.c.data, to.c.add);
  }

 private:
  void take_shown(Index s) {
    if (dy.y == nullptr) return;
    for (Index r = 0; r < p.rows; ++r) {
      if (p.shows(r, s)) add(p.units, dy.y + (p.outer(r) * p.g.steps + s) * p.units, dh + r * p.units);
    }
  }

  void step(Index s) {
    const T* h = p.h(s);
    if (dropout != nullptr) {
      multiply(n, h, dropout, dropped);
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
    if (dropout == nullptr) return multiply_back(dz, ld, from, k, T{1}, dh);
    multiply_back(dz, ld, from, k, T{0}, product);
    give_back();
  }
  void give_back() {
    if (dropout != nullptr) multiply(n, product, dropout, product);
    add(n, product, dh);
  }

  Piece<T> p;
  const Acts& f;
  const RnnOutputs<const T>& dy;
  const RnnGradients<T>& to;
  const Index n;
  T* dh = nullptr;
  T* dc = nullptr;
  T* product = nullptr;
  const T* dropout = nullptr;
  T* dropped = nullptr;
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

// The same gradients, those of weights and biases collected at `place`.
template <class T>
RnnGradients<T> sums_of(const RnnGeometry& g, const RnnGradients<T>& to, T* place) {
  RnnGradients<T> own = to;
  const auto put = [&](RnnSink<T>& sink, Index size) {
    if (sink.data != nullptr) sink = {place, false};
    place += size;
  };
  put(own.kernel, g.features * g.columns());
  put(own.recurrent, g.units * g.columns());
  put(own.bias, g.columns());
  put(own.recurrent_bias, g.columns());
  return own;
}

template <class T>
void add_sums(const RnnGeometry& g, const RnnGradients<T>& from, const RnnGradients<T>& to) {
  const auto add_to = [](const RnnSink<T>& source, const RnnSink<T>& sink, Index n) {
    if (sink.data == nullptr) return;
    parallel_for(n, 16384, [&](Index begin, Index end) { add(end - begin, source.data + begin, sink.data + begin); });
  };
  add_to(from.kernel, to.kernel, g.features * g.columns());
  add_to(from.recurrent, to.recurrent, g.units * g.columns());
  add_to(from.bias, to.bias, g.columns());
  add_to(from.recurrent_bias, to.recurrent_bias, g.columns());
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
  const Index* order = order_of(g, in.mask, cuts);
  transpose(g.units, g.columns(), in.recurrent, kept.panels);
  with_functions<T>(g, [&]<class Acts>(const Acts& functions) {
    parallel_for(cuts.pieces, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const RnnGradients<T> own = i > 0 && cuts.own_sums ? sums_of(g, to, kept.sums + (i - 1) * cuts.weights) : to;
        Backward<T, Acts>(Piece<T>(g, in, kept, cuts, order, i), functions, gradient, own).run(cuts.own_sums);
      }
    });
  });
  if (cuts.own_sums) {
    for (Index i = 1; i < cuts.pieces; ++i) add_sums(g, sums_of(g, to, kept.sums + (i - 1) * cuts.weights), to);
    return;
  }
  for (Index i = 0; i < cuts.pieces; ++i) {
    Piece<T> piece(g, in, kept, cuts, order, i);
    piece.find_range(scratch<Index>(piece.rows, Room::range));
    Products<T> products(piece, to, i == 0);
    products.clear_outside();
    products.run(piece.begin, piece.end);
  }
}

template void rnn_backward<float>(const RnnGeometry&, const RnnInputs<float>&, const RnnArrays<float>&,
                                  const RnnOutputs<const float>&, const RnnGradients<float>&);
template void rnn_backward<double>(const RnnGeometry&, const RnnInputs<double>&, const RnnArrays<double>&,
                                   const RnnOutputs<const double>&, const RnnGradients<double>&);

}  // namespace ranvier::kernels
