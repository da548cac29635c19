#include "ranvier/kernels/gemm.h"

#include <algorithm>
#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/gemm_dot.h"
#include "ranvier/kernels/gemm_kernel.h"
#include "ranvier/kernels/gemm_pack.h"

// C is cut into register tiles, max_rows × two vectors; a tile passes a block of k in one go. Unlike in the classic
// scheme (Goto and van de Geijn, 2008), A and B are read in place where their rows are contiguous: measured on matrices
// of some hundred rows, that beats copying them, given prefetches. Copied are a transposed B, into panels of a tile's
// width, and an A read by columns. Pieces of C are spread over the threads, each making its own copies.
// Every cut depends on the sizes alone, and each element of C adds its products in one order: same bits for any
// number of threads.
namespace ranvier::kernels {
namespace gemm_detail {

constexpr Index block_k = 512;           // rows of B passed in one go
constexpr Index block_k_page = 352;      // the same where they are whole pages apart and crowd few cache sets
constexpr Index chunk_columns = 256;     // columns of B passed in one go
constexpr Index serial_limit = 1 << 18;  // multiply-adds below which a second thread does not pay
constexpr Index split_limit = 1 << 13;   // elements of C up to which a long k is cut in two
constexpr Index split_k = 512;           // from this length on
constexpr Index part_rows = 384;         // rows that make a part of a batch worth its own sum,
constexpr Index most_parts = 4;          // so many parts at most,
constexpr Index part_limit = 1 << 17;    // of so many elements
constexpr Index part_block_k = 256;      // and its rows passed in one go
constexpr Index kept_limit = 1 << 17;    // elements of copied A kept for the next columns
constexpr Index panel_gap = 48;          // elements between panels: a pitch of whole pages would clash in the cache
constexpr Index row_pad = (max_rows + width<double> * 2 - 1) / (width<double> * 2) * (width<double> * 2);

thread_local Scratch scratch_a;
thread_local Scratch scratch_b;
thread_local Scratch scratch_c;

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

template <class T>
struct Product {
  Index m, n, k;
  const T* a;
  Index lda;
  bool a_by_columns;
  const T* b;
  Index ldb;
  bool trans_b;
  bool accumulate;
  T* c;
  Index ldc;
  const Epilogue<T>* epilogue;
  bool column;  // C is one column seen as a row: it has one bias
};

// What follows the last block of k, on a finished piece of C. The row of biases is added by the tiles themselves.
template <class T>
void finish(const Product<T>& g, Index i, Index j, Index rows, Index columns) {
  const Epilogue<T>& e = *g.epilogue;
  T* c = g.c + i * g.ldc + j;
  if (g.column && e.bias != nullptr) {
    for (Index l = 0; l < columns; ++l) c[l] += *e.bias;
  }
  if (e.with_slope != nullptr) {
    e.with_slope(e.args, rows, columns, c, e.preactivation + i * g.ldc + j, g.ldc);
    return;
  }
  if (e.preactivation != nullptr) {
    for (Index r = 0; r < rows; ++r) {
      std::memcpy(e.preactivation + i * g.ldc + j + r * g.ldc, c + r * g.ldc,
                  static_cast<std::size_t>(columns) * sizeof(T));
    }
  }
  if (e.activation != nullptr) e.activation(e.args, rows, columns, c, g.ldc);
}

template <class T>
bool needs_finish(const Product<T>& g) {
  const Epilogue<T>* e = g.epilogue;
  return e != nullptr && (e->activation != nullptr || e->preactivation != nullptr || (g.column && e->bias != nullptr));
}

// The columns of C in panels: `full` ones of `vectors` vectors, the rest in single vectors, the last one maybe partial.
template <class T>
struct Panels {
  int vectors;
  Index panel_width;
  Index full;
  Index count;

