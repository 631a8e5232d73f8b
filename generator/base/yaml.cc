#include "generator/base/yaml.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>

#include "generator/base/text.h"

namespace playload {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostDepth = 32;
constexpr std::size_t kMostNodes = 100'000;       // written in the file
constexpr std::size_t kMostAliasNodes = 10'000;   // copied for anchors and aliases
constexpr std::size_t kMostAliasBytes = 1 << 20;  // of text in those copies

std::string At(const std::string& file, int line) {
  return file + ":" + std::to_string(line) + ": ";
}

// The length of the UTF-8 sequence that begins at text[i], 0 where there is none. Overlong forms,
// surrogates and what is past U+10FFFF are none.
std::size_t Utf8Length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  const unsigned lead = byte(i);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) length = 2;
  if (lead >= 0xe0 && lead <= 0xef) length = 3;
  if (lead >= 0xf0 && lead <= 0xf4) length = 4;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(i + 1);
  if (lead == 0xe0 && second < 0xa0) return 0;
  if (lead == 0xed && second > 0x9f) return 0;
  if (lead == 0xf0 && second < 0x90) return 0;
  if (lead == 0xf4 && second > 0x8f) return 0;
  return length;
}

// Text is UTF-8 without control characters but tab and line ends. (yaml-cpp takes 0x04 for the end
// of the file, so such a byte must never reach it.)
Status CheckText(const std::string& file, std::string_view text) {
  if (text.size() > kMostBytes) {
    return Invalid(file + ": larger than 1 MiB; files of playload are small");
  }
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n') ++line;
    if ((c >= 0 && c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
      return Invalid(At(file, line) + "is binary (a control character); must be a text file");
    }
    const std::size_t length = Utf8Length(text, i);
    if (length == 0) return Invalid(At(file, line) + "is not UTF-8 text");
    i += length;
  }
  return {};
}

// Thrown through yaml-cpp, which has no other way to stop; never leaves ParseYaml.
struct Refusal {
  int line;
  std::string message;
};

