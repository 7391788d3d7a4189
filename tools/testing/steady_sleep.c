/* Preloaded before libfaketime 0.9.10, which takes the offset of the wall clock from every absolute time that a sleep
 * ends at, also where the monotonic clock is left alone: Python's time.sleep() then fails with EINVAL. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
  return syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
}
