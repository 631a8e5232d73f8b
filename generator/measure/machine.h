// What is known of the machine a measurement is made on, and what else it did meanwhile.
//
// What cannot be found out (no /proc, another system) is absent, never 0.
// Threads: any. Units: ns; shares from 0 to 1.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace playload {

struct MachineFacts {
  std::string cpu;                  // "" where the system does not say
  int cores = 1;                    // that this process may run on
  std::optional<double> cpu_quota;  // cores' worth that the container allows, where that is less
  std::uint64_t memory_bytes = 0;
  std::string kernel;                  // "Linux 6.1.0-18-amd64 x86_64"
  std::optional<double> load_average;  // of the last minute, before anything was measured
};
MachineFacts ReadMachineFacts();

// CPU time of all cores of the machine between two instants.
struct MachineLoad {
  std::int64_t all_ns = 0;     // cores times seconds, as far as the system counts it; 0: unknown
  std::int64_t others_ns = 0;  // taken by other processes and the kernel's own
  std::int64_t stolen_ns = 0;  // taken by other virtual machines

  void Add(const MachineLoad& other) {
    all_ns += other.all_ns;
    others_ns += other.others_ns;
    stolen_ns += other.stolen_ns;
  }
  [[nodiscard]] std::optional<double> others() const { return Share(others_ns); }
  [[nodiscard]] std::optional<double> stolen() const { return Share(stolen_ns); }

 private:
  [[nodiscard]] std::optional<double> Share(std::int64_t ns) const {
    if (all_ns <= 0) return std::nullopt;
    return static_cast<double>(ns) / static_cast<double>(all_ns);
  }
};

// From its making on. The system counts in ticks of some ms, so a share of a tenth of a second is
// rough.
class LoadWatch {
 public:
  LoadWatch();
  [[nodiscard]] MachineLoad SoFar() const;

 private:
  struct Ticks {
    std::uint64_t all = 0, busy = 0, stolen = 0;
  };
  static std::optional<Ticks> Read();

  std::optional<Ticks> begin_;
  std::int64_t own_begin_ns_;
};

// CPU time of this process, all threads.
std::int64_t ProcessCpuNow();

}  // namespace playload
