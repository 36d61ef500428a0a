/* A computer that has slept, as the programs on it see it: the clock that stands still in sleep has fallen behind the
   one that goes on. Loaded before the C library. The file that SLEPT names holds one byte: for how many seconds. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile unsigned char *slept;

__attribute__((constructor)) static void open_slept(void) {
  const char *name = getenv("SLEPT");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  void *place = file < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
  slept = place == MAP_FAILED ? NULL : place;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_MONOTONIC && slept) time->tv_sec -= *slept;
  return (int)result;
}