  Panels(Index m, Index n) {
    constexpr Index w = width<T>;
    vectors = m == 1 && n >= 8 * w ? 8 : (m <= 3 && n >= 4 * w ? 4 : (m >= 3 ? 2 : 1));
    panel_width = vectors * w;
    full = n / panel_width;
    count = full + divide_up(n - full * panel_width, w);
  }
  Index begin(Index panel) const {
    return panel <= full ? panel * panel_width : full * panel_width + (panel - full) * width<T>;
  }
  int vectors_of(Index panel) const { return panel < full ? vectors : 1; }
  Index width_of(Index panel) const { return panel < full ? panel_width : width<T>; }
};

// How a product is carried out; a function of its sizes only.
template <class T>
struct Plan {
  Panels<T> panels;
  Index tiles;  // of rows
  Index chunk;  // panels taken together
  Index k_blocks;
  Index copied_from;  // B is copied from this column on, read in place before
  bool copy_a;
};

// The part of C in the tiles [first_tile, last_tile) and panels [first_panel, last_panel), on the calling thread.
template <class T>
class Piece {
 public:
  Piece(const Product<T>& product, const Plan<T>& the_plan, Index first_tile, Index last_tile, Index first_panel,
        Index last_panel)
      : g(product),
        plan(the_plan),
        panels(plan.panels),
        t0(first_tile),
        t1(last_tile),
        p0(first_panel),
        p1(last_panel),
        base_rows(g.m / plan.tiles),
        taller(g.m % plan.tiles),
        has_finish(needs_finish(g)),
        keep_a(plan.copy_a && (t1 - t0) * row_pad * block_k <= kept_limit) {}

  void run() {
    for (block = 0; block < plan.k_blocks; ++block) {
      for (Index q0 = p0; q0 < p1; q0 += plan.chunk) run_chunk(q0, std::min(p1, q0 + plan.chunk));
    }
  }

 private:
  Index k_begin(Index b) const { return g.k * b / plan.k_blocks; }
  Index row_of(Index tile) const { return tile * base_rows + std::min(tile, taller); }
  int rows_of(Index tile) const { return static_cast<int>(base_rows + (tile < taller ? 1 : 0)); }
  const T* a_at(Index i, Index p) const { return g.a_by_columns ? g.a + p * g.lda + i : g.a + i * g.lda + p; }

  // Copies the panels [q0, q1) from column `from` on.
  void copy_b(Index q0, Index q1, Index from, Index k0, Index k, T* dst) const {
    for (Index q = q0; q < q1; ++q) {
      const Index j = panels.begin(q);
      if (j < from) continue;
      const Index valid = std::min(g.n - j, panels.width_of(q));
      T* panel = dst + (j - from) * k + (q - q0) * panel_gap;
      if (g.trans_b) {
        pack_transposed(valid, k, g.b + j * g.ldb + k0, g.ldb, panel, panels.width_of(q));
      } else {
        pack_rows(valid, k, g.b + k0 * g.ldb + j, g.ldb, panel, panels.width_of(q));
      }
    }
  }

  void run_chunk(Index q0, Index q1) {
    const Index k0 = k_begin(block);
    const Index k = k_begin(block + 1) - k0;
    const bool last = k0 + k == g.k;
    const Index j0 = panels.begin(q0);
    const Index j1 = std::min(g.n, panels.begin(q1));
    const T* bias = last && g.epilogue != nullptr && !g.column ? g.epilogue->bias : nullptr;

    const Index copied_from = std::max(j0, plan.copied_from);
    T* b_copy = nullptr;
    if (copied_from < j1) {
      const Index elements = (panels.begin(q1) - copied_from) * k + (q1 - q0) * panel_gap;
      b_copy = static_cast<T*>(scratch_b.get(static_cast<std::size_t>(elements) * sizeof(T)));
      copy_b(q0, q1, copied_from, k0, k, b_copy);
    }
    T* a_copies = nullptr;
    if (plan.copy_a) {
      const Index elements = (keep_a ? t1 - t0 : 1) * row_pad * k;
      a_copies = static_cast<T*>(scratch_a.get(static_cast<std::size_t>(elements) * sizeof(T)));
    }

    Tile<T> tile{};
    tile.k = k;
    tile.ldc = g.ldc;
    tile.a_stride = plan.copy_a ? row_pad : g.lda;
    tile.accumulate = g.accumulate || block > 0;
    const bool by_columns = g.a_by_columns || plan.copy_a;
    for (Index t = t0; t < t1; ++t) {
      const Index i = row_of(t);
      const int rows = rows_of(t);
      tile.a = a_at(i, k0);
      if (plan.copy_a) {
        T* copy = a_copies + (keep_a ? (t - t0) * row_pad * k : 0);
        if (!keep_a || q0 == p0) pack_rows<T>(rows, k, tile.a, g.lda, copy, row_pad);
        tile.a = copy;
      }
      for (Index q = q0; q < q1; ++q) {
        const Index j = panels.begin(q);
        if (j >= copied_from) {
          tile.b = b_copy + (j - copied_from) * k + (q - q0) * panel_gap;
          tile.b_stride = panels.width_of(q);
        } else {
          tile.b = g.b + k0 * g.ldb + j;
          tile.b_stride = g.ldb;
        }
        tile.c = g.c + i * g.ldc + j;
        tile.columns = static_cast<int>(std::min<Index>(g.n - j, panels.width_of(q)));
        tile.bias = bias != nullptr ? bias + j : nullptr;
        tile_for<T>(rows, panels.vectors_of(q), by_columns)(tile);
      }
      if (last && has_finish) finish(g, i, j0, rows, j1 - j0);
    }
  }

