#include "ranvier/kernels/update.h"
#include "ranvier/nn/optimizer.h"

namespace ranvier::nn {
namespace {

/// Tieleman & Hinton 2012, with Keras's momentum and centred variants.
class Rmsprop final : public Optimizer {
 public:
  explicit Rmsprop(const io::Json& config)
      : Optimizer(config, names(config)),
        rho_(config.number("rho", 0.9)),
        momentum_(config.number("momentum", 0.0)),
        epsilon_(config.number("epsilon", 1e-7)),
        centered_(config.flag("centered", false)) {}

 protected:
  void update(const Segment& s) const override {
    dispatch_floating(s.dtype, "RMSprop", [&](auto tag) {
      using T = typename decltype(tag)::type;
      each_run<T>(s, [this](Index n, T* w, const T* g, T* v, T* second, T* third) {
        T* average = centered_ ? second : nullptr;
        T* momentum = centered_ ? third : second;
        kernels::rmsprop<T>({learning_rate, rho_, momentum_, epsilon_}, n, w, g, v, average, momentum);
      });
    });
  }

 private:
  static std::vector<std::string> names(const io::Json& config) {
    std::vector<std::string> list{"velocity"};
    if (config.flag("centered", false)) list.emplace_back("average_gradient");
    if (config.number("momentum", 0.0) > 0) list.emplace_back("momentum");
    return list;
  }
  double rho_;
  double momentum_;
  double epsilon_;
  bool centered_;
};

}  // namespace

Ref<Optimizer> make_rmsprop(const io::Json& config) { return make_ref<Rmsprop>(config); }

}  // namespace ranvier::nn
