#define _GNU_SOURCE
#include "CGoudLinux.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/utsname.h>
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

void goud_share_large_buffers(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

int goud_become(unsigned int user, unsigned int group, const unsigned int *groups, int count, int writes) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct powers[_LINUX_CAPABILITY_U32S_3];
  unsigned int wanted = 1u << CAP_DAC_READ_SEARCH;
  if (writes) wanted |= 1u << CAP_DAC_OVERRIDE | 1u << CAP_CHOWN | 1u << CAP_FOWNER;
  /* Powers survive the change of user, and access(2) counts them: RocksDB asks it whether a file exists. */
  if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0) return -1;
  /* Those that the process was started with are others': of the container's root. */
  if (setgroups((size_t)count, groups) != 0) return -1;
  if (setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0) return -1;
  if (syscall(SYS_capget, &header, powers) != 0) return -1;
  powers[0].permitted &= wanted;
  powers[0].effective = powers[0].permitted;
  powers[0].inheritable = 0;
  powers[1].permitted = powers[1].effective = powers[1].inheritable = 0;
  if (syscall(SYS_capset, &header, powers) != 0) return -1;
  /* Otherwise what is in /proc/self would be root's from here on. */
  return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int goud_become_powerless(unsigned int user, unsigned int group) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  /* Without CAP_SETPCAP they stay, and do nothing: no program gains powers any more. */
  for (int power = 0; prctl(PR_CAPBSET_READ, power, 0, 0, 0) >= 0; power++) prctl(PR_CAPBSET_DROP, power, 0, 0, 0);
  if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) != 0 && errno != EPERM) return -1;
  if (setgroups(0, NULL) != 0) return -1;
  if (setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0) return -1;
  if (syscall(SYS_capset, &header, none) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int goud_may_chown(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct powers[_LINUX_CAPABILITY_U32S_3];
  return syscall(SYS_capget, &header, powers) == 0 && (powers[0].effective & 1u << CAP_CHOWN) != 0;
}

int goud_leave_no_core(void) {
  const struct rlimit none = {0, 0};
  return setrlimit(RLIMIT_CORE, &none);
}

int goud_hide_memory(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void goud_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int goud_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int goud_open_nameless(int directory) {
  return openat(directory, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
}

int goud_reserve(int fd, long long size) { return fallocate(fd, 0, 0, size); }

int goud_start_detached(const char *program, char *const arguments[], char *const environment[], const char *log,
                        int *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t waiting, all;
  pid_t child = 0;
  int status = posix_spawn_file_actions_init(&actions);
  if (status != 0) return status;
  status = posix_spawnattr_init(&attributes);
  if (status != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return status;
  }
  sigemptyset(&waiting);
  sigaddset(&waiting, SIGHUP);
  sigfillset(&all);
  sigdelset(&all, SIGKILL);
  sigdelset(&all, SIGSTOP);
  if ((status = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
      (status = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600)) == 0 &&
      (status = posix_spawn_file_actions_adddup2(&actions, 1, 2)) == 0 &&
      (status = posix_spawn_file_actions_addclosefrom_np(&actions, 3)) == 0 &&
      (status = posix_spawn_file_actions_addchdir_np(&actions, "/")) == 0 &&
      (status = posix_spawnattr_setsigmask(&attributes, &waiting)) == 0 &&
      (status = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
      (status = posix_spawnattr_setflags(
           &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0)
    status = posix_spawn(&child, program, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  *pid = child;
  return status;
}

int goud_is_mount_root(const char *path) {
  enum { mount_root = 0x2000 }; /* STATX_ATTR_MOUNT_ROOT, which older headers lack */
  struct statx status;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return -1;
  if ((status.stx_attributes_mask & mount_root) == 0) return -1;
  return (status.stx_attributes & mount_root) != 0;
}

int goud_syncfs(int fd) { return syncfs(fd); }

int goud_syncs_whole_file_system(int fd) {
  enum { ext4 = 0xef53, xfs = 0x58465342, f2fs = 0xf2f52010, tmpfs = 0x01021994 };
  static const unsigned int btrfs = 0x9123683e;
  struct utsname system;
  struct statfs status;
  int major = 0, minor = 0;
  if (uname(&system) != 0 || sscanf(system.release, "%d.%d", &major, &minor) != 2) return 0;
  if (major < 5 || (major == 5 && minor < 8) || fstatfs(fd, &status) != 0) return 0;
  unsigned int type = (unsigned int)status.f_type;
  return type == ext4 || type == xfs || type == (unsigned int)f2fs || type == tmpfs || type == btrfs;
}

static int range_lock(int fd, short type, long long start, long long length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, F_OFD_SETLK, &lock);
}

int goud_share_range(int fd, long long start, long long length) { return range_lock(fd, F_RDLCK, start, length); }

void goud_release_range(int fd, long long start, long long length) { range_lock(fd, F_UNLCK, start, length); }

long long goud_mount(int fd) {
  struct statx found;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &found) != 0 || !(found.stx_mask & STATX_MNT_ID)) return -1;
  return (long long)found.stx_mnt_id;
}

long goud_file_system(int fd) {
  struct statfs found;
  return fstatfs(fd, &found) == 0 ? (long)found.f_type : -1;
}
