// How the batch of a recurrent layer is cut, and where the numbers of a piece lie: rows of one step side by side, step
// after step in the order of the run, so that some steps of a piece are one matrix.
#pragma once

#include <algorithm>
#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm.h"
#include "ranvier/kernels/gemm_pack.h"
#include "ranvier/kernels/rnn_cells.h"

namespace ranvier::kernels::rnn_detail {

/// The cuts; a function of the sizes.
struct Cuts {
  Index pieces;
  Index block;  ///< steps whose projection is made at once; it waits in cache for the recurrence
  bool copy_x;  ///< x is not in the order of the run
  /// Elements of the gradients of the weights and biases.
  Index weights;
  /// Products of the way back are made for each block of steps while it is in cache, by each piece for itself. Else they
  /// are made at the end: where all those sums would be much, or there is only one piece for all threads.
  bool own_sums;

  explicit Cuts(const RnnGeometry& g) {
    constexpr Index most_rows = 16;
    pieces = std::max((g.batch + most_rows - 1) / most_rows, std::min<Index>(g.batch / 8, 2));
    pieces = std::max<Index>(pieces, 1);
    const Index rows = (g.batch + pieces - 1) / pieces;
    constexpr Index cached = 1 << 17;
    block = std::clamp<Index>(cached / std::max<Index>(rows * g.columns(), 1), 1, std::max<Index>(g.steps, 1));
    copy_x = g.steps > 1 && (rows > 1 || g.reverse);
    weights = (g.features + g.units + 2) * g.columns();
    own_sums = pieces > 1 && weights <= 2 * cached && pieces * (g.features + g.units) <= g.batch * g.steps;
  }
};

template <class T>
void copy(Index n, const T* from, T* to) {
  std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
}
template <class T>
void copy_or_zero(Index n, const T* from, T* to) {
  if (from != nullptr) {
    copy(n, from, to);
  } else {
    std::fill_n(to, n, T{0});
  }
}
template <class T>
void add(Index n, const T* from, T* to) {
  for (Index j = 0; j < n; ++j) to[j] += from[j];
}

/// to = h·factor
template <class T>
void multiply(Index n, const T* h, const T* factor, T* to) {
  for (Index j = 0; j < n; ++j) to[j] = h[j] * factor[j];
}

/// Rooms of the calling thread.
enum class Room { states, range, sums, dropout, order };
template <class T>
T* scratch(Index n, Room room) {
  static thread_local gemm_detail::Scratch rooms[5];
  return static_cast<T*>(rooms[static_cast<int>(room)].get(static_cast<std::size_t>(n) * sizeof(T)));
}

inline bool active(const RnnGeometry& g, const bool* mask, Index row, Index step) {
  return mask == nullptr || mask[row * g.steps + (g.reverse ? g.steps - 1 - step : step)];
}

/// The rows by the number of steps between the first and the last that count, long ones first: a piece lasts as long as
/// its longest row. Null: as they are.
inline const Index* order_of(const RnnGeometry& g, const bool* mask, const Cuts& cuts) {
  if (mask == nullptr || !cuts.copy_x || cuts.pieces == 1) return nullptr;
  auto* order = scratch<Index>(2 * g.batch, Room::order);
  Index* length = order + g.batch;
  for (Index row = 0; row < g.batch; ++row) {
    Index begin = 0;
    Index end = g.steps;
    while (begin < end && !active(g, mask, row, begin)) ++begin;
    while (begin < end && !active(g, mask, row, end - 1)) --end;
    order[row] = row;
    length[row] = end - begin;
  }
  std::sort(order, order + g.batch,
            [&](Index a, Index b) { return length[a] != length[b] ? length[a] > length[b] : a < b; });
  return order;
}

/// Some neighbours in the order of the batch.
template <class T>
class Piece {
 public:
  Piece(const RnnGeometry& geometry, const RnnInputs<T>& inputs, const RnnArrays<T>& arrays, const Cuts& cuts,
        const Index* row_order, Index piece)
      : g(geometry),
        in(inputs),
        kept(arrays),
        order(row_order),
        first(g.batch * piece / cuts.pieces),
        rows(g.batch * (piece + 1) / cuts.pieces - first),
        block(cuts.block),
        copy_x(cuts.copy_x),
        units(g.units),
        columns(g.columns()) {}

