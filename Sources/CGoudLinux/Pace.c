#define _GNU_SOURCE
#include "CGoudLinux.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { billion = 1000000000, step = 5000000 /* ns */, longest = billion };

struct goud_pace {
  _Atomic int64_t share; /* billionths of a processor; 0: all there are */
  _Atomic int64_t paid;  /* until when the work that was done is paid for: ns of the monotonic clock */
  _Atomic int64_t rests; /* how much longer than the work itself that took, in ns */
};

static __thread struct goud_pace *current; /* while this thread works */
static __thread int64_t charged;           /* its processor time up to its last rest */
static __thread timer_t timer;
static pthread_key_t timers; /* so that a thread's timer goes with it */
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * billion + time.tv_nsec;
}

/* Runs as the handler of a signal: only what signal-safety(7) allows. */
static void rest(int number) {
  (void)number;
  struct goud_pace *pace = current;
  int64_t share = pace ? atomic_load(&pace->share) : 0;
  if (share <= 0) return;
  int error = errno;
  int64_t used = now(CLOCK_THREAD_CPUTIME_ID) - charged, begin = now(CLOCK_MONOTONIC), end;
  int64_t price = (int64_t)((double)used * billion / (double)share), paid = atomic_load(&pace->paid);
  charged += used;
  /* Threads pay one after the other, and so work one after the other when little may be used. */
  do {
    end = (paid > begin - used ? paid : begin - used) + price;
    if (end > begin + longest) end = begin + longest;
  } while (!atomic_compare_exchange_weak(&pace->paid, &paid, end));
  if (end > begin) atomic_fetch_add(&pace->rests, price > used ? price - used : 0);
  struct timespec until = {.tv_sec = end / billion, .tv_nsec = end % billion};
  while (end > begin && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
  errno = error;
}

static void forget(void *value) {
  (void)value;
  timer_delete(timer);
}

static void prepare(void) {
  struct sigaction action = {.sa_handler = rest, .sa_flags = SA_RESTART};
  sigaction(SIGRTMIN, &action, NULL);
  pthread_key_create(&timers, forget);
}

static void mask(int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  pthread_sigmask(how, &set, NULL);
}

struct goud_pace *goud_pace_create(void) { return calloc(1, sizeof(struct goud_pace)); }

void goud_pace_free(struct goud_pace *pace) { free(pace); }

void goud_pace_set(struct goud_pace *pace, double processors) {
  atomic_store(&pace->share, (int64_t)(processors * billion));
}

double goud_pace_rests(struct goud_pace *pace) { return (double)atomic_load(&pace->rests) / billion; }

void goud_pace_begin(struct goud_pace *pace) {
  pthread_once(&prepared, prepare);
  if (!pthread_getspecific(timers)) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event._sigev_un._tid = gettid();
    /* Without a timer nothing rests, and everything works. */
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) return;
    struct itimerspec times = {{0, step}, {0, step}};
    timer_settime(timer, 0, &times, NULL);
    pthread_setspecific(timers, &timers);
    charged = now(CLOCK_THREAD_CPUTIME_ID);
  }
  current = pace;
  mask(SIG_UNBLOCK);
}

void goud_pace_end(void) {
  mask(SIG_BLOCK);
  current = NULL;
}