  const Product<T>& g;
  const Plan<T>& plan;
  const Panels<T>& panels;
  const Index t0, t1, p0, p1;
  const Index base_rows;
  const Index taller;  // the first tiles have one row more
  const bool has_finish;
  const bool keep_a;  // the copies of A serve all chunks
  Index block = 0;
};

// The grid of pieces, m×n = a power of two by the amount of work: of the grids with that many pieces the one with the
// least cycles. The weights are measured: a tile takes 1 per row, pair of vectors and step of k; copying or reading an
// operand for the first time takes some per vector, and each row of pieces does that to B anew, each column to A. B
// counts for more than a copy takes: in training it is the weights, which the other core's update has just written.
template <class T>
struct Grid {
  Index m = 1;
  Index n = 1;

  Grid(const Product<T>& g, const Panels<T>& panels, Index tiles) {
    const Index work = g.m * g.n * g.k;
    const Index pieces = work < (Index{1} << 23) ? 2 : work < (Index{1} << 26) ? 4 : work < (Index{1} << 32) ? 8 : 16;
    const double vector_a = g.a_by_columns ? 4 : 5;
    const double vector_b = g.trans_b ? 6 : 3;
    // Pieces differ by a tile or a panel at most; with several to a thread little of that shows.
    const auto share = [](Index parts, Index of, Index size) {
      const double mean = static_cast<double>(parts) / static_cast<double>(of);
      const double parts_of_one = 0.75 * mean + 0.25 * static_cast<double>(divide_up(parts, of));
      return static_cast<double>(size) / static_cast<double>(parts) * parts_of_one;
    };
    double best = -1;
    for (Index pieces_m = 1; pieces_m <= pieces; pieces_m *= 2) {
      const Index gm = std::min(pieces_m, tiles);
      const Index gn = std::min(pieces / pieces_m, panels.count);
      const double rows = share(tiles, gm, g.m);
      const double vectors = share(panels.count, gn, g.n) / width<T>;
      // Fewer pieces than wanted leave threads idle.
      const double time = (rows * vectors / 2 + rows / width<T> * vector_a + vectors * vector_b) *
                          static_cast<double>(std::max(pieces, gm * gn));
      if (best < 0 || time < best) {
        best = time;
        m = gm;
        n = gn;
      }
    }
  }
};

// The whole of C by the calling thread, k in one block.
template <class T>
Plan<T> serial_plan(const Product<T>& g) {
  constexpr Index w = width<T>;
  const Panels<T> panels(g.m, g.n);
  Plan<T> plan{panels, divide_up(g.m, max_rows), panels.count, 1, g.n, false};
  if (g.trans_b) {
    plan.copied_from = 0;
  } else if (!has_masks) {
    plan.copied_from = g.n / w * w;
  }
  return plan;
}

// A small C with a long k, in two halves of k. Each half of B, the weights in training, stays with the core that updates
// it: the first thread's share of a flat range of weights is its first half.
template <class T>
void multiply_halves(const Product<T>& g) {
  T* second = static_cast<T*>(scratch_c.get(static_cast<std::size_t>(g.m * g.n) * sizeof(T)));
  parallel_for(2, 1, [&](Index begin, Index end) {
    for (Index half = begin; half < end; ++half) {
      Product<T> part = g;
      const Index k0 = half == 0 ? 0 : g.k / 2;
      part.k = half == 0 ? g.k / 2 : g.k - g.k / 2;
      part.a += k0;
      part.b += k0 * g.ldb;
      part.epilogue = nullptr;
      if (half == 1) {
        part.c = second;
        part.ldc = g.n;
        part.accumulate = false;
      }
      const Plan<T> plan = serial_plan(part);
      Piece<T>(part, plan, 0, plan.tiles, 0, plan.panels.count).run();
    }
  });
  const T* bias = g.epilogue != nullptr && !g.column ? g.epilogue->bias : nullptr;
  for (Index i = 0; i < g.m; ++i) {
    T* c = g.c + i * g.ldc;
    const T* more = second + i * g.n;
    if (bias != nullptr) {
      for (Index j = 0; j < g.n; ++j) c[j] += more[j] + bias[j];
    } else {
      for (Index j = 0; j < g.n; ++j) c[j] += more[j];
    }
  }
  if (needs_finish(g)) finish(g, 0, 0, g.m, g.n);
}

// A gradient of weights, xᵀ·dy, for a batch of many rows. Its rows are cut in parts, each summed up by itself: a core then
// reads the rows it has made or changed last, each of them once, where pieces of C would read all rows on every core. The
// narrower of x and dy is the operand that is copied; when that is dy, the sums are those of the transpose.
template <class T>
void multiply_row_parts(const Product<T>& g, Index parts) {
  const bool swapped = g.m > g.n;
  const Index m = swapped ? g.n : g.m;
  const Index n = swapped ? g.m : g.n;
  T* sums = static_cast<T*>(scratch_c.get(static_cast<std::size_t>(parts * m * n) * sizeof(T)));
  parallel_for(parts, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index k0 = g.k * i / parts;
      const T* a = g.a + k0 * g.lda;
      const T* b = g.b + k0 * g.ldb;
      Product<T> part{m,
                      n,
                      g.k * (i + 1) / parts - k0,
                      swapped ? b : a,
                      swapped ? g.ldb : g.lda,
                      true,
                      swapped ? a : b,
                      swapped ? g.lda : g.ldb,
                      false,
                      false,
                      sums + i * m * n,
                      n,
                      nullptr,
                      false};
      Plan<T> plan = serial_plan(part);
      plan.k_blocks = divide_up(part.k, part_block_k);
      plan.chunk = std::max<Index>(1, chunk_columns / plan.panels.panel_width);
      plan.copy_a = plan.panels.count >= 4;
      Piece<T>(part, plan, 0, plan.tiles, 0, plan.panels.count).run();
    }
  });
  const auto put = [&](T* to, const T* from, Index count) {
    for (Index j = 0; j < count; ++j) to[j] = g.accumulate ? to[j] + from[j] : from[j];
  };
  constexpr Index width_of_sum = 64;
  parallel_for(n, width_of_sum, [&](Index begin, Index end) {
    const Index columns = end - begin;
    for (Index i = 0; i < m; ++i) {
      T* sum = sums + i * n + begin;
      for (Index p = 1; p < parts; ++p) {
        const T* more = sum + p * m * n;
        for (Index j = 0; j < columns; ++j) sum[j] += more[j];
      }
      if (!swapped) put(g.c + i * g.ldc + begin, sum, columns);
    }
    if (!swapped) return;
    const Index row = divide_up(m, width<T>) * width<T>;
    T* turned = static_cast<T*>(scratch_a.get(static_cast<std::size_t>(columns * row) * sizeof(T)));
    pack_transposed(m, columns, sums + begin, n, turned, row);
    for (Index j = 0; j < columns; ++j) put(g.c + (begin + j) * g.ldc, turned + j * row, m);
  });
}

