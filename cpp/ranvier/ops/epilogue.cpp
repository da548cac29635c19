#include "ranvier/ops/epilogue.h"

#include "ranvier/kernels/reduce.h"

namespace ranvier::ops::detail {

using kernels::Saves;
using kernels::Unary;
using kernels::UnaryArgs;

Tensor back_through(Unary activation, UnaryArgs args, const Tensor& kept, const Tensor& dy, Grads& to, int bias) {
  const Index cols = dy.shape().back();
  const Index rows = dy.shape().numel(0, dy.rank() - 1);
  const bool linear = activation == Unary::identity;
  const Tensor dz = linear || dy.exclusive() ? dy : empty(dy.shape(), dy.dtype());
  dispatch_floating(dy.dtype(), "gradient", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto db = to.sink<T>(bias);
    const T* g = dy.data<T>();
    if (linear) {
      if (db) exec([rows, cols, g, db] { kernels::reduce_sum<T>(1, rows, cols, g, T{1}, db.data, db.accumulate); });
      return;
    }
    const Saves saves = kernels::saves_of(activation);
    const T* z = saves == Saves::x ? kept.data<T>() : nullptr;
    const T* y = saves == Saves::y ? kept.data<T>() : nullptr;
    T* to_z = dz.data<T>();
    if (db) {
      exec([=] {
        kernels::unary_backward_sums<T>(activation, args, rows, cols, z, y, g, to_z, db.data, db.accumulate);
      });
    } else {
      exec([=] { kernels::unary_backward<T>(activation, args, rows * cols, z, y, g, to_z, false); });
    }
  });
  return dz;
}

}  // namespace ranvier::ops::detail
