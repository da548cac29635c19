// Attention forward and backward against the peak of this machine (peak.h), and the memory it takes: "MB" counts all
// tensors alive at the worst moment of a training step's attention, inputs and gradients included.
#include "peak.h"
#include "ranvier/core/storage.h"
#include "ranvier/kernels/attention.h"
#include "ranvier/ops/attention.h"

namespace {

using ranvier::Index;
using ranvier::bench::Buffer;
using namespace ranvier::kernels;

struct Setup {
  AttentionInputs<float> in;
  Buffer<float> x, out, lse, grad, dx, parts;

  Setup(Index batch, Index heads, Index time, Index size, bool causal, double dropout)
      : in{{batch, heads, heads, time, time, size, size}, 0.2F, {}, {}, {}, {}, dropout, {1, 2}},
        x(batch * time * heads * size * 3, 0),
        out(batch * time * heads * size, 0),
        lse(batch * time * heads, 0),
        grad(batch * time * heads * size, 0.01F),
        dx(batch * time * heads * size * 3, 0),
        parts(attention_key_parts(in.size) * batch * time * heads * size, 0) {
    random_normal<float>({3, 4}, batch * time * heads * size * 3, 0, 1, false, x.data());
    random_normal<float>({5, 6}, batch * time * heads * size, 0, 1, false, grad.data());
    const Index row = 3 * heads * size;
    in.q = {x.data(), time * row, row};
    in.k = {x.data() + heads * size, time * row, row};
    in.v = {x.data() + 2 * heads * size, time * row, row};
    in.rule.causal = causal;
  }
  void forward() { attention<float>(in, out.data(), lse.data()); }
  void backward() {
    const auto at = [&](const HeadRows<const float>& rows) {
      return HeadSink<float>{{dx.data() + (rows.data - x.data()), rows.batch, rows.time}, false};
    };
    attention_backward<float>(in, out.data(), lse.data(), grad.data(), parts.data(), at(in.q), at(in.k), at(in.v));
  }
  /// Multiply-adds twice, of what the causal rule leaves.
  double flop(int products) const {
    const AttentionSize& s = in.size;
    const double pairs = in.rule.causal ? 0.5 * static_cast<double>(s.queries * (s.queries + 1))
                                        : static_cast<double>(s.queries * s.keys);
    return 2.0 * products * pairs * static_cast<double>(s.batch * s.heads * s.size);
  }
};

// batch, heads, time, head size, threads, causal
void forward(benchmark::State& state) {
  Setup setup(state.range(0), state.range(1), state.range(2), state.range(3), state.range(5) != 0, 0);
  ranvier::bench::time_against_peak<float>(state, setup.flop(2), static_cast<int>(state.range(4)),
                                           [&] { setup.forward(); });
}
void backward(benchmark::State& state) {
  Setup setup(state.range(0), state.range(1), state.range(2), state.range(3), state.range(5) != 0, 0);
  setup.forward();
  ranvier::bench::time_against_peak<float>(state, setup.flop(5), static_cast<int>(state.range(4)),
                                           [&] { setup.backward(); });
}
void backward_dropout(benchmark::State& state) {
  Setup setup(state.range(0), state.range(1), state.range(2), state.range(3), state.range(5) != 0, 0.1);
  setup.forward();
  ranvier::bench::time_against_peak<float>(state, setup.flop(5), static_cast<int>(state.range(4)),
                                           [&] { setup.backward(); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"batch", "heads", "time", "size", "threads", "causal"});
  for (const Index threads : {1, 2}) {
    for (const Index causal : {0, 1}) {
      bench->Args({12, 4, 64, 32, threads, causal});
      bench->Args({16, 4, 256, 32, threads, causal});
    }
    bench->Args({4, 8, 512, 64, threads, 0});
    bench->Args({1, 4, 2048, 64, threads, 1});
    bench->Args({1, 8, 1024, 128, threads, 0});
  }
  bench->UseManualTime()->Iterations(60);
}
BENCHMARK(forward)->Apply(sizes);
BENCHMARK(backward)->Apply(sizes);
BENCHMARK(backward_dropout)->Args({12, 4, 64, 32, 2, 1})->UseManualTime()->Iterations(60);

// One sequence of 4 heads of 32, forward and backward.
void memory(benchmark::State& state) {
  using namespace ranvier;
  const Index time = state.range(0);
  std::size_t most = 0;
  for (auto _ : state) {
    const auto pool = make_ref<Pool>(true);
    const PoolScope scope(*pool);
    const Tensor x = full({1, time, 384}, 0.1, DType::float32);
    Leaf::require_grad(x);
    const Tensor y = ops::packed_attention(x, 4, 4, 32, 32, {}, {.scale = 0.2, .causal = true});
    backward(y, full(y.shape(), 1, DType::float32));
    most = pool->live_bytes() + pool->cached_bytes();  // a pool that keeps everything: what was ever needed at once
  }
  state.counters["MB"] = static_cast<double>(most) * 1e-6;
  state.counters["bytes/step"] = static_cast<double>(most) / static_cast<double>(time);
}
BENCHMARK(memory)->RangeMultiplier(2)->Range(256, 8192)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