template <class T>
void multiply_tiled(const Product<T>& g) {
  Plan<T> plan = serial_plan(g);
  const Panels<T>& panels = plan.panels;
  if (g.m * g.n * g.k <= serial_limit) return Piece<T>(g, plan, 0, plan.tiles, 0, panels.count).run();
  if (!g.a_by_columns && !g.trans_b && g.m * g.n <= split_limit && g.k >= split_k) return multiply_halves(g);
  if (g.a_by_columns && !g.trans_b && g.epilogue == nullptr && g.k >= 2 * part_rows && g.m * g.n <= part_limit &&
      g.m * g.n >= serial_limit / g.k) {
    return multiply_row_parts(g, std::min<Index>(g.k / part_rows, most_parts));
  }

  const Grid<T> grid(g, panels, plan.tiles);
  const bool page_apart = !g.trans_b && g.ldb * static_cast<Index>(sizeof(T)) % 4096 == 0;
  plan.k_blocks = divide_up(g.k, page_apart ? block_k_page : block_k);
  plan.chunk = std::max<Index>(1, chunk_columns / panels.panel_width);
  plan.copy_a = g.a_by_columns && g.m > 3 && panels.count / grid.n >= 4;
  parallel_for(grid.m * grid.n, 1, [&](Index begin, Index end) {
    for (Index piece = begin; piece < end; ++piece) {
      const Index im = piece / grid.n;
      const Index in = piece % grid.n;
      Piece<T>(g, plan, plan.tiles * im / grid.m, plan.tiles * (im + 1) / grid.m, panels.count * in / grid.n,
               panels.count * (in + 1) / grid.n)
          .run();
    }
  });
}

