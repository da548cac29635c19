# ranvier_add_engine(<level>) makes two targets:
#   ranvier_options_<level>  the flags, definitions and include folders of everything compiled at this level
#   ranvier_engine_<level>   the engine's objects
# A level is compiled wholly by itself: objects of different -march in one library would share copies of inline
# functions (std::vector's growth, Eigen's helpers), and the linker may keep the one an older processor cannot run.
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
set(warnings_v4 "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 is wrong about std::string's "overlapping" copies (GCC bug 105651) and about the registers its own AVX-512
  # intrinsics leave undefined on purpose (105593); the lower levels still look for uninitialised variables.
  list(APPEND warnings -Wno-restrict)
  set(warnings_v4 -Wno-uninitialized -Wno-maybe-uninitialized)
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

set(engine_globs "")
foreach(room core autograd kernels ops nn io)
  list(APPEND engine_globs "${CMAKE_CURRENT_SOURCE_DIR}/cpp/ranvier/${room}/*.cpp")
endforeach()
file(GLOB engine_sources CONFIGURE_DEPENDS ${engine_globs})

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

  add_library(ranvier_engine_${level} OBJECT ${engine_sources})
  target_link_libraries(ranvier_engine_${level} PRIVATE ranvier_options_${level})
endfunction()
