// Walking the loop nest of a broadcast: calls per innermost row, on several threads when there is enough to do.
#pragma once

#include <array>

#include "ranvier/kernels/pieces.h"

namespace ranvier::kernels {

/// row(n, offset in a, offset in b, offset in the contiguous result) for every innermost row of `plan`; long rows come
/// in pieces. Innermost strides are 0 or 1.
template <class Row>
void each_nest_row(const Broadcast& plan, Row row) {
  constexpr Index grain = 16384;
  const auto last = static_cast<std::size_t>(plan.rank - 1);
  const Index inner = plan.dims[last];
  const Index step_a = plan.a[last];
  const Index step_b = plan.b[last];
  if (plan.rank == 1) {
    parallel_for(inner, grain,
                 [&](Index begin, Index end) { row(end - begin, begin * step_a, begin * step_b, begin); });
    return;
  }
  Index outer = 1;
  for (std::size_t i = 0; i < last; ++i) outer *= plan.dims[i];
  if (inner == 0) return;
  const Index strip = std::min(inner, grain);
  const Index strips = inner <= grain ? 1 : (inner + strip - 1) / strip;
  parallel_for(outer * strips, rows_for(outer * strips, strip, grain), [&](Index begin, Index end) {
    // Where the first row stands; from there the axes count on like an odometer.
    std::array<Index, max_rank> at{};
    Index a = 0;
    Index b = 0;
    Index r = begin / strips;
    Index s = begin % strips;
    // (A nest that begins at its beginning needs no divisions: they would cost more than a small one's arithmetic.)
    for (std::size_t i = last, rest = static_cast<std::size_t>(r); rest > 0 && i-- > 0;) {
      const auto dim = static_cast<std::size_t>(plan.dims[i]);
      at[i] = static_cast<Index>(rest % dim);
      rest /= dim;
      a += at[i] * plan.a[i];
      b += at[i] * plan.b[i];
    }
    for (Index p = begin; p < end; ++p) {
      const Index first = s * strip;
      row(std::min(strip, inner - first), a + first * step_a, b + first * step_b, r * inner + first);
      if (++s < strips) continue;
      s = 0;
      ++r;
      for (std::size_t i = last; i-- > 0;) {
        a += plan.a[i];
        b += plan.b[i];
        if (++at[i] < plan.dims[i]) break;
        at[i] = 0;
        a -= plan.dims[i] * plan.a[i];
        b -= plan.dims[i] * plan.b[i];
      }
    }
  });
}

}  // namespace ranvier::kernels
