#include "ranvier/kernels/conv_correlation.h"

#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_region.h"
#include "ranvier/kernels/conv_tile.h"

// A matrix product in which the rows of A, the patches of x, are never written down: a register tile reads its pixels
// from x itself. The outputs of a piece are cut into boxes that meet the same taps, the inner one and those at the
// edges, so that no product with a zero of the padding is made; where the edges would be cut too fine (long kernels),
// a copy of x with the zeros around it is one box. A piece is some images or some lines of an image, and passes over
// the panels of weights one by one. Every cut depends on the sizes alone, and an output adds its products in the order
// of taps and channels whatever tile it is in.
namespace ranvier::kernels::conv_detail {
namespace {

constexpr Index serial_work = Index{1} << 22;    // multiply-adds below which waking a second thread does not pay
constexpr Index piece_work = Index{1} << 19;     // multiply-adds worth a piece of their own
constexpr Index max_pieces = 64;                 // enough for any machine to share the work evenly
constexpr Index region_bytes = Index{1} << 18;   // of x in a piece: half of it and the weights fit a small L2 cache
constexpr Index weights_bytes = Index{1} << 18;  // from here on they are read for `piece_pixels` at least
constexpr Index piece_pixels = 128;
constexpr Index few_pixels = 32;
constexpr int max_segments = 5;         // of the last axis
constexpr Index vertical_limit = 6;     // boxes narrower than this may be cut into lines along the other axis
constexpr double room_limit = 1 << 26;  // bytes of a copy; only taps far outside of x need so much

using Sizes = ConvGeometry::Sizes;

constexpr Index divide_up(Index a, Index b) { return (a + b - 1) / b; }

// Rows of a tile that share a pointer: where they begin in the view and in y.
struct Group {
  Index in;
  Index out;
  int rows;
};

// Outputs that meet the same taps, as ranges of runs and groups.
struct Box {
  std::size_t first_run;
  Index runs;
  Index length;
  std::size_t first_group;
  Index groups;
  int groups_per_tile;
  Index a_stride;
  Index ldc;
};

// Kept from call to call: a steady training step asks the system for no memory.
struct Layout {
  gemm_detail::Scratch x;
  std::array<std::vector<Segment>, 3> segments;
  std::vector<Run> runs;
  std::vector<Group> groups;
  std::vector<Box> boxes;
};
thread_local Layout this_layout;

// Pieces: `images` whole images each, or with images = 1 a part of the outputs along `axis`; each for a share of the
// panels.
struct Plan {
  std::size_t axis;
  bool copies;  // x with its zeros
  Index images;
  Index blocks;  // parts of an image
  Index pieces;  // of images and parts
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
    look();
    Layout& layout = this_layout;
    PixelTile<T> tile{};
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
      tile.b = c.weights.data + panel * c.weights.panel_stride;
      tile.b_stride = panel + 1 == plan.panels ? c.weights.last_row_stride : c.weights.row_stride;
      tile.last = static_cast<int>(std::min(left - (vectors - 1) * w, w));
      tile.bias = c.bias != nullptr ? c.bias + column : nullptr;
      if (vectors != vectors_before) lay_out(layout, vectors, tile.b_stride);
      vectors_before = vectors;
      for (const Box& box : layout.boxes) run_box(tile, box, layout, column, vectors);
    }
  }

 private:
  // Finds the view of x and the segments of each axis.
  void look() {
    Layout& layout = this_layout;
    const bool any_taps = c.axes[0].taps * c.axes[1].taps * c.axes[2].taps > 0;
    Sizes low{};
    Sizes size = c.in;
    if (plan.copies && any_taps) {
      const Region r = region();
      view = copy_of(r, c.in, c.x, c.channels, c.depth, first_image, last_image, layout.x);
      low = r.low;
      size = r.size;
    } else {
      view = view_of(c.in, c.x, c.channels, first_image);
    }
    for (std::size_t a = 0; a < 3; ++a) {
      axes[a] = c.axes[a];
      axes[a].shift -= low[a];
      layout.segments[a].clear();
      axes[a].each_segment(outputs[a], size[a], [&](const Segment& s) { layout.segments[a].push_back(s); });
    }
  }

  void lay_out(Layout& layout, int vectors, Index b_stride) {
    layout.runs.clear();
    layout.groups.clear();
    layout.boxes.clear();
    for (const Segment& s0 : layout.segments[0]) {
      for (const Segment& s1 : layout.segments[1]) {
        for (const Segment& s2 : layout.segments[2]) add_box(layout, {s0, s1, s2}, vectors, b_stride);
      }
    }
  }

