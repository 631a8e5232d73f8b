#include "generator/cli/commands.h"
#include "generator/cli/memory.h"
#include "generator/cli/perform.h"
#include "generator/cli/run_setup.h"

namespace playload {

Status ServeCommand(const Flags& flags, const Invocation& invocation) {
  const Result<RunSetup> setup = ReadRunSetup(flags, invocation.environment, SetupOf::kServe);
  if (!setup) return setup.error();
  if (Status s = CheckMemory(*setup); !s.ok()) return s;
  return Perform(*setup);
}

}  // namespace playload
