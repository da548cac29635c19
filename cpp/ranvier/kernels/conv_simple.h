// Convolution by plain loops: every geometry, any number of groups.
#pragma once

#include <cstring>

#include "ranvier/core/parallel.h"
#include "ranvier/kernels/conv_span.h"

namespace ranvier::kernels::conv_detail {

/// Bias, preactivation and activation on `rows` rows of `columns` channels at y + offset.
template <class T>
void finish_rows(const Epilogue<T>& e, T* y, Index offset, Index rows, Index columns) {
  T* c = y + offset;
  if (e.bias != nullptr) {
    for (Index r = 0; r < rows; ++r) {
      for (Index j = 0; j < columns; ++j) c[r * columns + j] += e.bias[j];
    }
  }
  if (e.preactivation != nullptr) {
    std::memcpy(e.preactivation + offset, c, static_cast<std::size_t>(rows * columns) * sizeof(T));
  }
  if (e.activation != nullptr) e.activation(e.args, rows, columns, c, columns);
}

/// Calls f(input pixel, output pixel, tap) within one image for all that meet, in a fixed order.
template <class F>
void each_meeting(const ConvGeometry& g, F&& f) {
  for (Index t0 = 0; t0 < g.kernel[0]; ++t0) {
    const Span s0 = outputs_inside(g, 0, t0);
    for (Index t1 = 0; t1 < g.kernel[1]; ++t1) {
      const Span s1 = outputs_inside(g, 1, t1);
      for (Index t2 = 0; t2 < g.kernel[2]; ++t2) {
        const Span s2 = outputs_inside(g, 2, t2);
        const Index tap = (t0 * g.kernel[1] + t1) * g.kernel[2] + t2;
        for (Index o0 = s0.begin; o0 < s0.end; ++o0) {
          const Index i0 = o0 * g.stride[0] + t0 * g.dilation[0] - g.before[0];
          for (Index o1 = s1.begin; o1 < s1.end; ++o1) {
            const Index i1 = o1 * g.stride[1] + t1 * g.dilation[1] - g.before[1];
            for (Index o2 = s2.begin; o2 < s2.end; ++o2) {
              const Index i2 = o2 * g.stride[2] + t2 * g.dilation[2] - g.before[2];
              f((i0 * g.in[1] + i1) * g.in[2] + i2, (o0 * g.out[1] + o1) * g.out[2] + o2, tap);
            }
          }
        }
      }
    }
  }
}

template <class T>
void simple_forward(const ConvGeometry& g, const T* x, const T* w, T* y, const Epilogue<T>* epilogue) {
  const Index ci = g.channels_in / g.groups;
  const Index co = g.channels_out / g.groups;
  parallel_for(g.batch, 1, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      const T* xb = x + b * g.pixels_in() * g.channels_in;
      const Index offset = b * g.pixels_out() * g.channels_out;
      std::fill_n(y + offset, g.pixels_out() * g.channels_out, T(0));
      each_meeting(g, [&](Index in, Index out, Index tap) {
        for (Index group = 0; group < g.groups; ++group) {
          T* to = y + offset + out * g.channels_out + group * co;
          for (Index c = 0; c < ci; ++c) {
            const T from = xb[in * g.channels_in + group * ci + c];
            const T* row = w + (tap * ci + c) * g.channels_out + group * co;
            for (Index j = 0; j < co; ++j) to[j] += from * row[j];
          }
        }
      });
      if (epilogue != nullptr) finish_rows(*epilogue, y, offset, g.pixels_out(), g.channels_out);
    }
  });
}

template <class T>
void simple_input_gradient(const ConvGeometry& g, const T* dy, const T* w, T* dx, bool accumulate,
                           const Epilogue<T>* epilogue) {
  const Index ci = g.channels_in / g.groups;
  const Index co = g.channels_out / g.groups;
  parallel_for(g.batch, 1, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      const T* dyb = dy + b * g.pixels_out() * g.channels_out;
      const Index offset = b * g.pixels_in() * g.channels_in;
      if (!accumulate) std::fill_n(dx + offset, g.pixels_in() * g.channels_in, T(0));
      each_meeting(g, [&](Index in, Index out, Index tap) {
        for (Index group = 0; group < g.groups; ++group) {
          const T* from = dyb + out * g.channels_out + group * co;
          for (Index c = 0; c < ci; ++c) {
            const T* row = w + (tap * ci + c) * g.channels_out + group * co;
            T sum = 0;
            for (Index j = 0; j < co; ++j) sum += from[j] * row[j];
            dx[offset + in * g.channels_in + group * ci + c] += sum;
          }
        }
      });
      if (epilogue != nullptr) finish_rows(*epilogue, dx, offset, g.pixels_in(), g.channels_in);
    }
  });
}

template <class T>
void simple_weight_gradient(const ConvGeometry& g, const T* x, const T* dy, T* dw, bool accumulate) {
  const Index ci = g.channels_in / g.groups;
  const Index co = g.channels_out / g.groups;
  if (!accumulate) std::fill_n(dw, g.taps() * ci * g.channels_out, T(0));
  parallel_for(ci, 1, [&](Index begin, Index end) {
    for (Index b = 0; b < g.batch; ++b) {
      const T* xb = x + b * g.pixels_in() * g.channels_in;
      const T* dyb = dy + b * g.pixels_out() * g.channels_out;
      each_meeting(g, [&](Index in, Index out, Index tap) {
        for (Index group = 0; group < g.groups; ++group) {
          const T* from = dyb + out * g.channels_out + group * co;
          for (Index c = begin; c < end; ++c) {
            const T value = xb[in * g.channels_in + group * ci + c];
            T* row = dw + (tap * ci + c) * g.channels_out + group * co;
            for (Index j = 0; j < co; ++j) row[j] += value * from[j];
          }
        }
      });
    }
  });
}

}  // namespace ranvier::kernels::conv_detail
