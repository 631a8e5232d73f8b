# Every outside library, as Debian 12 ships it; docs/dependencies.md says why each is here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(rdkafka REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(rapidjson REQUIRED IMPORTED_TARGET RapidJSON)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(xxhash REQUIRED libxxhash)  # headers alone
find_package(cxxopts REQUIRED)
if(PLAYLOAD_BUILD_TESTS)
  find_package(doctest REQUIRED)
endif()
if(PLAYLOAD_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()

# Embeds text files into a library: playload_embed(<target> <symbol> <folder> [<glob>...]) makes
# <symbol>.cc with `const EmbeddedFile <symbol>[]`, so that the binary works from any folder. Without
# a glob: *.yaml.
function(playload_embed target symbol folder)
  set(globs ${ARGN})
  if(NOT globs)
    set(globs *.yaml)
  endif()
  list(TRANSFORM globs PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/)
  file(GLOB files CONFIGURE_DEPENDS ${globs})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cc)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSYMBOL=${symbol} "-DFILES=${files}"
            -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${files} ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