// Builds the tree from the parser's events, so that depth and size are bounded while it is read and
// nothing that is too deep or too large ever exists as a whole.
class Builder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) Refuse(mark, "a second document begins; a file holds one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Leaf(mark, anchor, YamlNode::Kind::kNull, "");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseTag(mark, tag);
    if (tag == "!") last_quoted_ = mark;
    if (AtKey() && value == "<<") Refuse(mark, "maps are not merged here; write '<<' out");
    Leaf(mark, anchor, YamlNode::Kind::kText, value);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) Refuse(mark, "an alias stands inside its own anchor");
    if (open_.size() + found->second.depth > kMostDepth) RefuseDepth(mark);
    CountCopy(mark, found->second);
    Add(mark, YamlNode(found->second.node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override {
    RefuseDuplicates(open_.back().node);
    Close();
  }

  // yaml-cpp takes the end of the file for the end of a quotation too; only the last one can be
  // such.
  void RefuseOpenQuotation(std::string_view text) const {
    if (!last_quoted_) return;
    // The mark stands at the quotation or at an anchor before it.
    std::size_t i = text.find_first_of("'\"", static_cast<std::size_t>(last_quoted_->pos));
    if (i == std::string_view::npos) return;
    const char quote = text[i];
    for (++i; i < text.size(); ++i) {
      if (text[i] == '\\' && quote == '"') {
        ++i;
      } else if (text[i] == quote) {
        if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return;
        ++i;  // '' stands for one
      }
    }
    Refuse(*last_quoted_, "a quotation begins here that has no end");
  }

  [[nodiscard]] bool empty() const { return documents_ == 0; }
  YamlNode TakeRoot() { return std::move(root_); }

 private:
  // A list or map whose end has not come yet.
  struct OpenNode {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<std::string> key;  // read, its value not yet
    int key_line = 0;
  };
  // A finished node that has an anchor.
  struct Anchored {
    YamlNode node;
    std::size_t nodes = 0, bytes = 0, depth = 0;
  };

  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& message) {
    throw Refusal{mark.line + 1, message};
  }
  [[noreturn]] static void RefuseDepth(const YAML::Mark& mark) {
    Refuse(mark, "nested deeper than " + std::to_string(kMostDepth) + " levels");
  }
  static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    // "?" and "!" are yaml-cpp's marks for plain and quoted text.
    if (!tag.empty() && tag != "?" && tag != "!") {
      Refuse(mark, "has the tag " + Quoted(tag) + "; tags are not used here");
    }
  }
  static void RefuseDuplicates(const YamlNode& node) {
    std::vector<std::size_t> order(node.map.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const int compared = node.map[a].first.compare(node.map[b].first);
      return compared != 0 ? compared < 0 : a < b;
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const std::string& key = node.map[order[i]].first;
      if (node.map[order[i - 1]].first != key) continue;
      throw Refusal{node.key_lines[order[i]], "the key " + Quoted(key) +
                                                  " is here a second time; the first is in line " +
                                                  std::to_string(node.key_lines[order[i - 1]])};
    }
  }

  void CountNode(const YAML::Mark& mark) {
    if (++nodes_ > kMostNodes) {
      Refuse(mark, "more than " + FormatCount(kMostNodes) + " values in one file");
    }
  }
  void CountCopy(const YAML::Mark& mark, const Anchored& anchored) {
    copied_nodes_ += anchored.nodes;
    copied_bytes_ += anchored.bytes;
    if (copied_nodes_ > kMostAliasNodes || copied_bytes_ > kMostAliasBytes) {
      Refuse(mark, "anchors and aliases expand to more than " + FormatCount(kMostAliasNodes) +
                       " values or 1 MiB; write the file with fewer of them");
    }
  }

  static void Measure(const YamlNode& node, std::size_t depth, Anchored* sum) {
    ++sum->nodes;
    sum->bytes += node.text.size();
    sum->depth = std::max(sum->depth, depth);
    for (const YamlNode& item : node.list) Measure(item, depth + 1, sum);
    for (const auto& [key, value] : node.map) {
      sum->bytes += key.size();
      Measure(value, depth + 1, sum);
    }
  }

  void Leaf(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind,
            const std::string& text) {
    CountNode(mark);
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.text = text;
    Remember(mark, anchor, node);
    Add(mark, std::move(node));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    RefuseTag(mark, tag);
    CountNode(mark);
    if (open_.size() >= kMostDepth) RefuseDepth(mark);
    if (AtKey()) Refuse(mark, "a key must be text, not a list or map");
    OpenNode open;
    open.node.kind = kind;
    open.node.line = mark.line + 1;
    open.anchor = anchor;
    open.mark = mark;
    open_.push_back(std::move(open));
  }

  void Close() {
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Remember(closed.mark, closed.anchor, closed.node);
    Add(closed.mark, std::move(closed.node));
  }

  void Remember(const YAML::Mark& mark, YAML::anchor_t anchor, const YamlNode& node) {
    if (anchor == 0) return;
    Anchored anchored;
    Measure(node, 0, &anchored);
    CountCopy(mark, anchored);
    anchored.node = node;
    anchors_.insert_or_assign(anchor, std::move(anchored));
  }

  [[nodiscard]] bool AtKey() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().key;
  }

  // Puts a finished node into the list or map that is open around it.
  void Add(const YAML::Mark& mark, YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& open = open_.back();
    if (open.node.kind == YamlNode::Kind::kList) {
      open.node.list.push_back(std::move(node));
    } else if (!open.key) {
      if (node.kind != YamlNode::Kind::kText) Refuse(mark, "a key must be text");
      open.key = std::move(node.text);
      open.key_line = mark.line + 1;
    } else {
      // The parser marks a value that is not there at whatever comes next.
      if (node.kind == YamlNode::Kind::kNull) node.line = open.key_line;
      open.node.map.emplace_back(std::move(*open.key), std::move(node));
      open.node.key_lines.push_back(open.key_line);
      open.key.reset();
    }
  }

  YamlNode root_;
  std::vector<OpenNode> open_;  // from the root inwards
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::optional<YAML::Mark> last_quoted_;
  std::size_t documents_ = 0, nodes_ = 0, copied_nodes_ = 0, copied_bytes_ = 0;
};