  void add_box(Layout& layout, const std::array<Segment, 3>& s, int vectors, Index b_stride) const {
    Box box{};
    box.first_run = layout.runs.size();
    const bool merged = axes[2].tap_step == 1 && view.stride[2] == c.depth;
    box.length = (merged ? s[2].taps.size() : 1) * c.depth;
    for (Index t0 = s[0].taps.begin; t0 < s[0].taps.end; ++t0) {
      for (Index t1 = s[1].taps.begin; t1 < s[1].taps.end; ++t1) {
        for (Index t2 = s[2].taps.begin; t2 < s[2].taps.end; ++t2) {
          const Index tap = (t0 * axes[1].taps + t1) * axes[2].taps + t2;
          layout.runs.push_back({(t0 - s[0].taps.begin) * axes[0].tap_step * view.stride[0] +
                                     (t1 - s[1].taps.begin) * axes[1].tap_step * view.stride[1] +
                                     (t2 - s[2].taps.begin) * axes[2].tap_step * view.stride[2],
                                 tap * c.depth * b_stride});
          if (merged) break;
        }
      }
    }
    box.runs = static_cast<Index>(layout.runs.size() - box.first_run);

    const Index planes = (last_image - first_image) * s[0].outputs.size();
    const Cut across = cut_lines<T>(s[2].outputs.size(), planes * s[1].outputs.size(), vectors);
    const Cut down = cut_lines<T>(s[1].outputs.size(), planes * s[2].outputs.size(), vectors);
    const bool vertical = s[2].outputs.size() < vertical_limit && down.tiles < across.tiles;
    const Cut cut = vertical ? down : across;
    const std::size_t line = vertical ? 1 : 2;
    const std::size_t other = vertical ? 2 : 1;
    box.groups_per_tile = cut.groups;
    box.a_stride = axes[line].step * view.stride[line];
    box.ldc = c.stride[line];
    box.first_group = layout.groups.size();
    const auto place = [&](std::size_t a, Index o) {
      // The first tap that counts, if there is one.
      return s[a].taps.size() == 0 ? 0 : (axes[a].lowest(o) + s[a].taps.begin * axes[a].tap_step) * view.stride[a];
    };
    const Index n = s[line].outputs.size();
    for (Index b = first_image; b < last_image; ++b) {
      for (Index o0 = s[0].outputs.begin; o0 < s[0].outputs.end; ++o0) {
        for (Index o = s[other].outputs.begin; o < s[other].outputs.end; ++o) {
          const Index in = (b - first_image) * view.image_stride + place(0, o0) + place(other, o);
          const Index out = b * c.image_stride + o0 * c.stride[0] + o * c.stride[other];
          for (Index part = 0; part < cut.parts; ++part) {
            const Index first = s[line].outputs.begin + n * part / cut.parts;
            const Index end = s[line].outputs.begin + n * (part + 1) / cut.parts;
            layout.groups.push_back(
                {in + place(line, first), out + first * c.stride[line], static_cast<int>(end - first)});
          }
        }
      }
    }
    box.groups = static_cast<Index>(layout.groups.size() - box.first_group);
    layout.boxes.push_back(box);
  }

  void run_box(PixelTile<T>& tile, const Box& box, const Layout& layout, Index column, int vectors) const {
    const int columns = static_cast<int>((vectors - 1) * width<T>) + tile.last;
    tile.a_stride = box.a_stride;
    tile.ldc = box.ldc;
    tile.runs = layout.runs.data() + box.first_run;
    tile.count = box.runs;
    tile.length = box.length;
    const Group* groups = layout.groups.data() + box.first_group;
    for (Index first = 0; first < box.groups; first += box.groups_per_tile) {
      const int count = static_cast<int>(std::min<Index>(box.groups_per_tile, box.groups - first));
      const Group* members = groups + first;
      for (int g = 0; g < count; ++g) {
        tile.a[g] = view.origin + members[g].in;
        tile.c[g] = c.y + members[g].out + column;
      }
      const int rows = members[0].rows;
      run_tile(tile, count, rows, vectors);
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
  Axes axes{};  // as c's, but of the view
  View<T> view{};
  bool finishes = false;
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
  const Index wanted = work < serial_work ? 1 : std::min(work / piece_work, max_pieces);

  // Room for a piece: by the inputs one unit of outputs adds, and those that neighbours share.
  const Axis& cut = axes[plan.axis];
  Index line = c.depth * static_cast<Index>(sizeof(T));
  for (std::size_t a = 0; a < 3; ++a) {
    if (a != plan.axis) line *= std::max<Index>(1, axes[a].highest(axes[a].outputs) - axes[a].lowest(0) + 1);
  }
  const Index shared = std::max<Index>(0, (cut.taps - 1) * cut.tap_step + 1 - cut.step);
  const Index fit = std::max<Index>(1, (region_bytes / line - shared) / cut.step);

  const Index units = cut.outputs;
  const Index weights = taps * c.depth * c.columns * static_cast<Index>(sizeof(T));
  const Index fewest = divide_up((weights > weights_bytes ? piece_pixels : few_pixels) * units, pixels);
  const Index each = std::clamp(c.batch * units / wanted, fewest, std::max(fit, fewest));
  plan.images = 1;
  plan.blocks = 1;
  if (each >= units) {
    plan.images = std::min(c.batch, each / units);
  } else {
    plan.blocks = divide_up(units, each);
  }
  plan.pieces = divide_up(c.batch, plan.images) * plan.blocks;
  plan.panel_shares = std::clamp<Index>(wanted / plan.pieces, 1, plan.panels);

  int segments = 0;
  axes[2].each_segment({0, axes[2].outputs}, c.in[2], [&](const Segment&) { ++segments; });
  plan.copies = segments > max_segments;
  return plan;
}

}  // namespace

template <class T>
bool has_room(const Correlation<T>& c) {
  const Plan plan = plan_of(c);
  if (!plan.copies) return true;
  const Region r = Piece<T>(c, plan, 0).region();
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