// A row of C from rows of B that are contiguous in k.
template <class T>
void multiply_dots(const Product<T>& g) {
  const T* x = g.a;
  if (g.lda != 1) {
    T* copy = static_cast<T*>(scratch_a.get(static_cast<std::size_t>(g.k) * sizeof(T)));
    for (Index p = 0; p < g.k; ++p) copy[p] = g.a[p * g.lda];
    x = copy;
  }
  const Index grain = g.n * g.k <= serial_limit ? g.n : std::max<Index>(1, serial_limit / 4 / g.k);
  parallel_for(g.n, grain, [&](Index begin, Index end) {
    dot_products(end - begin, g.k, x, g.b + begin * g.ldb, g.ldb, g.c + begin, g.accumulate);
    if (g.epilogue == nullptr) return;
    if (!g.column && g.epilogue->bias != nullptr) {
      for (Index j = begin; j < end; ++j) g.c[j] += g.epilogue->bias[j];
    }
    if (needs_finish(g)) finish(g, 0, begin, 1, end - begin);
  });
}

template <class T>
void multiply(Product<T>& g) {
  // One row of A is read along k whichever way it is stored.
  if (g.m == 1) {
    g.lda = g.a_by_columns ? g.lda : 1;
    g.a_by_columns = true;
  }
  // A stored n×1 matrix is a row.
  if (g.trans_b && g.k == 1 && g.ldb == 1) {
    g.trans_b = false;
    g.ldb = g.n;
  }
  if (g.m == 1 && g.trans_b) return multiply_dots(g);
  multiply_tiled(g);
}

}  // namespace gemm_detail

template <class T>
void gemm(bool trans_a, bool trans_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb, T beta,
          T* c, Index ldc, const Epilogue<T>* epilogue) {
  if (m <= 0 || n <= 0) return;
  using gemm_detail::Product;
  const bool accumulate = beta != T(0);
  if (n == 1 && ldc == 1 && m > 1) {
    // A column of C is a row of its transpose: op(B)ᵀ·op(A)ᵀ.
    Product<T> g{1, m, k, b, ldb, !trans_b, a, lda, !trans_a, accumulate, c, m, epilogue, true};
    gemm_detail::multiply(g);
    return;
  }
  Product<T> g{m, n, k, a, lda, trans_a, b, ldb, trans_b, accumulate, c, ldc, epilogue, false};
  gemm_detail::multiply(g);
}

template void gemm<float>(bool, bool, Index, Index, Index, const float*, Index, const float*, Index, float, float*,
                          Index, const Epilogue<float>*);
template void gemm<double>(bool, bool, Index, Index, Index, const double*, Index, const double*, Index, double, double*,
                           Index, const Epilogue<double>*);

}  // namespace ranvier::kernels
