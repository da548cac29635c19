#include "ranvier/nn/run.h"

#include <algorithm>
#include <unordered_set>

#include "ranvier/ops/elementwise.h"

namespace ranvier::nn {
namespace {

constexpr int most_depth = 64;
constexpr Index most_calls = 1'000'000;

void collect_named(const Layer& layer, const std::string& place,
                   std::vector<std::pair<std::string, Ref<Parameter>>>& all) {
  const std::vector<Ref<Layer>> inner = layer.sublayers();
  if (inner.empty()) {
    for (const auto& p : layer.parameters()) all.emplace_back(place + p->name, p);
  }
  for (const auto& one : inner) collect_named(*one, place + one->name() + "/", all);
}

}  // namespace

void Run::add(Stage stage) {
  const Fusion& fusion = fusions_.emplace_back(*stage.layer);
  if (!leads_.empty()) leads_.back() = fusions_[fusions_.size() - 2].may_take(fusion);
  leads_.push_back(false);
  stages_.push_back(std::move(stage));
}

Shape Run::build(Shape shape) const {
  for (const Stage& stage : stages_) {
    stage.layer->build(shape);
    shape = stage.layer->output_shape(shape);
  }
  return shape;
}

Shape Run::output_shape(Shape shape) const {
  for (const Stage& stage : stages_) shape = stage.layer->output_shape(shape);
  return shape;
}

Tensor Run::operator()(Tensor x, Context& context) const {
  const std::span<const Stage> stages(stages_);
  const std::span<const Fusion> fusions(fusions_);
  for (std::size_t i = 0; i < stages.size();) {
    if (leads_[i]) {
      const std::size_t taken = Fusion::run(stages.subspan(i), fusions.subspan(i), x, context);
      i += taken;
      if (taken > 0) continue;
    }
    const Stage& stage = stages[i++];
    if (!stage.training) [[likely]] {
      x = (*stage.layer)(x, context);
    } else {
      const TrainingScope scope(context, stage.training);
      x = (*stage.layer)(x, context);
    }
  }
  return x;
}

Parameters parameters_of(const std::vector<Ref<Layer>>& layers) {
  Parameters all;
  std::unordered_set<const Parameter*> seen;
  for (const auto& layer : layers) {
    for (auto& p : layer->parameters()) {
      if (layers.size() == 1 || seen.insert(p.get()).second) all.push_back(std::move(p));
    }
  }
  return all;
}

std::vector<Generator*> generators_of(const std::vector<Ref<Layer>>& layers) {
  std::vector<Generator*> all;
  std::unordered_set<const Generator*> seen;
  for (const auto& layer : layers) {
    for (Generator* g : layer->generators()) {
      if (seen.insert(g).second) all.push_back(g);
    }
  }
  return all;
}

bool replayable(const std::vector<Ref<Layer>>& layers) {
  return std::all_of(layers.begin(), layers.end(), [](const auto& layer) { return layer->replayable(); });
}

Extent extended(Extent all, const Layer& layer, const std::string& name) {
  const Extent one = layer.extent();
  all.depth = std::max(all.depth, one.depth + 1);
  all.calls += one.calls;
  check(all.depth <= most_depth, "[", name, "] expected at most ", most_depth,
        " models inside each other, received more");
  check(all.calls <= most_calls, "[", name, "] expected at most ", most_calls, " calls of layers, received more");
  return all;
}

std::vector<std::pair<std::string, Ref<Parameter>>> named_parameters(const Layer& model) {
  std::vector<std::pair<std::string, Ref<Parameter>>> all;
  collect_named(model, "", all);
  return all;
}

}  // namespace ranvier::nn
