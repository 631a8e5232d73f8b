#include "generator/run/version.h"

namespace playload {

std::string_view Version() { return PLAYLOAD_VERSION; }

}  // namespace playload
