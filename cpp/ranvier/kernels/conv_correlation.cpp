#include "ranvier/kernels/conv_correlation.h"

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_region.h"
#include "ranvier/kernels/conv_tile.h"

// A matrix product in which the rows of A, the patches of x, are never written down: a register tile reads its pixels
// from x itself, or from a copy with the zeros around it when taps fall outside. Output pixels are cut into pieces of
// images or of lines of an image; a piece passes over the panels of weights one by one. Every cut depends on the sizes
// alone, and an output adds its products in the order of taps and channels whatever tile it is in.
namespace ranvier::kernels::conv_detail {
namespace {

constexpr Index piece_work = Index{1} << 19;    // multiply-adds worth a piece of their own
constexpr Index max_pieces = 64;                // enough for any machine to share the work evenly
constexpr Index region_bytes = Index{1} << 18;  // of x in a piece: half of it and the weights fit a small L2 cache
constexpr Index piece_pixels = 128;             // fewer would read the weights too often
constexpr double room_limit = 1 << 26;          // bytes of a copy; only taps far outside of x need so much

thread_local gemm_detail::Scratch scratch_x;
thread_local gemm_detail::Scratch scratch_offsets;
thread_local gemm_detail::Scratch scratch_groups;

using Sizes = ConvGeometry::Sizes;

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

// Rows of a tile that share a pointer: where they begin in the view and in y.
struct Group {
  Index in;
  Index out;
  int rows;
};

// Pieces: `images` whole images each, or with images = 1 `units` outputs along `axis`; each for a share of the panels.
struct Plan {
  std::size_t axis;
  Index images;
  Index units;
  Index blocks;  // of units in an image
  Index pieces;  // of images and units
  Index panels;
  Index panel_shares;
};

template <class T>
class Piece {
 public:
  Piece(const Correlation<T>& correlation, const Plan& the_plan, Index number) : c(correlation), plan(the_plan) {
    const Index place = number / plan.panel_shares;
    const Index share = number % plan.panel_shares;
    first_panel = plan.panels * share / plan.panel_shares;
    last_panel = plan.panels * (share + 1) / plan.panel_shares;
    first_image = place / plan.blocks * plan.images;
    last_image = std::min(c.batch, first_image + plan.images);
    for (std::size_t a = 0; a < 3; ++a) outputs[a] = {0, c.axes[a].outputs};
    const Index block = place % plan.blocks;
    const Index units = c.axes[plan.axis].outputs;
    outputs[plan.axis] = {units * block / plan.blocks, units * (block + 1) / plan.blocks};
  }

  Region region() const { return region_of(c.axes, outputs); }

  void run() {
    const bool any_taps = c.axes[0].taps * c.axes[1].taps * c.axes[2].taps > 0;
    if (any_taps) view = view_of(region(), c.in, c.x, c.channels, c.depth, first_image, last_image, scratch_x);
    const Runs runs = runs_of(c.axes, view, c.depth);
    auto* offsets = static_cast<Index*>(scratch_offsets.get(static_cast<std::size_t>(runs.count) * sizeof(Index)));
    each_run(c.axes, view, runs.merged, [to = offsets](const Sizes&, Index place) mutable { *to++ = place; });

    Tile<T> tile{};
    tile.a_stride = c.axes[2].step * view.stride[2];
    tile.offsets = offsets;
    tile.runs = runs.count;
    tile.length = runs.length;
    tile.ldc = c.stride[2];
    tile.accumulate = c.accumulate;
    const Epilogue<T>* e = c.epilogue;
    tile.relu = e != nullptr && e->preactivation == nullptr && e->activation == unary_tile<T>(Unary::relu);
    finishes = e != nullptr && !tile.relu && (e->activation != nullptr || e->preactivation != nullptr);

    constexpr Index w = width<T>;
    int vectors_before = 0;
    for (Index panel = first_panel; panel < last_panel; ++panel) {
      const Index column = panel * 2 * w;
      const Index left = c.columns - column;
      const int vectors = left > w ? 2 : 1;
      if (vectors != vectors_before) cut_groups(vectors);
      vectors_before = vectors;
      tile.b = c.weights.data + panel * c.weights.panel_stride;
      tile.b_stride = panel + 1 == plan.panels ? c.weights.last_row_stride : c.weights.row_stride;
      tile.last = static_cast<int>(std::min(left - (vectors - 1) * w, w));
      tile.bias = c.bias != nullptr ? c.bias + column : nullptr;
      run_panel(tile, column, vectors);
    }
  }

