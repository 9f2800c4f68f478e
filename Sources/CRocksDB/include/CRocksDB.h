/* What RocksDB's C API lacks: opening a view without replaying its logs into memory, the list of live files, the
   checksums of one table. Every pointer that a function returns is freed with the function named beside it. */
#pragma once

#include <rocksdb/c.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RocksDB's own status codes (rocksdb/status.h). */
enum { GOUD_OK = 0, GOUD_NOT_FOUND = 1, GOUD_CORRUPTION = 2, GOUD_NOT_SUPPORTED = 3, GOUD_INVALID_ARGUMENT = 4, GOUD_IO_ERROR = 5 };

typedef struct {
  int code;       /* 0: no error */
  int subcode;    /* rocksdb::Status::SubCode */
  char *message;  /* NULL when there is none; free() */
} goud_status;

/* The version of the library linked, as major * 1000000 + minor * 1000 + patch. */
uint32_t goud_rocksdb_version(void);

/* The newest block-based table format (footer format_version) that the library linked can read. */
uint32_t goud_rocksdb_newest_table_format(void);

/* A name as RocksDB has it: any bytes, also zeros; not terminated. */
typedef struct {
  char *bytes;
  size_t count;
} goud_bytes;

/* How to open a column family. */
typedef struct {
  const char *name;
  size_t name_count;
  const char *order;    /* the name of the order of its keys, as the MANIFEST has it */
  int backwards;        /* for an order that the library does not ship: 0: that of bytes, 1: the reverse */
  int levels;           /* how many levels it may have; at least 7 are accepted */
  int keeps_timestamps; /* 0: its tables leave out the keys' timestamps (RocksDB 8 and newer) */
} goud_opening;

typedef struct {
  uint32_t level_count;
  uint64_t *level_files;
  uint64_t *level_bytes;
  uint64_t blob_files;
  uint64_t blob_bytes;
  uint64_t estimated_keys;
  goud_bytes name;
} goud_family;

typedef struct {
  uint64_t sequence;        /* newest sequence number of tables and logs together */
  uint64_t log_records;     /* write batches found in the logs and not yet in tables */
  uint64_t oldest_live_log; /* what logs with a smaller number hold is in tables already */
  size_t logs_read_count;
  uint64_t *logs_read;      /* numbers of the logs of which records were read, oldest first */
  size_t live_count;
  char **live_files;        /* names relative to the database, each starting with '/' */
  size_t family_count;
  goud_family *families;
  char *identity;           /* content of IDENTITY, or "" */
} goud_view;

/* Whether the library ships an order of keys of that name. */
int goud_ships_order(const char *name);

/* Opens the database at `path` read-only, reads every record of its logs (checksums are checked, nothing is put into
   memory tables), and describes it. At most `open_tables` tables are held open. `mapped`: through the page tables, as
   cuckoo tables must be. On success *view is set (goud_view_free). */
goud_status goud_view_open(const char *path, const goud_opening *families, size_t count, int open_tables, int mapped, goud_view **view);
void goud_view_free(goud_view *view);

/* The column families that the MANIFEST of `path` names. *names: `*count` of them (goud_bytes_free). */
goud_status goud_list_families(const char *path, goud_bytes **names, size_t *count);
void goud_bytes_free(goud_bytes *names, size_t count);

/* How the keys of a table follow each other, by their bytes. */
enum { GOUD_KEYS_FORWARDS = 1, GOUD_KEYS_BACKWARDS = 2 };

/* Checks every block of one table against its checksum; a table of a format without checksums (plain, cuckoo) is read
   from end to end. With `read_keys`, every key is read, too, and *seen (may be NULL) says how they follow each other.
   `mapped`: the table is a cuckoo table. */
goud_status goud_table_verify(const char *path, int mapped, int read_keys, int *seen);

#ifdef __cplusplus
}
#endif
