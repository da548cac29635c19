# ranvier_add_engine(<level>) makes two targets:
#   ranvier_options_<level>  the flags, definitions and include folders of everything compiled at this level
#   ranvier_engine_<level>   the engine's objects
# Loops over data (kernels, autograd's additions) are compiled once per level. All else only passes pointers on and is
# compiled once, for the lowest level asked for, into ranvier_common. Objects of different -march in one library share
# copies of inline functions (std::vector's growth), and the linker keeps any one of them: harmless in a library that is
# loaded only where its own level runs, and never the other way round: no lower level's library holds a higher object.
# Eigen, whose inline functions differ between levels, is included by kernels alone.
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
set(warnings_v4 "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 is wrong about std::string's "overlapping" copies (GCC bug 105651), about std::function and std::optional
  # members that "may be" uninitialised once they are inlined, and about the registers its own AVX-512 intrinsics leave
  # undefined on purpose (105593).
  list(APPEND warnings -Wno-restrict -Wno-maybe-uninitialized)
  set(warnings_v4 -Wno-uninitialized)
endif()
if(RANVIER_WERROR)
  list(APPEND warnings -Werror)
endif()

# Contraction to FMA everywhere and by every compiler; no -ffast-math: NaN and Inf must stay visible to the user.
set(arithmetic -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set(sections -ffunction-sections -fdata-sections)

set(sanitize "")
if(RANVIER_SANITIZE)
  set(sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()

set(loop_globs "")
foreach(room autograd kernels)
  list(APPEND loop_globs "${CMAKE_CURRENT_SOURCE_DIR}/cpp/ranvier/${room}/*.cpp")
endforeach()
file(GLOB loop_sources CONFIGURE_DEPENDS ${loop_globs})
set(common_globs "")
foreach(room core ops nn io)
  list(APPEND common_globs "${CMAKE_CURRENT_SOURCE_DIR}/cpp/ranvier/${room}/*.cpp")
endforeach()
file(GLOB common_sources CONFIGURE_DEPENDS ${common_globs})

# Every module carries its own copy of what is common, most of a wheel: so for size where layers are made and files are
# read, without large-scale inlining where tensors pass through, and as fast as can be where steps are replayed.
foreach(source IN LISTS common_sources)
  if(source MATCHES "/io/|_layers[.]cpp|config|registry")
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:-Os>)
  elseif(source MATCHES "/(nn|ops)/")
    set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:-O2>)
  endif()
endforeach()

function(ranvier_add_engine level)
  ranvier_level_flags(${level} level_flags)
  add_library(ranvier_options_${level} INTERFACE)
  target_compile_features(ranvier_options_${level} INTERFACE cxx_std_20)
  target_compile_options(ranvier_options_${level} INTERFACE ${level_flags} ${arithmetic} ${sections} ${warnings}
                                                            ${warnings_${level}} ${sanitize})
  target_link_options(ranvier_options_${level} INTERFACE ${sanitize})
  target_compile_definitions(ranvier_options_${level} INTERFACE
    RANVIER_VERSION="${RANVIER_VERSION}" RANVIER_SIMD_LEVEL="${level}" RANVIER_EIGEN_VERSION="${EIGEN_VERSION}")
  target_include_directories(ranvier_options_${level} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}/cpp")
  target_include_directories(ranvier_options_${level} SYSTEM INTERFACE "${EIGEN_INCLUDE_DIR}")
  target_link_libraries(ranvier_options_${level} INTERFACE OpenMP::OpenMP_CXX)

  if(NOT TARGET ranvier_common)  # the first level is the lowest
    add_library(ranvier_common OBJECT ${common_sources})
    target_link_libraries(ranvier_common PRIVATE ranvier_options_${level})
  endif()
  add_library(ranvier_engine_${level} OBJECT ${loop_sources})
  target_link_libraries(ranvier_engine_${level} PRIVATE ranvier_options_${level})
endfunction()
