#include <cmath>

#include "ranvier/kernels/update.h"
#include "ranvier/nn/optimizer.h"

namespace ranvier::nn {
namespace {

/// Adam (Kingma & Ba 2015), AMSGrad (Reddi et al. 2018); AdamW (Loshchilov & Hutter 2019) is Adam with weight_decay.
class Adam final : public Optimizer {
 public:
  explicit Adam(const io::Json& config)
      : Optimizer(config, config.flag("amsgrad", false)
                              ? std::vector<std::string>{"momentum", "velocity", "velocity_max"}
                              : std::vector<std::string>{"momentum", "velocity"}),
        beta_1_(config.number("beta_1", 0.9)),
        beta_2_(config.number("beta_2", 0.999)),
        epsilon_(config.number("epsilon", 1e-7)) {
    check(beta_1_ >= 0 && beta_1_ < 1 && beta_2_ >= 0 && beta_2_ < 1,
          "Adam: expected 0 <= beta_1 < 1 and 0 <= beta_2 < 1, received ", beta_1_, " and ", beta_2_);
  }

 protected:
  void update(const Segment& s) const override {
    // Both bias corrections in one factor: lr·sqrt(1 − β2^t)/(1 − β1^t), t counted once per step for all weights.
    const auto t = static_cast<double>(iterations);
    const double alpha = learning_rate * std::sqrt(1 - std::pow(beta_2_, t)) / (1 - std::pow(beta_1_, t));
    dispatch_floating(s.dtype, "Adam", [&](auto tag) {
      using T = typename decltype(tag)::type;
      each_run<T>(s,
                  [args = kernels::AdamArgs{alpha, beta_1_, beta_2_, epsilon_}](
                      Index n, T* w, const T* g, T* m, T* v, T* vmax) { kernels::adam<T>(args, n, w, g, m, v, vmax); });
    });
  }

 private:
  double beta_1_;
  double beta_2_;
  double epsilon_;
};

}  // namespace

Ref<Optimizer> make_adam(const io::Json& config) { return make_ref<Adam>(config); }

}  // namespace ranvier::nn
