# One extension module per level: the engine's objects of that level, what all levels share, and the bindings, exporting nothing but the entry point, so that
# nothing in the process can be bound to another level's code.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT DEFINED SKBUILD)
  execute_process(COMMAND "${Python_EXECUTABLE}" -m pybind11 --cmakedir
                  OUTPUT_VARIABLE pybind11_hint OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
find_package(pybind11 3.1 CONFIG REQUIRED HINTS "${pybind11_hint}")

file(GLOB binding_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cpp/bindings/*.cpp")
set(exports "${CMAKE_CURRENT_SOURCE_DIR}/cmake/exports.map")
add_custom_target(ranvier_modules)

# Only the file with the entry point knows its level; the others are compiled once.
list(GET levels 0 lowest)
set(entry "${CMAKE_CURRENT_SOURCE_DIR}/cpp/bindings/module.cpp")
list(REMOVE_ITEM binding_sources "${entry}")
add_library(ranvier_bindings OBJECT ${binding_sources})
target_link_libraries(ranvier_bindings PRIVATE ranvier_options_${lowest} pybind11::module)
# The bindings only pass pointers on: -O2 halves their compile time and costs nothing measurable.
target_compile_options(ranvier_bindings PRIVATE $<$<CONFIG:Release>:-O2>)

foreach(level IN LISTS levels)
  set(module _core_${level})
  pybind11_add_module(${module} MODULE NO_EXTRAS "${entry}")
  target_link_libraries(${module} PRIVATE ranvier_options_${level} ranvier_engine_${level} ranvier_common
                                          ranvier_bindings)
  target_compile_definitions(${module} PRIVATE RANVIER_MODULE_NAME=${module})
  if(APPLE)
    target_link_options(${module} PRIVATE -Wl,-dead_strip -Wl,-exported_symbol,_PyInit_${module})
  else()
    target_link_options(${module} PRIVATE -Wl,--gc-sections -Wl,--version-script=${exports})
    set_property(TARGET ${module} APPEND PROPERTY LINK_DEPENDS "${exports}")
  endif()
  add_dependencies(ranvier_modules ${module})
  install(TARGETS ${module} LIBRARY DESTINATION ranvier COMPONENT python)
endforeach()
