# Finds Eigen and sets EIGEN_INCLUDE_DIR and EIGEN_VERSION. The kernels use Eigen's packet functions, which belong to
# one release, and a plain find_package(Eigen3) prefers whatever the system has: so we look ourselves, in this order:
# RANVIER_EIGEN_DIR, the pinned build requirement (cmeel-eigen, exactly this version), the system when allowed.
set(RANVIER_EIGEN_PINNED 3.4.1)

# Sets `out` to the version of the Eigen whose headers are in `dir`, or to "" when there is none.
function(eigen_version_in dir out)
  set(${out} "" PARENT_SCOPE)
  set(macros "${dir}/Eigen/src/Core/util/Macros.h")
  if(NOT EXISTS "${macros}")
    return()
  endif()
  set(version "")
  foreach(part WORLD MAJOR MINOR)
    file(STRINGS "${macros}" line REGEX "define EIGEN_${part}_VERSION [0-9]+" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+$" number "${line}")
    list(APPEND version "${number}")
  endforeach()
  list(JOIN version "." version)
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Takes the first folder of ARGN holding an Eigen whose version matches `pattern`; lists the others in eigen_seen.
macro(try_eigen pattern)
  foreach(dir ${ARGN})
    if(NOT EIGEN_INCLUDE_DIR)
      eigen_version_in("${dir}" version)
      if(version MATCHES "${pattern}")
        set(EIGEN_INCLUDE_DIR "${dir}")
        set(EIGEN_VERSION "${version}")
      elseif(version)
        list(APPEND eigen_seen "${version} in ${dir}")
      endif()
    endif()
  endforeach()
endmacro()

set(EIGEN_INCLUDE_DIR "")
set(eigen_seen "")
set(any_3_4 "^3[.]4[.][0-9]+$")
string(REPLACE "." "[.]" pinned "^${RANVIER_EIGEN_PINNED}$")

if(RANVIER_EIGEN_DIR)
  try_eigen("${any_3_4}" "${RANVIER_EIGEN_DIR}" "${RANVIER_EIGEN_DIR}/include/eigen3"
            "${RANVIER_EIGEN_DIR}/../../../include/eigen3")
  if(NOT EIGEN_INCLUDE_DIR)
    message(FATAL_ERROR "RANVIER_EIGEN_DIR=${RANVIER_EIGEN_DIR} holds no Eigen 3.4 (found: ${eigen_seen}); "
                        "give the folder that contains Eigen/Core.")
  endif()
else()
  # Under pip the build environment's site-packages are on CMAKE_PREFIX_PATH; by hand, ask the python in use.
  cmake_path(CONVERT "$ENV{CMAKE_PREFIX_PATH}" TO_CMAKE_PATH_LIST from_environment)
  set(prefixes ${CMAKE_PREFIX_PATH} ${from_environment})
  if(Python_EXECUTABLE)
    set(python_in_use "${Python_EXECUTABLE}")
  else()
    find_program(python_in_use NAMES python3 python NO_CACHE)
  endif()
  if(python_in_use AND NOT under_pip)
    execute_process(COMMAND "${python_in_use}" -c "import sysconfig; print(sysconfig.get_path('purelib'))"
                    OUTPUT_VARIABLE purelib OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND prefixes "${purelib}")
  endif()
  foreach(prefix IN LISTS prefixes)
    try_eigen("${pinned}" "${prefix}/cmeel.prefix/include/eigen3" "${prefix}/include/eigen3")
  endforeach()
  if(RANVIER_SYSTEM_EIGEN AND NOT EIGEN_INCLUDE_DIR)
    find_path(RANVIER_SYSTEM_EIGEN_DIR Eigen/Core PATH_SUFFIXES eigen3)
    mark_as_advanced(RANVIER_SYSTEM_EIGEN_DIR)
    try_eigen("${any_3_4}" "${RANVIER_SYSTEM_EIGEN_DIR}")
  endif()
endif()

if(NOT EIGEN_INCLUDE_DIR)
  set(other "")
  if(eigen_seen)
    set(other " (found only: ${eigen_seen})")
  endif()
  message(FATAL_ERROR "ranvier needs Eigen ${RANVIER_EIGEN_PINNED} and found none${other}: "
                      "run 'pip install cmeel-eigen==${RANVIER_EIGEN_PINNED}', or pass -DRANVIER_EIGEN_DIR=<folder>, "
                      "or accept the system's Eigen 3.4 with -DRANVIER_SYSTEM_EIGEN=ON.")
endif()
message(STATUS "Eigen ${EIGEN_VERSION} in ${EIGEN_INCLUDE_DIR}")
