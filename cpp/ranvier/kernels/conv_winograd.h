// Minimal filtering F(2×2, 3×3) of Winograd, as Lavin and Gray (2016) use it: 2×2 outputs of a 3×3 convolution from a
// patch of 4×4 inputs by 16 products instead of 36. Patches d, weights g and outputs y are transformed by
// y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]A, and between the transforms lie 16 products of matrices. The transforms add and halve
// only; against the direct sum the rounding error grows about twofold. float64, asked for when digits matter, goes
// without.
#pragma once

#include "ranvier/kernels/conv_dense.h"
#include "ranvier/kernels/conv_tile.h"

namespace ranvier::kernels::conv_detail {

constexpr int points = 16;  // of a transformed patch

/// Whether the geometry fits and the patches are enough to pay for the transform of the weights. `axes` are those of the
/// correlation, without taps that never meet x.
template <class T>
bool winograd_pays(const ConvGeometry& g, const Axes& axes);

/// What correlate() computes. The weights must be packed, and its outputs be all pixels of images without gaps.
template <class T>
void winograd_correlate(const Correlation<T>& c);

/// Patches of 2×2 outputs: `across` in a line of them, `down` lines in a plane, planes being images and slices of them.
struct Patches {
  Index planes;
  Index down;
  Index across;
  Index rows;  // of outputs
  Index columns;

  Index lines() const { return planes * down; }
};

/// Bᵀ·d along one axis.
template <class V>
RANVIER_INLINE void input_points(V d0, V d1, V d2, V d3, V (&to)[4]) {
  to[0] = d0 - d2;
  to[1] = d1 + d2;
  to[2] = d2 - d1;
  to[3] = d1 - d3;
}

/// Transforms the patches of line `line` of x: to[point·point_stride + patch·depth + channel]. `before` are the zeros above
/// and in front of x, `zeros` as many as depth. depth is a multiple of the width.
template <class T>
void transform_line(const Patches& p, Index line, const T* x, const ConvGeometry::Sizes& in, Index channels,
                    Index depth, Index before_rows, Index before_columns, const T* zeros, T* to, Index point_stride) {
  const T* plane = x + line / p.down * in[1] * in[2] * channels;
  const Index top = line % p.down * 2 - before_rows;
  for (Index patch = 0; patch < p.across; ++patch) {
    const Index left = patch * 2 - before_columns;
    const T* at[points];
    for (Index i = 0; i < 4; ++i) {
      for (Index j = 0; j < 4; ++j) {
        const bool inside = top + i >= 0 && top + i < in[1] && left + j >= 0 && left + j < in[2];
        at[i * 4 + j] = inside ? plane + ((top + i) * in[2] + left + j) * channels : zeros;
      }
    }
    for (Index c = 0; c < depth; c += width<T>) {
      Vec<T> v[4][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        Vec<T> column[4];
        input_points(load(at[j] + c), load(at[4 + j] + c), load(at[8 + j] + c), load(at[12 + j] + c), column);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) v[i][j] = column[i];
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        Vec<T> row[4];
        input_points(v[i][0], v[i][1], v[i][2], v[i][3], row);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) store(to + (i * 4 + j) * point_stride + patch * depth + c, row[j]);
      }
    }
  }
}

#define RANVIER_EXTERN(T)                                                  \
  extern template bool winograd_pays<T>(const ConvGeometry&, const Axes&); \
  extern template void winograd_correlate<T>(const Correlation<T>&);
RANVIER_EXTERN(float)
RANVIER_EXTERN(double)
#undef RANVIER_EXTERN

}  // namespace ranvier::kernels::conv_detail
