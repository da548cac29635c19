// The one door to Eigen and to the intrinsics in this room; their warnings are not ours to fix.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#if defined(__SSE2__)
#include <immintrin.h>  // here because gcc 12 finds some of its intrinsics uninitialized when they are inlined
#endif
#include <Eigen/Core>
#pragma GCC diagnostic pop
