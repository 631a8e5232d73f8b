// Yardstick of verify_bench.py: parses files of JSON lines with RapidJSON's SAX parser, in situ,
// and does nothing with what it finds. Prints how many lines there were.
//
//   sax_lines FILE...

#include <rapidjson/reader.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t kReadBytes = std::size_t{2} << 20;

// Parses the whole lines at the front of `text` and returns how many bytes they have; counts them.
std::size_t ParseLines(char* text, std::size_t size, unsigned long long* lines) {
  rapidjson::Reader reader;
  rapidjson::BaseReaderHandler<> ignore;
  std::size_t done = 0;
  while (void* const end = std::memchr(text + done, '\n', size - done)) {
    *static_cast<char*>(end) = '\0';
    rapidjson::InsituStringStream line(text + done);
    if (!reader.Parse<rapidjson::kParseInsituFlag>(line, ignore)) return ~std::size_t{0};
    done = static_cast<std::size_t>(static_cast<char*>(end) - text) + 1;
    ++*lines;
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned long long lines = 0;
  std::vector<char> buffer(2 * kReadBytes);
  for (int i = 1; i < argc; ++i) {
    std::FILE* const file = std::fopen(argv[i], "rb");
    if (file == nullptr) {
      std::perror(argv[i]);
      return 1;
    }
    std::setvbuf(file, nullptr, _IONBF, 0);
    std::size_t rest = 0;
    while (const std::size_t got = std::fread(buffer.data() + rest, 1, kReadBytes, file)) {
      const std::size_t done = ParseLines(buffer.data(), rest + got, &lines);
      if (done > rest + got || rest + got - done > kReadBytes) {
        std::fprintf(stderr, "%s: after line %llu: no JSON, or a line that is too long\n", argv[i],
                     lines);
        return 1;
      }
      rest = rest + got - done;
      std::memmove(buffer.data(), buffer.data() + done, rest);
    }
    std::fclose(file);
  }
  std::printf("%llu\n", lines);
}
