# Flags of this project's own code; never passed on to code that embeds it.
# -ffp-contract=off: a fused multiply-add would give other bits on another CPU (design D1).
add_library(playload_flags INTERFACE)
target_compile_features(playload_flags INTERFACE cxx_std_20)
target_compile_options(playload_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -ffp-contract=off -fstack-protector-strong
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # GCC 12 sees overlaps in std::string's own operator+ (GCC bug 105329).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>
  $<$<BOOL:${PLAYLOAD_WERROR}>:-Werror>)

# playload_library(<name> HEADERS ... [SOURCES ...] [DEPS playload::x ...])
# Makes the target playload_<name> and its alias playload::<name>; link only the alias.
# DEPS says which folders this one may include; tests/structure/includes_test.py holds the code to it.
function(playload_library name)
  cmake_parse_arguments(ARG "" "" "HEADERS;SOURCES;DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(playload_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(playload_${name} PRIVATE playload_flags)
  else()
    add_library(playload_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(playload::${name} ALIAS playload_${name})
  target_sources(playload_${name} ${scope} FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_compile_features(playload_${name} ${scope} cxx_std_20)
  target_link_libraries(playload_${name} ${scope} ${ARG_DEPS})
endfunction()

# playload_test(<name> SOURCES ... [DEPS ...]): a doctest program, one ctest entry, label "quick". In
# a release build its own code is compiled with -O1, which takes a third less time than -O3.
function(playload_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_link_libraries(${name} PRIVATE playload_flags playload_doctest_main ${ARG_DEPS})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS quick TIMEOUT 300)
endfunction()
include_directories(${PROJECT_SOURCE_DIR})
