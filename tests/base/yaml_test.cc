#include "generator/base/yaml.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace playload {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

YamlNode Parsed(std::string_view text) {
  Result<YamlNode> node = ParseYaml("f.yaml", text);
  CAPTURE(text);
  if (!node) FAIL(node.error().message());
  return *node;
}

// The message of a text that must be refused.
std::string Refusal(std::string_view text) {
  const Result<YamlNode> node = ParseYaml("f.yaml", text);
  if (node) return "accepted";
  CHECK(node.error().code() == Code::kInvalid);
  for (const char c : node.error().message()) CHECK((c >= ' ' && c <= '~'));
  return node.error().message();
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST_CASE("Yaml: texts, lists and maps, in the order of the file, each with its line") {
  const YamlNode root = Parsed("b: 1\na:\n  - x\n  - {k: v}\n\n# comment\nc: [p, q]\n");
  REQUIRE(root.kind == YamlNode::Kind::kMap);
  REQUIRE(root.map.size() == 3);
  CHECK(root.map[0].first == "b");
  CHECK(root.map[1].first == "a");
  CHECK(root.map[2].first == "c");
  CHECK(root.key_lines == std::vector<int>{1, 2, 7});
  CHECK(root.map[0].second.text == "1");
  const YamlNode& list = root.map[1].second;
  REQUIRE(list.kind == YamlNode::Kind::kList);
  REQUIRE(list.list.size() == 2);
  CHECK(list.list[0].text == "x");
  CHECK(list.list[0].line == 3);
  CHECK(list.list[1].line == 4);
  CHECK(list.list[1].map[0].second.text == "v");
  CHECK(root.map[2].second.line == 7);
}

TEST_CASE("Yaml: values are text, whatever YAML would guess") {
  const YamlNode root = Parsed("a: no\nb: 0x10\nc: 1e3\nd: 2026-01-01\ne: \"x\\ty\"\nf: 'it''s'\n");
  const std::vector<std::string> expected = {"no", "0x10", "1e3", "2026-01-01", "x\ty", "it's"};
  REQUIRE(root.map.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(root.map[i].second.kind == YamlNode::Kind::kText);
    CHECK(root.map[i].second.text == expected[i]);
  }
}

TEST_CASE("Yaml: a missing value is nothing, in the line of its key") {
  const YamlNode root = Parsed("a:\nb: ~\nc: ''\n\n\nd:\n");
  CHECK(root.map[0].second.kind == YamlNode::Kind::kNull);
  CHECK(root.map[0].second.line == 1);
  CHECK(root.map[1].second.kind == YamlNode::Kind::kNull);
  CHECK(root.map[2].second.kind == YamlNode::Kind::kText);
  CHECK(root.map[3].second.line == 6);
}

TEST_CASE("Yaml: a byte order mark and CRLF line ends change nothing") {
  const YamlNode root = Parsed(
      "\xef\xbb\xbf"
      "a: 1\r\nb:\r\n  - x\r\nc: |\r\n  two\r\n  lines\r\n");
  REQUIRE(root.map.size() == 3);
  CHECK(root.map[0].first == "a");
  CHECK(root.map[0].second.text == "1");
  CHECK(root.map[1].second.list[0].text == "x");
  CHECK(root.map[1].second.list[0].line == 3);
  CHECK(root.map[2].second.text == "two\nlines\n");
}

TEST_CASE("Yaml: UTF-8 text stays what it is") {
  CHECK(Parsed("a: \xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xae\n").map[0].second.text ==
        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xae");
}

TEST_CASE("Yaml: anchors and aliases within bounds") {
  const YamlNode root = Parsed("a: &x {k: [1, 2]}\nb: *x\nc: &t text\n*t : d\n");
  CHECK(root.map[1].second.map[0].second.list[1].text == "2");
  CHECK(root.map[3].first == "text");
}

TEST_CASE("Yaml: what is malformed is refused with its line") {
  CHECK(Refusal("a: 1\nb: [1, 2\nc: 3\n").starts_with("f.yaml:3: is not valid YAML: "));
  CHECK(Refusal("a: 1\n  b: 2\n").starts_with("f.yaml:2: is not valid YAML: "));
  CHECK(Refusal("a: *nowhere\n").starts_with("f.yaml:1: is not valid YAML: "));
  CHECK(Refusal("a: b: c\n").starts_with("f.yaml:1: is not valid YAML: "));
  CHECK(Refusal("- a\nb: c\n").find("f.yaml:") == 0);
  CHECK(Refusal("\ta: 1\n") != "accepted");
}

// Where a line end comes before it, yaml-cpp itself would take the end of the file for the closing
// mark.
TEST_CASE("Yaml: a quotation without an end is refused where it begins") {
  for (const char* open :
       {R"("open)", R"('open)", R"("\")", R"('it''s '')", R"("\)", R"(&x 'open)", R"(')", R"(")"}) {
    CAPTURE(open);
    CHECK(Refusal("k: 1\na: " + std::string(open)).starts_with("f.yaml:2: "));
    CHECK(Refusal("k: 1\na: " + std::string(open) + "\n") ==
          "f.yaml:2: a quotation begins here that has no end");
  }
  for (const char* closed :
       {R"("")", R"('')", R"('it''s')", R"("\"")", R"("\\")", R"(&x 'a'  # it's)", R"('''')"}) {
    CAPTURE(closed);
    CHECK(Refusal("k: 1\na: " + std::string(closed)) == "accepted");
  }
}

TEST_CASE("Yaml: an empty file is refused") {
  CHECK(Refusal("") == "f.yaml:1: the file is empty");
  CHECK(Refusal("# only a comment\n\n") == "f.yaml:1: the file is empty");
  CHECK(Refusal("\xef\xbb\xbf") == "f.yaml:1: the file is empty");
}

TEST_CASE("Yaml: more than one document is refused") {
  CHECK(Refusal("a: 1\n---\nb: 2\n").starts_with("f.yaml:"));
  CHECK(Refusal("a: 1\n---\nb: 2\n").find("second document") != std::string::npos);
  CHECK(Refusal("--- \na: 1\n...\n") == "accepted");
}

TEST_CASE("Yaml: a duplicate key is refused, with both lines") {
  CHECK(Refusal("a: 1\nb: 2\na: 3\n") ==
        "f.yaml:3: the key 'a' is here a second time; the first is in line 1");
  CHECK(Refusal("x:\n  - {k: 1, k: 2}\n") ==
        "f.yaml:2: the key 'k' is here a second time; the first is in line 2");
  CHECK(Refusal("a: {k: 1}\nb: {k: 1}\n") == "accepted");
}

TEST_CASE("Yaml: tags and keys that are no text are refused") {
  CHECK(Refusal("a: !!int 5\n").find("tags are not used here") != std::string::npos);
  CHECK(Refusal("a: !mine {b: 1}\n").starts_with("f.yaml:1: has the tag"));
  CHECK(Refusal("{a: b}: c\n") == "f.yaml:1: a key must be text, not a list or map");
  CHECK(Refusal("a: 1\n? [x]\n: c\n") == "f.yaml:2: a key must be text, not a list or map");
  CHECK(Refusal("~: c\n") == "f.yaml:1: a key must be text");
}

// It would be a key like others, and what it stands for elsewhere would be lost in silence.
TEST_CASE("Yaml: merge keys are refused") {
  CHECK(Refusal("a: &x {b: 1}\nc: {<<: *x, d: 2}\n") ==
        "f.yaml:2: maps are not merged here; write '<<' out");
  CHECK(Refusal("a: <<\nb: [<<]\n") == "accepted");
}

TEST_CASE("Yaml: nesting up to 32 levels, in either style") {
  const auto flow = [](std::size_t depth) {
    return "a: " + Repeated("[", depth - 1) + Repeated("]", depth - 1) + "\n";
  };
  const auto block = [](std::size_t depth) {
    std::string text;
    for (std::size_t i = 0; i < depth; ++i) text += std::string(i, ' ') + "a:\n";
    return text;
  };
  CHECK(Refusal(flow(32)) == "accepted");
  CHECK(Refusal(flow(33)) == "f.yaml:1: nested deeper than 32 levels");
  CHECK(Refusal(block(32)) == "accepted");
  CHECK(Refusal(block(33)) == "f.yaml:33: nested deeper than 32 levels");
  CHECK(Refusal(flow(1'000)) == "f.yaml:1: nested deeper than 32 levels");
  CHECK(Refusal("a: " + Repeated("[", 100'000)) != "accepted");
  CHECK(Refusal(Repeated("- ", 100'000)) == "f.yaml:1: nested deeper than 32 levels");
  // An alias must not carry a deep tree below the bound either.
  CHECK(Refusal("a: &x " + Repeated("[", 20) + Repeated("]", 20) + "\nb: " + Repeated("[", 15) +
                "*x" + Repeated("]", 15)) == "f.yaml:2: nested deeper than 32 levels");
}

TEST_CASE("Yaml: an alias bomb is stopped while it is read") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 9; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  const std::string refusal = Refusal(bomb);
  CHECK(refusal.starts_with("f.yaml:4: anchors and aliases expand to more than 10,000 values"));
}

TEST_CASE("Yaml: aliases of one long text are bounded by its bytes") {
  std::string text = "a: &a " + std::string(200'000, 'x') + "\nb: [";
  text += Repeated("*a, ", 20) + "]\n";
  CHECK(Refusal(text).starts_with("f.yaml:2: anchors and aliases expand to more than"));
}

TEST_CASE("Yaml: an alias inside its own anchor is refused") {
  CHECK(Refusal("a: &x [*x]\n") == "f.yaml:1: an alias stands inside its own anchor");
}

TEST_CASE("Yaml: more values than any file of ours has are refused") {
  CHECK(Refusal("[" + Repeated("a,", 99'998) + "]") == "accepted");
  CHECK(Refusal("[" + Repeated("a,", 100'000) + "]") ==
        "f.yaml:1: more than 100,000 values in one file");
}

TEST_CASE("Yaml: size, control characters and encoding are checked before parsing") {
  CHECK(Refusal(std::string((1 << 20) + 1, '#')) ==
        "f.yaml: larger than 1 MiB; files of playload are small");
  CHECK(Refusal(std::string_view("a: 1\nb: \0x\n", 11)) ==
        "f.yaml:2: is binary (a control character); must be a text file");
  CHECK(Refusal("a: \x04\n").starts_with("f.yaml:1: is binary"));
  CHECK(Refusal("a: \x7f\n").starts_with("f.yaml:1: is binary"));
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80"}) {
    CHECK(Refusal("a: 1\nb: " + std::string(bad) + "\n") == "f.yaml:2: is not UTF-8 text");
  }
}

// Every prefix of a valid file either parses or is refused; none crashes.
TEST_CASE("Yaml: a file that is cut off anywhere does no harm") {
  const std::string text =
      "persona: &p \"x\\u00e9\"\nlist:\n  - {a: [1, 'b'], c: *p}\n  - |\n    text\nmap: {k: v}\n";
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const Result<YamlNode> node = ParseYaml("f.yaml", text.substr(0, length));
    if (!node) CHECK(node.error().message().starts_with("f.yaml:"));
  }
}

// A megabyte of any one token must not take long or much; the test's time limit judges.
TEST_CASE("Yaml: a megabyte of nonsense is refused or read in passing") {
  for (const char* token :
       {"[",   "{",    "- ",    "? ",      "a: ",  "&a ",  "*a ",   "!",           "\"",
        "'",   "|\n",  "> \n",  "#",       "%",    ",",    ":",     "\n",          " ",
        "a\n", "a:\n", "- a\n", "{a: b, ", "[ ? ", "a: [", "---\n", "%YAML 1.2\n", "&a a: \n"}) {
    CAPTURE(token);
    const std::string refusal = Refusal(Repeated(token, (1 << 20) / std::string(token).size()));
    CHECK_FALSE(refusal.empty());
  }
}

// What YamlFields says of `text` when asked for the fields below.
std::string FieldsRefusal(std::string_view text) {
  const YamlNode root = Parsed(text);
  std::string name;
  std::int64_t count = 0;
  double shape = 0;
  bool on = false;
  std::int64_t parts = 0;
  std::int64_t ns = 0;
  std::int64_t rate = 0;
  YamlFields fields("f.yaml", root, "thing");
  fields.Text("name", &name, true);
  fields.Integer("count", 1, 10, &count);
  fields.Real("shape", 0.5, 2, &shape);
  fields.Boolean("on", &on);
  fields.Share("share", &parts);
  fields.Duration("time", kSecond, 60 * kSecond, &ns);
  fields.Rate("rate", &rate);
  const Status status = fields.Finish();
  CHECK(status.ok() == fields.ok());
  return status.message();
}

TEST_CASE("YamlFields: reads each type exactly") {
  const YamlNode root = Parsed(
      "name: no\ncount: 10\nshape: 1.25\non: true\nshare: 0.123456789\ntime: 1.5s\nrate: 20k\n");
  std::string name;
  std::int64_t count = 0;
  double shape = 0;
  bool on = false;
  std::int64_t parts = 0;
  std::int64_t ns = 0;
  std::int64_t rate = 0;
  std::int64_t untouched = 77;
  YamlFields fields("f.yaml", root, "thing");
  fields.Text("name", &name, true);
  fields.Integer("count", 1, 10, &count);
  fields.Real("shape", 0.5, 2, &shape);
  fields.Boolean("on", &on);
  fields.Share("share", &parts);
  fields.Duration("time", 0, 60 * kSecond, &ns);
  fields.Rate("rate", &rate);
  fields.Integer("absent", 0, 100, &untouched);
  CHECK(fields.Node("absent") == nullptr);
  CHECK(fields.Finish().ok());
  CHECK(name == "no");
  CHECK(count == 10);
  CHECK(shape == 1.25);
  CHECK(on);
  CHECK(parts == 123'456'789);
  CHECK(ns == 3 * kSecond / 2);
  CHECK(rate == 20'000'000);
  CHECK(untouched == 77);
}

TEST_CASE("YamlFields: shares are exact decimals from 0 to 1") {
  const auto share = [](const std::string& text) {
    const YamlNode root = Parsed("p: " + text + "\n");
    std::int64_t parts = -1;
    YamlFields fields("f.yaml", root, "thing");
    fields.Share("p", &parts, true);
    return fields.Finish().ok() ? parts : -1;
  };
  CHECK(share("0") == 0);
  CHECK(share("1") == 1'000'000'000);
  CHECK(share("1.0") == 1'000'000'000);
  CHECK(share("0.1") == 100'000'000);
  CHECK(share("0.000000001") == 1);
  CHECK(share("0.999999999") == 999'999'999);
  for (const char* text : {"-0.1", "1.1", "2", "nan", "inf", ".5", "0.", "1e-3", "0.0000000001",
                           "1.000000001", "10 %", "50%", "0,5", "0.5x", "''", "[0.5]"}) {
    CAPTURE(text);
    CHECK(share(text) == -1);
  }
}

TEST_CASE("YamlFields: wrong types and values say what would be right") {
  CHECK(FieldsRefusal("name: [a]\n") == "f.yaml:1: 'name' must be a single value, not a list");
  CHECK(FieldsRefusal("name: {a: b}\n") == "f.yaml:1: 'name' must be a single value, not a map");
  CHECK(FieldsRefusal("name:\n") == "f.yaml:1: 'name' must be a single value, not nothing");
  CHECK(FieldsRefusal("name: x\ncount: 11\n") ==
        "f.yaml:2: 'count' must be a whole number from 1 to 10, not '11'");
  for (const char* text : {"ten", "1.5", "-1", "99999999999999999999", "+5", "1e1", "''"}) {
    CHECK(FieldsRefusal("name: x\ncount: " + std::string(text) + "\n")
              .starts_with("f.yaml:2: 'count' must be a whole number"));
  }
  CHECK(FieldsRefusal("name: x\nshape: 2.5\n") ==
        "f.yaml:2: 'shape' must be a number from 0.5 to 2, not '2.5'");
  for (const char* text :
       {"nan", "NaN", ".nan", "inf", "-inf", ".inf", "0x1p0", "1e999", "one", "''"}) {
    CHECK(FieldsRefusal("name: x\nshape: " + std::string(text) + "\n")
              .starts_with("f.yaml:2: 'shape' must be a number"));
  }
  CHECK(FieldsRefusal("name: x\non: yes\n") == "f.yaml:2: 'on' must be true or false, not 'yes'");
  CHECK(FieldsRefusal("name: x\ntime: 61s\n") ==
        "f.yaml:2: 'time' must be from 1s to 1m, not '61s'");
  CHECK(FieldsRefusal("name: x\ntime: 5\n") ==
        "f.yaml:2: 'time': duration '5' has no unit; write ms, s, m, h or d behind the number");
  CHECK(FieldsRefusal("name: x\nrate: -5\n").starts_with("f.yaml:2: 'rate': rate '-5' is not"));
  CHECK(FieldsRefusal("name: x\nshare: 1.5\n").starts_with("f.yaml:2: 'share' must be a decimal"));
}

TEST_CASE("YamlFields: an unknown key names the nearest one, at the key's own line") {
  CHECK(FieldsRefusal("name: x\n\ncuont: 3\n") ==
        "f.yaml:3: thing has no key 'cuont'; did you mean 'count'?");
  CHECK(FieldsRefusal("name: x\nzzzzzzzz: 3\n") ==
        "f.yaml:2: thing has no key 'zzzzzzzz'; valid: name, count, shape, on, share, time, rate");
}

TEST_CASE("YamlFields: a missing key, and one that was only misspelt") {
  CHECK(FieldsRefusal("count: 3\n") == "f.yaml:1: thing needs the key 'name'");
  CHECK(FieldsRefusal("count: 3\nnmae: x\n") ==
        "f.yaml:2: thing has no key 'nmae'; did you mean 'name'?");
}

TEST_CASE("YamlFields: only a map has fields") {
  CHECK(FieldsRefusal("- a\n") == "f.yaml:1: thing must be a map of keys and values, not a list");
  CHECK(FieldsRefusal("text\n") ==
        "f.yaml:1: thing must be a map of keys and values, not a single value");
}

TEST_CASE("YamlFields: the first error stays") {
  CHECK(FieldsRefusal("name: [a]\ncount: 99\nunknown: 1\n").starts_with("f.yaml:1: 'name'"));
  const YamlNode root = Parsed("a: 1\n");
  YamlFields fields("f.yaml", root, "thing");
  fields.Fail(root, "first");
  fields.Fail(root, "second");
  CHECK(fields.Node("a") == nullptr);
  CHECK(fields.Finish().message() == "f.yaml:1: first");
}

}  // namespace
}  // namespace playload
