// Recurrent layers over whole sequences: simple (Elman), LSTM and GRU cells, forward and backward through time.
//
// The rows of a batch do not know each other, so the batch is cut in pieces (by its size alone), and each piece runs over
// all its time steps without waiting for another thread. A piece runs from the first step at which any of its rows counts
// to the last one: padding around it costs nothing.
#pragma once

#include "ranvier/kernels/unary.h"

namespace ranvier::kernels {

/// h' = f(z), z = x·W + b + h·R of `units` columns for each gate, in Keras's order of gates:
///   simple          h' = f(z)
///   lstm            i f c o: c' = σ(z_f)·c + σ(z_i)·f(z_c), h' = σ(z_o)·f(c')     (Hochreiter & Schmidhuber 1997, Gers 2000)
///   gru             z r h:   h' = z·h + (1 − z)·f(x·W_h + b_h + r·(h·R_h + b'_h)) (Cho et al. 2014, reset after the product)
///   gru_reset_first z r h:   h' = z·h + (1 − z)·f(x·W_h + b_h + (r·h)·R_h)        (the same as first published)
/// σ is the recurrent activation, f the activation.
enum class RnnCell : std::uint8_t { simple, lstm, gru, gru_reset_first };

constexpr Index gates_of(RnnCell cell) { return cell == RnnCell::simple ? 1 : cell == RnnCell::lstm ? 4 : 3; }

/// What a recurrent layer computes; everything but the numbers.
struct RnnGeometry {
  RnnCell cell = RnnCell::simple;
  Index batch = 0;
  Index steps = 0;
  Index features = 0;
  Index units = 0;
  bool reverse = false;      ///< x and the mask are read from the last time step to the first
  bool zero_masked = false;  ///< y is 0 at masked steps instead of the y before
  bool begun = false;        ///< the y before the first step is h and not 0
  Unary activation = Unary::tanh;
  UnaryArgs activation_args{};
  Unary gate_activation = Unary::sigmoid;
  UnaryArgs gate_args{};

  Index columns() const { return gates_of(cell) * units; }
};

/// Elements of the arrays that a forward run fills. Kept for the gradient, they hold all time steps; else a few.
struct RnnSizes {
  Index gates;   ///< of the gates, later their gradients
  Index states;  ///< of h before, between and after the steps; as much for c of an lstm
  Index inner;   ///< of what a gru multiplies with its reset gate, or of the product; 0 for the others
  Index x;       ///< of x in the order of the run; 0 where x is so already
  Index panels;  ///< of packed weights, for the gradient
  Index sums;    ///< of what each piece adds to the gradients of the weights; 0 where pieces are multiplied at the end
};
RnnSizes rnn_sizes(const RnnGeometry& g, bool keep);

template <class T>
struct RnnArrays {
  T* gates = nullptr;
  T* h = nullptr;
  T* c = nullptr;
  T* inner = nullptr;
  T* x = nullptr;
  T* panels = nullptr;
  T* sums = nullptr;
  bool keep = false;
};

/// What goes in. Arrays that may be null are marked (…).
template <class T>
struct RnnInputs {
  const T* x = nullptr;               ///< batch × steps × features
  const T* kernel = nullptr;          ///< features × columns
  const T* recurrent = nullptr;       ///< units × columns
  const T* bias = nullptr;            ///< (columns)
  const T* recurrent_bias = nullptr;  ///< (columns), gru only
  const T* h = nullptr;               ///< (batch × units): zeros
  const T* c = nullptr;               ///< (batch × units): zeros; lstm only
  const bool* mask = nullptr;         ///< (batch × steps): where false, the states stay as they are
  const T* dropout = nullptr;         ///< (batch × units): factors of h where it meets R
};

/// What comes out; what is null is not wanted.
template <class T>
struct RnnOutputs {
  T* y = nullptr;     ///< batch × steps × units, in the order of the run; 0 before the first step that counts
  T* last = nullptr;  ///< batch × units: y of the last step
  T* h = nullptr;     ///< batch × units: the states after the last step
  T* c = nullptr;
};
template <class T>
void rnn_forward(const RnnGeometry& g, const RnnInputs<T>& in, const RnnArrays<T>& kept, const RnnOutputs<T>& out);

/// Where a gradient goes: null when it is not wanted, added to what is there when `add`.
template <class T>
struct RnnSink {
  T* data = nullptr;
  bool add = false;
};
template <class T>
struct RnnGradients {
  RnnSink<T> x, kernel, recurrent, bias, recurrent_bias, h, c;
};
/// The gradients, given those of the outputs (null: zero). The arrays of the forward run are used up.
template <class T>
void rnn_backward(const RnnGeometry& g, const RnnInputs<T>& in, const RnnArrays<T>& kept,
                  const RnnOutputs<const T>& gradient, const RnnGradients<T>& to);

}  // namespace ranvier::kernels
