#include "transports/file/system.h"

#include <cerrno>

namespace playload {

Code CodeOfCreation(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
      return Code::kDestination;
    default:
      return Code::kInvalid;
  }
}

}  // namespace playload
