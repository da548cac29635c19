#include "ranvier/kernels/update.h"
#include "ranvier/nn/optimizer.h"

namespace ranvier::nn {
namespace {

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const io::Json& config)
      : Optimizer(config, config.number("momentum", 0.0) == 0 ? std::vector<std::string>{}
                                                              : std::vector<std::string>{"momentum"}),
        momentum_(config.number("momentum", 0.0)),
        nesterov_(config.flag("nesterov", false)) {
    check(momentum_ >= 0 && momentum_ <= 1, "SGD: expected 0 <= momentum <= 1, received ", momentum_);
  }

 protected:
  void update(const Segment& s) const override {
    dispatch_floating(s.dtype, "SGD", [&](auto tag) {
      using T = typename decltype(tag)::type;
      each_run<T>(s, [args = kernels::SgdArgs{learning_rate, momentum_, nesterov_}](
                         Index n, T* w, const T* g, T* v, T*, T*) { kernels::sgd<T>(args, n, w, g, v); });
    });
  }
  bool zero_changes_nothing() const override { return momentum_ == 0; }

 private:
  double momentum_;
  bool nesterov_;
};

}  // namespace

Ref<Optimizer> make_sgd(const io::Json& config) { return make_ref<Sgd>(config); }

}  // namespace ranvier::nn
