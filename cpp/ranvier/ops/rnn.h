// Recurrent layers over whole sequences.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/rnn.h"

namespace ranvier::ops {

using kernels::RnnCell;

struct RnnOptions {
  RnnCell cell = RnnCell::simple;
  kernels::Unary activation = kernels::Unary::tanh;
  kernels::UnaryArgs activation_args{};
  kernels::Unary recurrent_activation = kernels::Unary::sigmoid;  ///< of the gates; a simple cell has none
  kernels::UnaryArgs recurrent_args{};
  bool go_backwards = false;          ///< x is read from its last time step to the first, and y is in that order
  bool return_sequences = false;      ///< output is y of all time steps, else of the last one
  bool zero_output_for_mask = false;  ///< y is 0 where the mask is false, else the y of the step before
  bool begun = false;  ///< h is the y of the step before the first: a masked first step gives h, and not 0
};

struct RnnWeights {
  Tensor kernel;            ///< (features, gates·units), gates in Keras's order: lstm i f c o, gru z r h
  Tensor recurrent_kernel;  ///< (units, gates·units)
  Tensor bias;  ///< (gates·units), for RnnCell::gru (2, 3·units): of x·kernel, of h·recurrent_kernel; or undefined
};

/// Undefined ones are left out.
struct RnnSequence {
  Tensor x;                  ///< (batch, time, features), time >= 1
  Tensor h;                  ///< (batch, units): the state to begin with; zeros
  Tensor c;                  ///< (batch, units): the lstm's carry to begin with; zeros
  Tensor mask;               ///< bool (batch, time): where false, the step changes no state
  Tensor recurrent_dropout;  ///< (batch, units): factors of h in h·recurrent_kernel, the same for all time steps
};

struct RnnResult {
  Tensor output;  ///< (batch, time, units), or (batch, units) without return_sequences
  Tensor h;       ///< (batch, units): the state after the last step
  Tensor c;       ///< (batch, units): the lstm's carry; undefined for other cells
};

/// The cells of kernels/rnn.h over all time steps, differentiable in x, h, c and the weights. A row that is masked at every
/// step outputs zeros and keeps the states it began with, as in Keras. One time step (a cell, a stream) is time = 1: it
/// packs and allocates nothing but the results. ValueError for shapes that do not fit or a sequence of length 0; x and states are
/// converted to the kernel's dtype.
RnnResult rnn(const RnnSequence& sequence, const RnnWeights& weights, const RnnOptions& options);

}  // namespace ranvier::ops
