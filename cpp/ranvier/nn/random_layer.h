// Layers with a stream of random numbers of their own.
#pragma once

#include "ranvier/nn/layer.h"

namespace ranvier::nn {

/// Where a layer's generator starts: config's "seed", or a draw from the default generator.
inline std::uint64_t seed_of(const io::Json& config) {
  const io::Json* given = config.find("seed");
  if (given != nullptr && !given->is_null()) return static_cast<std::uint64_t>(config.integer("seed"));
  // The odd factor spreads successive counters.
  const kernels::RandomKey key = default_generator().next();
  return key.seed ^ ((key.stream + 1) * 0x9E3779B97F4A7C15ull);
}

/// Config's "seed" starts the generator; without one a seed is drawn from the default generator.
class RandomLayer : public Layer {
 public:
  explicit RandomLayer(const io::Json& config) : Layer(config), generator_(seed_of(config)) {}
  std::vector<Generator*> generators() override { return {&generator_}; }

 protected:
  Generator& generator() { return generator_; }

 private:
  Generator generator_;
};

}  // namespace ranvier::nn
