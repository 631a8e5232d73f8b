// What librdkafka's example rdkafka_performance.c needs of the two internal headers that it
// includes from librdkafka's source tree, which Debian's librdkafka-dev does not carry.
// kafka_bench.py builds the example with it; nothing of playload includes it.

#pragma once

#define _GNU_SOURCE
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define rd_snprintf snprintf
#define RD_MAX(a, b) ((a) > (b) ? (a) : (b))
#define RD_MIN(a, b) ((a) < (b) ? (a) : (b))

typedef int64_t rd_ts_t;  // microseconds

static inline rd_ts_t rd_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (rd_ts_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