const char* KindName(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kText:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
  }
  return "";
}

std::string Real(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

// A decimal number in the usual forms; not "nan", "inf" or hexadecimal.
bool ParseReal(std::string_view text, double* out) {
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

// "0.25" as parts of 10^9, exactly; -1 if it is not a decimal from 0 to 1 with at most 9 places.
std::int64_t ParseParts(std::string_view text) {
  constexpr std::int64_t kWhole = 1'000'000'000;
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return -1;
  std::int64_t parts = (text[0] - '0') * kWhole;
  if (text.size() > 1) {
    if (text[1] != '.' || text.size() < 3 || text.size() > 11) return -1;
    std::int64_t place = kWhole;
    for (const char c : text.substr(2)) {
      if (c < '0' || c > '9') return -1;
      place /= 10;
      parts += (c - '0') * place;
    }
  }
  return parts <= kWhole ? parts : -1;
}

}  // namespace

YamlNode::YamlNode() = default;
YamlNode::YamlNode(const YamlNode& other) = default;
YamlNode::YamlNode(YamlNode&& other) noexcept = default;
YamlNode& YamlNode::operator=(const YamlNode& other) = default;
YamlNode& YamlNode::operator=(YamlNode&& other) noexcept = default;
YamlNode::~YamlNode() = default;

Result<std::string> ReadTextFile(const std::string& path) {
  const auto wrong = [&](const std::string& what) { return Invalid(path + ": " + what); };
  const auto unreadable = [&] {
    return wrong(std::string("cannot be read: ") + std::strerror(errno));
  };
  // Non-blocking: opening a FIFO that nobody writes to would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return unreadable();
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{fd};

  struct stat status {};
  if (::fstat(fd, &status) != 0) return unreadable();
  if (S_ISDIR(status.st_mode)) return wrong("is a folder; must be a text file");
  if (!S_ISREG(status.st_mode)) return wrong("is not a regular file");

  // The size is no promise (a file in /proc says 0), so reading itself stops one byte past the
  // limit.
  std::string text;
  char buffer[16'384];
  while (text.size() <= kMostBytes) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable();
    if (got == 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  if (Status checked = CheckText(path, text); !checked.ok()) return checked;
  return text;
}

Result<YamlNode> ParseYaml(const std::string& file, std::string_view text) {
  if (Status checked = CheckText(file, text); !checked.ok()) return checked;
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  std::string lines;
  lines.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool before_line_end = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (!before_line_end) lines += text[i];
  }

  std::istringstream in(lines);
  Builder builder;
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
    builder.RefuseOpenQuotation(lines);
  } catch (const Refusal& refusal) {
    return Invalid(At(file, refusal.line) + refusal.message);
  } catch (const YAML::Exception& error) {
    std::string message = error.msg;  // may name a byte that nobody can read
    for (char& c : message) c = c >= ' ' && c <= '~' ? c : '?';
    return Invalid(At(file, std::max(0, error.mark.line) + 1) + "is not valid YAML: " + message);
  }
  if (builder.empty()) return Invalid(At(file, 1) + "the file is empty");
  return builder.TakeRoot();
}

YamlFields::YamlFields(std::string file, const YamlNode& node, std::string what)
    : file_(std::move(file)), node_(&node), what_(std::move(what)) {
  if (node.kind != YamlNode::Kind::kMap) {
    Fail(node, what_ + " must be a map of keys and values, not " + KindName(node));
  }
}

const YamlNode* YamlFields::Node(std::string_view key, bool required) {
  if (!ok()) return nullptr;
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  for (const auto& [name, value] : node_->map) {
    if (name == key) return &value;
  }
  if (!required) return nullptr;
  // A misspelt key that is there helps more than the right one that is not.
  for (std::size_t i = 0; i < node_->map.size(); ++i) {
    const std::string& name = node_->map[i].first;
    const bool asked = std::find(known_.begin(), known_.end(), name) != known_.end();
    if (asked || Nearest(name, {std::string(key)}).empty()) continue;
    status_ = Invalid(At(file_, node_->key_lines[i]) + what_ + " has no key " + Quoted(name) +
                      "; did you mean " + Quoted(key) + "?");
    return nullptr;
  }
  Fail(*node_, what_ + " needs the key " + Quoted(key));
  return nullptr;
}

const YamlNode* YamlFields::TextNode(std::string_view key, bool required) {
  const YamlNode* node = Node(key, required);
  if (node == nullptr || node->kind == YamlNode::Kind::kText) return node;
  Fail(*node, Quoted(key) + " must be a single value, not " + KindName(*node));
  return nullptr;
}

void YamlFields::Text(std::string_view key, std::string* out, bool required) {
  if (const YamlNode* node = TextNode(key, required)) *out = node->text;
}

void YamlFields::Integer(std::string_view key, std::int64_t min, std::int64_t max,
                         std::int64_t* out, bool required) {
  const YamlNode* node = TextNode(key, required);
  if (node == nullptr) return;
  std::int64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto [stop, error] = std::from_chars(node->text.data(), end, value);
  if (error != std::errc() || stop != end || value < min || value > max) {
    Fail(*node, Quoted(key) + " must be a whole number from " + std::to_string(min) + " to " +
                    std::to_string(max) + ", not " + Quoted(node->text));
    return;
  }
  *out = value;
}

void YamlFields::Real(std::string_view key, double min, double max, double* out, bool required) {
  const YamlNode* node = TextNode(key, required);
  if (node == nullptr) return;
  double value = 0;
  if (!ParseReal(node->text, &value) || value < min || value > max) {
    Fail(*node, Quoted(key) + " must be a number from " + playload::Real(min) + " to " +
                    playload::Real(max) + ", not " + Quoted(node->text));
    return;
  }
  *out = value;
}

void YamlFields::Boolean(std::string_view key, bool* out) {
  const YamlNode* node = TextNode(key, false);
  if (node == nullptr) return;
  if (node->text != "true" && node->text != "false") {
    Fail(*node, Quoted(key) + " must be true or false, not " + Quoted(node->text));
    return;
  }
  *out = node->text == "true";
}

void YamlFields::Share(std::string_view key, std::int64_t* parts, bool required) {
  const YamlNode* node = TextNode(key, required);
  if (node == nullptr) return;
  const std::int64_t value = ParseParts(node->text);
  if (value < 0) {
    Fail(*node, Quoted(key) +
                    " must be a decimal from 0 to 1 with at most 9 places, such as 0.25, not " +
                    Quoted(node->text));
    return;
  }
  *parts = value;
}

void YamlFields::Duration(std::string_view key, std::int64_t min_ns, std::int64_t max_ns,
                          std::int64_t* ns, bool required) {
  const YamlNode* node = TextNode(key, required);
  if (node == nullptr) return;
  const Result<std::int64_t> value = ParseDuration(node->text);
  if (!value) {
    Fail(*node, Quoted(key) + ": " + value.error().message());
  } else if (*value < min_ns || *value > max_ns) {
    Fail(*node, Quoted(key) + " must be from " + FormatDuration(min_ns) + " to " +
                    FormatDuration(max_ns) + ", not " + Quoted(node->text));
  } else {
    *ns = *value;
  }
}

void YamlFields::Rate(std::string_view key, std::int64_t* milli_rate, bool required) {
  const YamlNode* node = TextNode(key, required);
  if (node == nullptr) return;
  const Result<std::int64_t> value = ParseRate(node->text);
  if (!value) {
    Fail(*node, Quoted(key) + ": " + value.error().message());
  } else {
    *milli_rate = *value;
  }
}

void YamlFields::Fail(const YamlNode& at, const std::string& message) {
  if (ok()) status_ = Invalid(At(file_, at.line) + message);
}

Status YamlFields::Finish() {
  for (std::size_t i = 0; ok() && i < node_->map.size(); ++i) {
    const std::string& name = node_->map[i].first;
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    status_ = Invalid(At(file_, node_->key_lines[i]) + what_ + " has no key " + Quoted(name) +
                      DidYouMean(name, known_));
  }
  return status_;
}

}  // namespace playload
