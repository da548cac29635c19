// Random tensors and noise, drawn by counter from a generator.
#pragma once

#include "ranvier/autograd/node.h"
#include "ranvier/kernels/random.h"

namespace ranvier {

/// A stream of draws. Each draw takes the next stream number; kernels read the address when they run, so that a replayed
/// step draws new numbers. The state is two integers: saving and restoring it resumes exactly.
class Generator final : public RefCounted {
 public:
  explicit Generator(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t seed() const { return seed_; }
  std::uint64_t counter() const { return counter_; }
  void set_state(std::uint64_t seed, std::uint64_t counter) {
    seed_ = seed;
    counter_ = counter;
  }
  kernels::RandomKey next() { return {seed_, counter_++}; }

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

/// The generator of everything that was given no seed; set_random_seed restarts it.
Generator& default_generator();
void set_random_seed(std::uint64_t seed);

namespace ops {

// While a program records, the generator must outlive the program.
Tensor random_uniform(const Shape& shape, double low, double high, DType dtype, Generator& generator);
Tensor random_normal(const Shape& shape, double mean, double stddev, bool truncated, DType dtype, Generator& generator);
Tensor random_integers(const Shape& shape, Index low, Index high, Generator& generator);
Tensor random_permutation(Index n, Generator& generator);

/// Inverted dropout. `noise_shape` may hold 1 on axes that share a decision (rank 0: x's own shape).
Tensor dropout(const Tensor& x, double rate, const Shape& noise_shape, Generator& generator);
/// x·N(1, rate/(1−rate)).
Tensor gaussian_dropout(const Tensor& x, double rate, Generator& generator);
/// x + N(0, stddev).
Tensor gaussian_noise(const Tensor& x, double stddev, Generator& generator);
/// Dropout that keeps mean and variance of self-normalising networks (Klambauer et al. 2017).
Tensor alpha_dropout(const Tensor& x, double rate, const Shape& noise_shape, Generator& generator);

}  // namespace ops
}  // namespace ranvier
