// Sums of products in Einstein's notation, "ab,bc->ac".
#pragma once

#include <string>
#include <vector>

#include "ranvier/autograd/node.h"

namespace ranvier::ops {

/// "ab,b...->a..." taken apart: one letter per axis; '.' stands for the axes of an ellipsis.
struct EinsumTerms {
  std::vector<std::string> inputs;
  std::string output;
};
/// Spaces are skipped; without "->" the output is NumPy's: the ellipsis, then the letters that appear once, in
/// alphabetical order. ValueError for anything else than letters and ellipses, for a letter twice in one term, and for
/// an output letter that no input has.
EinsumTerms einsum_terms(const std::string& equation);

/// The sum over all letters that are not in the output, as products of matrices: pairs of operands from left to right.
/// Axes of an ellipsis broadcast as in NumPy; sizes under one letter must be equal.
Tensor einsum(const std::string& equation, const std::vector<Tensor>& xs);

}  // namespace ranvier::ops
