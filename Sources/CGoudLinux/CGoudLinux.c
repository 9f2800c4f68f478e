#define _GNU_SOURCE
#include "CGoudLinux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

int goud_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags) {
  return renameat2(from_directory, from, to_directory, to, flags);
}

long goud_record_lock_holder(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_GETLK, &lock) != 0) return -2;
  if (lock.l_type == F_UNLCK) return -1;
  return lock.l_pid > 0 ? lock.l_pid : 0;
}

int goud_record_lock(int fd) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(fd, F_SETLK, &lock);
}

long goud_copy_file_range(int from, long long *offset, int to, unsigned long count) {
  off64_t position = *offset;
  long copied = copy_file_range(from, &position, to, NULL, count, 0);
  *offset = position;
  return copied;
}

void goud_start_writeback(int fd, long long offset, long long count) {
  sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE);
}

void goud_await_writeback(int fd, long long offset, long long count) {
  sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

void goud_yield_to_others(int nice) {
  enum { who_process = 1, class_shift = 13, class_best_effort = 2, lowest = 7 }; /* linux/ioprio.h */
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + nice);
  syscall(SYS_ioprio_set, who_process, 0, class_best_effort << class_shift | lowest);
}

int goud_reserve(int fd, long long size) { return fallocate(fd, 0, 0, size); }
