#include "generator/base/scratch_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <utility>

namespace playload {

namespace fs = std::filesystem;

TEST_CASE("Scratch folder: removed with what is in it, by its last owner") {
  fs::path path;
  {
    Result<ScratchFolder> outer = ScratchFolder::MakeInMemory();
    REQUIRE(outer.has_value());
    Result<ScratchFolder> made = ScratchFolder::MakeIn(outer->path());
    REQUIRE(made.has_value());
    path = made->path();
    CHECK(path.filename().string().starts_with("playload-bench-"));
    fs::create_directories(path / "deep" / "er");
    std::ofstream(path / "deep" / "file") << "x";
    {
      const ScratchFolder moved = std::move(*made);
      CHECK(fs::exists(path / "deep" / "file"));
    }
    CHECK_FALSE(fs::exists(path));
    path = outer->path();
    CHECK(fs::is_directory(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("Scratch folder: where none can be made") {
  const Result<ScratchFolder> none = ScratchFolder::MakeIn("no/such/folder");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code() == Code::kInvalid);
  CHECK(none.error().message().find("no/such/folder") != std::string::npos);
}

}  // namespace playload