  const RnnGeometry& g;
  const RnnInputs<T>& in;
  const RnnArrays<T>& kept;
  const Index* const order;
  const Index first;
  const Index rows;
  const Index block;
  const bool copy_x;
  const Index units;
  const Index columns;

  Index time(Index step) const { return g.reverse ? g.steps - 1 - step : step; }
  /// Which row of the batch row r is.
  Index outer(Index r) const { return order != nullptr ? order[first + r] : first + r; }
  bool active(Index r, Index step) const { return rnn_detail::active(g, in.mask, outer(r), step); }
  const T* x_at(Index r, Index step) const { return in.x + (outer(r) * g.steps + time(step)) * g.features; }

  /// Its rows of an array batch × units; zeros for null.
  void take(const T* from, T* to) const {
    for (Index r = 0; r < rows; ++r)
      copy_or_zero(units, from != nullptr ? from + outer(r) * units : nullptr, to + r * units);
  }
  void give(const T* from, T* to, bool add_up) const {
    for (Index r = 0; r < rows; ++r) {
      if (add_up) {
        add(units, from + r * units, to + outer(r) * units);
      } else {
        copy(units, from + r * units, to + outer(r) * units);
      }
    }
  }
  /// The factors of h for its rows, or null.
  const T* dropout() const {
    if (in.dropout == nullptr) return nullptr;
    T* own = scratch<T>(rows * units, Room::dropout);
    take(in.dropout, own);
    return own;
  }

  // Matrices of the rows from this step on.
  T* gates(Index step) const { return kept.gates + (first * held(block) + slot(step) * rows) * columns; }
  T* inner(Index step) const { return kept.inner + (first * held(block) + slot(step) * rows) * units; }
  T* h(Index step) const { return state(kept.h, step); }  ///< before the step
  T* c(Index step) const { return g.cell == RnnCell::lstm ? state(kept.c, step) : nullptr; }
  /// x in the order of the run.
  const T* x(Index step) const { return copy_x ? own_x(step) : in.x + (first * g.steps + step * rows) * g.features; }
  T* own_x(Index step) const { return kept.x + (first * held(block) + slot(step) * rows) * g.features; }

  Row<T> row(Index r, Index step, const T* product_h) const {
    T* own_inner = kept.inner != nullptr ? inner(step) + r * units : nullptr;
    const bool carries = g.cell == RnnCell::lstm;
    return {units,
            gates(step) + r * columns,
            own_inner,
            h(step) + r * units,
            product_h + r * units,
            carries ? c(step) + r * units : nullptr,
            h(step + 1) + r * units,
            carries ? c(step + 1) + r * units : nullptr};
  }

  /// The steps that count for any row, and for each row the first one (steps where there is none).
  void find_range(Index* first_active) {
    begin = 0;
    end = g.steps;
    if (in.mask == nullptr) {
      std::fill_n(first_active, rows, Index{0});
      return;
    }
    begin = g.steps;
    end = 0;
    for (Index r = 0; r < rows; ++r) {
      Index s = 0;
      while (s < g.steps && !active(r, s)) ++s;
      first_active[r] = s;
      begin = std::min(begin, s);
      Index last = g.steps;
      while (last > end && !active(r, last - 1)) --last;
      end = std::max(end, last);
    }
    begin = std::min(begin, end);
    seen = first_active;
  }
  Index begin = 0;
  Index end = 0;
  /// Whether y of this row and step is h after the step, and not 0.
  bool shows(Index r, Index step) const {
    return in.mask == nullptr || (g.zero_masked ? active(r, step) : g.begun || seen[r] <= step);
  }

 private:
  Index held(Index steps) const { return kept.keep ? g.steps : steps; }
  Index slot(Index step) const { return kept.keep ? step : step % block; }
  T* state(T* states, Index step) const {
    const Index held_states = kept.keep ? g.steps + 1 : 2;
    return states + (first * held_states + (kept.keep ? step : step % 2) * rows) * units;
  }
  const Index* seen = nullptr;
};

/// Calls f(acts) with the functions of the cell.
template <class T, class F>
void with_functions(const RnnGeometry& g, const F& f) {
  const bool gated = g.cell != RnnCell::simple;
  if (g.activation == Unary::tanh && (!gated || g.gate_activation == Unary::sigmoid)) {
    f(Standard<T>(g));
  } else {
    f(Named<T>(g));
  }
}

}  // namespace ranvier::kernels::rnn_detail
