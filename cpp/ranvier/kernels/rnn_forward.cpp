#include "ranvier/kernels/rnn_pieces.h"

namespace ranvier::kernels {
namespace rnn_detail {

template <class T, class Acts>
class Forward {
 public:
  Forward(Piece<T> piece, const Acts& functions, const RnnOutputs<T>& outputs)
      : p(std::move(piece)),
        f(functions),
        out(outputs),
        dropout(p.dropout()),
        dropped(dropout != nullptr ? scratch<T>(p.rows * p.units, Room::states) : nullptr) {}

  void run() {
    p.find_range(scratch<Index>(p.rows, Room::range));
    p.take(p.in.h, p.h(p.begin));
    if (p.g.cell == RnnCell::lstm) p.take(p.in.c, p.c(p.begin));
    if (out.y != nullptr) {
      for (Index s = 0; s < p.begin; ++s) show(s, p.begin);
    }
    for (Index s = p.begin; s < p.end; ++s) {
      if (s == p.begin || s % p.block == 0) project(s, std::min(p.end, (s / p.block + 1) * p.block));
      step(s);
      if (out.y != nullptr) show(s, s + 1);
    }
    if (out.y != nullptr) {
      for (Index s = p.end; s < p.g.steps; ++s) show(s, p.end);
    }
    if (out.h != nullptr) p.give(p.h(p.end), out.h, false);
    if (out.c != nullptr) p.give(p.c(p.end), out.c, false);
    if (out.last != nullptr) show(p.g.steps - 1, p.end, out.last, p.units);
  }

 private:
  // gates = x·W + b for the steps [s, stop)
  void project(Index s, Index stop) {
    const Index features = p.g.features;
    if (p.copy_x) {
      for (Index t = s; t < stop; ++t) {
        for (Index r = 0; r < p.rows; ++r) copy(features, p.x_at(r, t), p.own_x(t) + r * features);
      }
    }
    Epilogue<T> bias;
    bias.bias = p.in.bias;
    gemm<T>(false, false, (stop - s) * p.rows, p.columns, features, p.x(s), features, p.in.kernel, p.columns, T{0},
            p.gates(s), p.columns, &bias);
  }

  // to (+)= a·R[:, from : from + n] (+ b')
  void recur(const T* a, Index from, Index n, T* to, Index ld, bool add) {
    Epilogue<T> bias;
    if (p.in.recurrent_bias != nullptr) bias.bias = p.in.recurrent_bias + from;
    gemm<T>(false, false, p.rows, n, p.units, a, p.units, p.in.recurrent + from, p.columns, add ? T{1} : T{0}, to, ld,
            &bias);
  }

  void step(Index s) {
    const T* h = p.h(s);
    if (dropped != nullptr) {
      multiply(p.rows * p.units, h, dropout, dropped);
      h = dropped;
    }
    const Index u = p.units;
    switch (p.g.cell) {
      case RnnCell::simple:
        recur(h, 0, u, p.gates(s), u, true);
        return for_rows(s, h, [this](const Row<T>& row) { simple_row(f, row); });
      case RnnCell::lstm:
        recur(h, 0, 4 * u, p.gates(s), 4 * u, true);
        return for_rows(s, h, [this](const Row<T>& row) { lstm_row(f, row); });
      case RnnCell::gru:
        recur(h, 0, 2 * u, p.gates(s), 3 * u, true);
        recur(h, 2 * u, u, p.inner(s), u, false);
        return for_rows(s, h, [this](const Row<T>& row) { gru_row(f, row); });
      case RnnCell::gru_reset_first:
        recur(h, 0, 2 * u, p.gates(s), 3 * u, true);
        for (Index r = 0; r < p.rows; ++r) reset_row(f, p.row(r, s, h));
        recur(p.inner(s), 2 * u, u, p.gates(s) + 2 * u, 3 * u, true);
        return for_rows(s, h, [this](const Row<T>& row) { update_row(f, row); });
    }
  }

  template <class Cell>
  void for_rows(Index s, const T* product_h, const Cell& cell) {
    for (Index r = 0; r < p.rows; ++r) {
      const Row<T> row = p.row(r, s, product_h);
      if (p.active(r, s)) {
        cell(row);
      } else {
        copy(p.units, row.h, row.next_h);
        if (row.c != nullptr) copy(p.units, row.c, row.next_c);
      }
    }
  }

  // y of this step: the states number `state`, or 0
  void show(Index s, Index state) { show(s, state, out.y + s * p.units, p.g.steps * p.units); }
  void show(Index s, Index state, T* to, Index stride) {
    const T* h = p.h(state);
    for (Index r = 0; r < p.rows; ++r) {
      copy_or_zero(p.units, p.shows(r, s) ? h + r * p.units : nullptr, to + p.outer(r) * stride);
    }
  }

  Piece<T> p;
  const Acts& f;
  const RnnOutputs<T>& out;
  const T* const dropout;
  T* const dropped;
};

}  // namespace rnn_detail

RnnSizes rnn_sizes(const RnnGeometry& g, bool keep) {
  const rnn_detail::Cuts cuts(g);
  const Index steps = g.batch * (keep ? g.steps : cuts.block);
  const bool resets = g.cell == RnnCell::gru || g.cell == RnnCell::gru_reset_first;
  return {steps * g.columns(),
          g.batch * (keep ? g.steps + 1 : 2) * g.units,
          resets ? steps * g.units : 0,
          cuts.copy_x ? steps * g.features : 0,
          keep ? g.units * g.columns() : 0,
          keep && cuts.own_sums ? (cuts.pieces - 1) * cuts.weights : 0};
}

template <class T>
void rnn_forward(const RnnGeometry& g, const RnnInputs<T>& in, const RnnArrays<T>& kept, const RnnOutputs<T>& out) {
  using namespace rnn_detail;
  if (g.batch == 0) return;
  const Cuts cuts(g);
  const Index* order = order_of(g, in.mask, cuts);
  with_functions<T>(g, [&]<class Acts>(const Acts& functions) {
    parallel_for(cuts.pieces, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        Forward<T, Acts>(Piece<T>(g, in, kept, cuts, order, i), functions, out).run();
      }
    });
  });
}

template void rnn_forward<float>(const RnnGeometry&, const RnnInputs<float>&, const RnnArrays<float>&,
                                 const RnnOutputs<float>&);
template void rnn_forward<double>(const RnnGeometry&, const RnnInputs<double>&, const RnnArrays<double>&,
                                  const RnnOutputs<double>&);

}  // namespace ranvier::kernels
