#include "transports/http/pages.h"

#include <openssl/evp.h>

#include <array>
#include <string>
#include <string_view>

#include "transports/http/page_files.h"

namespace playload {

namespace {

// "'sha256-...'", by which a policy allows one inline text and no other.
std::string HashSource(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::array<unsigned char, 4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1> base64{};
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(size));
  std::string source = "'sha256-";
  for (int i = 0; i < length; ++i) source += static_cast<char>(base64[static_cast<std::size_t>(i)]);
  return source + "'";
}

struct Index {
  std::string html;
  std::string policy;
};

Index MakeIndex() {
  // With the line breaks around them, for the hash is of all that stands between the tags.
  const std::string style = "\n" + std::string(PageFile("style"));
  const std::string script = "\n" + std::string(PageFile("page"));
  Index index;
  index.html = PageFile("index");
  FillIn("{{style}}", style, &index.html);
  FillIn("{{script}}", script, &index.html);
  index.policy = "default-src 'none'; script-src " + HashSource(script) + "; style-src " +
                 HashSource(style) +
                 "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                 "frame-ancestors 'none'";
  return index;
}

}  // namespace

Response IndexPage(const HttpSettings& settings) {
  static const Index kIndex = MakeIndex();  // constant, whatever the settings
  Response response;
  response.type = "text/html; charset=utf-8";
  response.body = kIndex.html;
  FillIn("{{token}}", settings.token.empty() ? "no" : "yes", &response.body);
  response.headers = {{"Content-Security-Policy", kIndex.policy},
                      {"Referrer-Policy", "no-referrer"}};
  return response;
}

Response HealthPage() {
  Response response;
  response.type = "text/plain; charset=utf-8";
  response.body = "ok\n";
  return response;
}

Response ReadyPage(const ServerStatus& status) {
  if (!status.begun) {
    Response refusal = ErrorResponse(503, "", "the run has not begun");
    refusal.headers.emplace_back("Retry-After", "1");
    return refusal;
  }
  Response response;
  response.type = "text/plain; charset=utf-8";
  response.body = "ready\n";
  return response;
}

}  // namespace playload
