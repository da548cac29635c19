#include "ranvier/ops/position.h"

#include "ranvier/kernels/position.h"
#include "ranvier/ops/detail.h"

namespace ranvier::ops {

using detail::keep;

Tensor waves(Index steps, const std::vector<Wave>& columns, DType dtype) {
  std::vector<double> frequency;
  std::vector<std::uint8_t> cosine;
  for (const Wave& wave : columns) {
    frequency.push_back(wave.frequency);
    cosine.push_back(wave.cosine ? 1 : 0);
  }
  const auto size = static_cast<Index>(columns.size());
  const Tensor made = empty({steps, size}, dtype);
  dispatch_floating(dtype, "waves", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::waves<T>(steps, size, frequency.data(), cosine.data(), made.data<T>());
  });
  return made;
}

Tensor rotary(const Tensor& x, int axis, const Tensor& turns) {
  const int at = normalize_axis(axis, x.rank(), "rotary");
  const int last = x.rank() - 1;
  check(at < last && x.dim(last) % 2 == 0,
        "rotary: expected (..., time, ..., features) with an even number of features, received shape ", x.shape());
  const Shape expected{x.dim(at), x.dim(last)};
  check(turns.shape() == expected && turns.dtype() == x.dtype(), "rotary: expected turns of shape ", expected,
        " and dtype ", name_of(x.dtype()), ", received ", turns.shape(), " and ", name_of(turns.dtype()));
  const kernels::RotaryView view{x.shape().numel(0, at), x.dim(at), x.shape().numel(at + 1, last), x.dim(last) / 2};
  const Tensor y = empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "rotary", [&](auto tag) {
    using T = typename decltype(tag)::type;
    exec([view, from = static_cast<const T*>(x.data<T>()), turn = static_cast<const T*>(turns.data<T>()),
          to = y.data<T>()] { kernels::rotate<T>(view, from, turn, false, to, false); });
  });
  if (!wants_grad({&x})) return y;
  // The transpose of a rotation is the rotation back.
  return attach("rotary", y, {&x}, [view, turns = keep(turns)](const Tensor& dy, Grads& to) {
    dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto dx = to.sink<T>(0);
      exec([view, g = static_cast<const T*>(dy.data<T>()), turn = static_cast<const T*>(turns.data<T>()), dx] {
        kernels::rotate<T>(view, g, turn, true, dx.data, dx.accumulate);
      });
    });
  });
}

}  // namespace ranvier::ops
