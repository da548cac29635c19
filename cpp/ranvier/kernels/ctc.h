// Connectionist temporal classification (Graves, Fernández, Gomez & Schmidhuber 2006): labels without their times.
#pragma once

#include <cstdint>

#include "ranvier/core/shape.h"

namespace ranvier::kernels {

struct CtcSizes {
  Index batch;
  Index time;
  Index classes;
  Index labels;  ///< room for the labels of a sample
  Index blank;
};
/// Elements of T that ctc_loss needs as scratch; with a gradient all forward scores are kept.
template <class T>
Index ctc_scratch(const CtcSizes& sizes, bool gradient);

/// loss[b] = −log of the probability that the first steps[b] rows of logp (batch, time, classes), logarithms of
/// probabilities, spell the first lengths[b] labels (batch, labels) once repetitions are joined and blanks left out. It
/// is infinite where no alignment exists: too few steps, or lengths and labels out of range.
/// With `gradient`, logp is overwritten by d loss[b] / d logits, p − (posterior of each class), 0 behind the last step
/// and where the loss is infinite. Forward and backward scores are logarithms; samples run in parallel.
template <class T>
void ctc_loss(const CtcSizes& sizes, const std::int64_t* labels, const std::int64_t* lengths, const std::int64_t* steps,
              bool gradient, T* logp, T* scratch, T* loss);

/// dx[b, i] = dy[b]·gradient[b, i], or += with accumulate; rows of `row` elements.
template <class T>
void ctc_gradient(Index batch, Index row, const T* dy, const T* gradient, T* dx, bool accumulate);

/// The `top` likeliest label sequences of logp's first steps[b] rows among `width` prefixes kept after each row, without
/// the blank: paths (top, batch, time), filled up with −1, and their log-probabilities (batch, top), best first.
template <class T>
void ctc_beam_search(const CtcSizes& sizes, Index width, Index top, const std::int64_t* steps, const T* logp,
                     std::int32_t* paths, T* scores);

}  // namespace ranvier::kernels
