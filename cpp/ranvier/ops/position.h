// Positions as sines and cosines (Vaswani et al. 2017), and as rotations (Su et al. 2021).
#pragma once

#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

/// One column of a table of positions: sin(position·frequency), or cos.
struct Wave {
  double frequency;
  bool cosine;
};
/// (steps, waves) for the positions 0, 1, … Written at once and not by a recorded call: a table that is to be kept.
Tensor waves(Index steps, const std::vector<Wave>& columns, DType dtype);

/// x (…, time at `axis`, …, features) with each pair of features half the features apart turned by its step's angle;
/// turns (time, features) holds cosines, then sines, and takes no gradient. ValueError for an odd number of features.
Tensor rotary(const Tensor& x, int axis, const Tensor& turns);

}  // namespace ranvier::ops
