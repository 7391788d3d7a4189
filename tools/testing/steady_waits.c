/* Preloaded before libfaketime 0.9.10, which takes the offset of the wall clock from every absolute time that a wait
 * ends at, also where it goes by the monotonic clock, which is left alone. Python's time.sleep() then fails with EINVAL,
 * and waits for a condition end at once: the embedded store spins, Kafka and Node do not start. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MONOTONIC 2 /* in glibc's __wrefs: the condition was made with pthread_condattr_setclock(CLOCK_MONOTONIC) */

typedef int timedwait(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
  return syscall(SYS_clock_nanosleep, clock, flags, until, left) ? errno : 0;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
  static timedwait *steady, *shifted;
  if (!shifted) {
    steady = (timedwait *)dlsym(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "pthread_cond_timedwait");
    shifted = (timedwait *)dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  }
  return (condition->__data.__wrefs & MONOTONIC ? steady : shifted)(condition, mutex, until);
}
