/* Preloaded into one process, or all of a board: its wall clock is off by the seconds in the file JD_CLOCK_FILE (else
   /etc/wall_clock), which may change at any moment. The monotonic clock and sleeping stay true (libfaketime 0.9.10 makes Python's time.sleep fail with EINVAL
   where it leaves the monotonic clock alone). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long seconds_off(void) {
  long long off = 0;
  const char *path = getenv("JD_CLOCK_FILE");
  FILE *file = fopen(path ? path : "/etc/wall_clock", "re");
  if (file) {
    if (fscanf(file, "%lld", &off) != 1) off = 0;
    fclose(file);
  }
  return off;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += seconds_off();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (now) *now = exact.tv_sec;
  return exact.tv_sec;
}
