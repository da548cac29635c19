# The engine as a C++ package: the static library `ranvier`, its headers, what find_package(ranvier) reads; and the C++
# tests and benchmarks, which link to it. One level: the best of RANVIER_LEVELS that this machine runs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

list(GET levels -1 library_level)
foreach(level IN LISTS levels)
  if(level IN_LIST native_levels)
    set(library_level ${level})
  endif()
endforeach()

add_library(ranvier STATIC $<TARGET_OBJECTS:ranvier_engine_${library_level}> $<TARGET_OBJECTS:ranvier_common>)
add_library(ranvier::ranvier ALIAS ranvier)
set_target_properties(ranvier PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(ranvier PUBLIC cxx_std_20)
target_link_libraries(ranvier PRIVATE OpenMP::OpenMP_CXX)
target_link_options(ranvier INTERFACE ${sanitize})
target_include_directories(ranvier INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/cpp>
                                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ranvier")
install(TARGETS ranvier EXPORT ranvierTargets COMPONENT cpp ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT ranvierTargets NAMESPACE ranvier:: DESTINATION "${package_dir}" COMPONENT cpp)
# Headers that include Eigen, or a header that does, stay at home: a user of the package needs no Eigen.
file(GLOB_RECURSE headers RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}/cpp" CONFIGURE_DEPENDS cpp/ranvier/*.h)
set(internal "<Eigen")
set(grown ON)
while(grown)
  set(grown OFF)
  foreach(header IN LISTS headers)
    file(STRINGS "cpp/${header}" hits REGEX "^#include [<\"]?(${internal})")
    if(hits)
      list(REMOVE_ITEM headers ${header})
      string(APPEND internal "|${header}")
      set(grown ON)
    endif()
  endforeach()
endwhile()
foreach(header IN LISTS headers)
  cmake_path(GET header PARENT_PATH room)
  install(FILES cpp/${header} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${room}" COMPONENT cpp)
endforeach()
configure_package_config_file(cmake/ranvierConfig.cmake.in ranvierConfig.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(ranvierConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/ranvierConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/ranvierConfigVersion.cmake"
        DESTINATION "${package_dir}" COMPONENT cpp)

# Makes one executable per source file, with all that the engine sees (Eigen serves as a reference there).
function(ranvier_add_programs sources)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ranvier ranvier_options_${library_level} ${ARGN})
  endforeach()
endfunction()

if(RANVIER_BUILD_TESTS)
  enable_testing()
  file(GLOB test_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/cpp/test_*.cpp")
  ranvier_add_programs("${test_sources}")
  foreach(source IN LISTS test_sources)
    cmake_path(GET source STEM name)
    target_compile_options(${name} PRIVATE -UNDEBUG)  # an assert in a test must test
    add_test(NAME ${name} COMMAND ${name})
  endforeach()
endif()

if(RANVIER_BUILD_BENCH)
  find_package(benchmark REQUIRED)  # Debian: libbenchmark-dev
  file(GLOB bench_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/bench/cpp/bench_*.cpp")
  ranvier_add_programs("${bench_sources}" benchmark::benchmark_main)
endif()