 private:
  // Lists the groups of all lines of outputs, image after image.
  void cut_groups(int vectors) {
    const Index n = outputs[2].size();
    cut = cut_line(n, vectors);
    const Index lines = (last_image - first_image) * outputs[0].size() * outputs[1].size();
    group_count = lines * cut.parts;
    groups = static_cast<Group*>(scratch_groups.get(static_cast<std::size_t>(group_count) * sizeof(Group)));
    Group* group = groups;
    for (Index b = first_image; b < last_image; ++b) {
      for (Index o0 = outputs[0].begin; o0 < outputs[0].end; ++o0) {
        for (Index o1 = outputs[1].begin; o1 < outputs[1].end; ++o1) {
          const Index in = (b - first_image) * view.image_stride +
                           (o0 - outputs[0].begin) * c.axes[0].step * view.stride[0] +
                           (o1 - outputs[1].begin) * c.axes[1].step * view.stride[1];
          const Index out = b * c.image_stride + o0 * c.stride[0] + o1 * c.stride[1] + outputs[2].begin * c.stride[2];
          for (Index part = 0; part < cut.parts; ++part) {
            const Index first = n * part / cut.parts;
            const Index end = n * (part + 1) / cut.parts;
            *group++ = {in + first * c.axes[2].step * view.stride[2], out + first * c.stride[2],
                        static_cast<int>(end - first)};
          }
        }
      }
    }
  }

  void run_panel(Tile<T>& tile, Index column, int vectors) const {
    const int columns = static_cast<int>((vectors - 1) * width<T>) + tile.last;
    for (Index first = 0; first < group_count; first += cut.groups) {
      const int count = static_cast<int>(std::min<Index>(cut.groups, group_count - first));
      const Group* members = groups + first;
      for (int g = 0; g < count; ++g) {
        tile.a[g] = view.origin + members[g].in;
        tile.c[g] = c.y + members[g].out + column;
      }
      const int rows = members[0].rows;
      tile_for<T, false>(count, rows, vectors)(tile);
      if (!finishes) continue;
      for (int g = 0; g < count; ++g) {
        if (c.preactivation != nullptr) {
          T* to = c.preactivation + members[g].out + column;
          for (Index r = 0; r < rows; ++r) std::copy_n(tile.c[g] + r * tile.ldc, columns, to + r * tile.ldc);
        }
        if (c.epilogue->activation != nullptr) {
          c.epilogue->activation(c.epilogue->args, rows, columns, tile.c[g], tile.ldc);
        }
      }
    }
  }

  const Correlation<T>& c;
  const Plan& plan;
  Index first_panel, last_panel, first_image, last_image;
  std::array<Span, 3> outputs;
  View<T> view{};
  bool finishes = false;
  Cut cut{};
  Group* groups = nullptr;
  Index group_count = 0;
};

template <class T>
Plan plan_of(const Correlation<T>& c) {
  Plan plan{};
  const Axes& axes = c.axes;
  plan.panels = divide_up(c.columns, 2 * width<T>);
  plan.axis = axes[0].outputs > 1 ? 0 : axes[1].outputs > 1 ? 1 : 2;
  const Index pixels = axes[0].outputs * axes[1].outputs * axes[2].outputs;
  const Index taps = axes[0].taps * axes[1].taps * axes[2].taps;
  const Index work = c.batch * pixels * std::max<Index>(1, taps * c.depth) * c.columns;
  const Index wanted = std::clamp<Index>(work / piece_work, 1, max_pieces);

  // Room for a piece: by the inputs one unit of outputs adds, and those that neighbours share.
  const Axis& cut = axes[plan.axis];
  Index line = c.depth * static_cast<Index>(sizeof(T));
  for (std::size_t a = 0; a < 3; ++a) {
    if (a != plan.axis) line *= std::max<Index>(1, axes[a].highest(axes[a].outputs) - axes[a].lowest(0) + 1);
  }
  const Index shared = std::max<Index>(0, (cut.taps - 1) * cut.tap_step + 1 - cut.step);
  const Index fit = std::max<Index>(1, (region_bytes / line - shared) / cut.step);

  const Index units = cut.outputs;
  Index each = std::clamp<Index>(c.batch * units / wanted, 1, std::max(fit, divide_up(piece_pixels, pixels / units)));
  plan.images = 1;
  plan.blocks = 1;
  if (each >= units) {
    plan.images = std::min(c.batch, each / units);
  } else {
    plan.blocks = divide_up(units, each);
  }
  plan.pieces = divide_up(c.batch, plan.images) * plan.blocks;
  plan.panel_shares = std::clamp<Index>(wanted / plan.pieces, 1, plan.panels);
  return plan;
}

}  // namespace

template <class T>
bool has_room(const Correlation<T>& c) {
  const Plan plan = plan_of(c);
  const Region r = Piece<T>(c, plan, 0).region();
  if (r.within(c.in)) return true;
  double bytes = static_cast<double>(plan.images * c.depth) * sizeof(T);
  for (const Index size : r.size) bytes *= static_cast<double>(size);
  return bytes <= room_limit;
}

template <class T>
void correlate(const Correlation<T>& c) {
  const Plan plan = plan_of(c);
  parallel_for(plan.pieces * plan.panel_shares, 1, [&](Index begin, Index end) {
    for (Index piece = begin; piece < end; ++piece) Piece<T>(c, plan, piece).run();
  });
}

#define RANVIER_INSTANTIATE(T)                      \
  template bool has_room<T>(const Correlation<T>&); \
  template void correlate<T>(const Correlation<T>&);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::kernels::conv_detail
