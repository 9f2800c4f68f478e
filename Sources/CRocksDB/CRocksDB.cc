#include "CRocksDB.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/wal_filter.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

using rocksdb::Status;

goud_status convert(const Status &status) {
  if (status.ok()) return {0, 0, nullptr};
  return {static_cast<int>(status.code()), static_cast<int>(status.subcode()), strdup(status.ToString().c_str())};
}

goud_status no_memory() { return {GOUD_IO_ERROR, 0, strdup("out of memory")}; }

class SilentLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char *, va_list) override {}
};

// A batch of `count` writes that recovery counts and throws away: deletions of the empty key in a column family that
// cannot exist. The form is that of a log record (RocksDB: db/write_batch.cc).
rocksdb::WriteBatch nothing(uint64_t count) {
  static const char deletion[] = {0x4, '\xff', '\xff', '\xff', '\xff', '\x0f', 0};  // type, family, length of the key
  std::string data(8, '\0');
  for (int i = 0; i < 4; i++) data.push_back(static_cast<char>(count >> 8 * i));
  for (uint64_t i = 0; i < count; i++) data.append(deletion, sizeof deletion);
  return rocksdb::WriteBatch(std::move(data));
}

// Sees every record of the logs and keeps it out of the memory tables, so that opening a view takes the same memory
// whatever the size of its logs.
//
// Each record is replaced by as many writes of nothing: recovery goes on past the torn end of a log only when the next
// log begins with the sequence number that it has counted up to, and a record that is merely ignored is not counted.
class LogReader : public rocksdb::WalFilter {
 public:
  void ColumnFamilyLogNumberMap(const std::map<uint32_t, uint64_t> &oldest_logs,
                                const std::map<std::string, uint32_t> &) override {
    for (const auto &family : oldest_logs) oldest_needed = std::min(oldest_needed, family.second);
  }

  WalProcessingOption LogRecordFound(unsigned long long log_number, const std::string &, const rocksdb::WriteBatch &batch,
                                     rocksdb::WriteBatch *replacement, bool *replaced) override {
    const std::string &data = batch.Data();  // sequence: 8 bytes, count: 4 bytes, both little-endian
    if (data.size() < 12) return WalProcessingOption::kCorruptedRecord;
    uint64_t sequence = 0, count = 0;
    for (int i = 7; i >= 0; i--) sequence = sequence << 8 | static_cast<unsigned char>(data[i]);
    for (int i = 11; i >= 8; i--) count = count << 8 | static_cast<unsigned char>(data[i]);
    records++;
    if (logs.empty() || logs.back() != log_number) logs.push_back(log_number);
    last_sequence = std::max(last_sequence, count ? sequence + count - 1 : sequence);
    *replacement = nothing(count);
    *replaced = true;
    return WalProcessingOption::kContinueProcessing;
  }
  const char *Name() const override { return "goud.LogReader"; }

  uint64_t records = 0, last_sequence = 0;
  uint64_t oldest_needed = UINT64_MAX;
  std::vector<uint64_t> logs;
};

rocksdb::Options bounded_options(int comparator) {
  rocksdb::Options options;
  rocksdb::BlockBasedTableOptions table;
  rocksdb::LRUCacheOptions cache;
  cache.capacity = 8 << 20;
  cache.num_shard_bits = 2;
  table.block_cache = rocksdb::NewLRUCache(cache);
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.comparator = comparator ? rocksdb::ReverseBytewiseComparator() : rocksdb::BytewiseComparator();
  options.info_log = std::make_shared<SilentLogger>();
  return options;
}

char **copy_names(const std::vector<std::string> &names) {
  auto **result = static_cast<char **>(calloc(names.size() + 1, sizeof(char *)));
  for (size_t i = 0; result && i < names.size(); i++) result[i] = strdup(names[i].c_str());
  return result;
}

void describe(rocksdb::DB *db, rocksdb::ColumnFamilyHandle *handle, goud_family *family) {
  rocksdb::ColumnFamilyMetaData meta;
  db->GetColumnFamilyMetaData(handle, &meta);
  family->name = strdup(handle->GetName().c_str());
  family->level_count = meta.levels.size();
  family->level_files = static_cast<uint64_t *>(calloc(meta.levels.size() + 1, sizeof(uint64_t)));
  family->level_bytes = static_cast<uint64_t *>(calloc(meta.levels.size() + 1, sizeof(uint64_t)));
  for (size_t i = 0; i < meta.levels.size(); i++) {
    family->level_files[i] = meta.levels[i].files.size();
    family->level_bytes[i] = meta.levels[i].size;
  }
  family->blob_files = meta.blob_file_count;
  family->blob_bytes = meta.blob_file_size;
  db->GetIntProperty(handle, rocksdb::DB::Properties::kEstimateNumKeys, &family->estimated_keys);
}

Status read_values(rocksdb::DB *db, rocksdb::ColumnFamilyHandle *handle) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = 1 << 20;
  std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator(options, handle));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) iterator->value();
  return iterator->status();
}

}  // namespace

extern "C" {

uint32_t goud_rocksdb_version(void) { return ROCKSDB_MAJOR * 1000000 + ROCKSDB_MINOR * 1000 + ROCKSDB_PATCH; }

uint32_t goud_rocksdb_newest_table_format(void) {
  uint32_t newest = 0;
  for (uint32_t version = 1; version < 64; version++) {
    rocksdb::BlockBasedTableOptions table;
    table.format_version = version;
    std::unique_ptr<rocksdb::TableFactory> factory(rocksdb::NewBlockBasedTableFactory(table));
    if (!factory->ValidateOptions(rocksdb::DBOptions(), rocksdb::ColumnFamilyOptions()).ok()) break;
    newest = version;
  }
  return newest;
}

goud_status goud_list_families(const char *path, char ***names, size_t *count) {
  std::vector<std::string> found;
  Status status = rocksdb::DB::ListColumnFamilies(bounded_options(0), path, &found);
  if (!status.ok()) return convert(status);
  *names = copy_names(found);
  *count = found.size();
  return *names ? convert(status) : no_memory();
}

void goud_names_free(char **names, size_t count) {
  for (size_t i = 0; names && i < count; i++) free(names[i]);
  free(names);
}

goud_status goud_view_open(const char *path, const char *const *families, const int *comparators, size_t count, int open_tables, int read_blobs, goud_view **view) {
  LogReader reader;
  rocksdb::Options base = bounded_options(0);
  base.max_open_files = open_tables;
  base.wal_filter = &reader;
  // Only looks at logs that the MANIFEST names. Without it a library built with assertions aborts when it names any: it
  // means to write that they are no longer followed, and in a view nothing is written.
  base.track_and_verify_wals_in_manifest = true;
  // The MANIFEST says by number which of its writer's table directories (at most four) a table lies in; in a view all
  // of them are one. A library built with assertions aborts on a number it has no directory for.
  base.db_paths.assign(4, rocksdb::DbPath(path, UINT64_MAX));
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < count; i++) {
    rocksdb::Options own = bounded_options(comparators[i]);
    own.table_factory = base.table_factory;
    descriptors.emplace_back(families[i], own);
  }
  std::vector<rocksdb::ColumnFamilyHandle *> handles;
  rocksdb::DB *raw = nullptr;
  Status status = rocksdb::DB::OpenForReadOnly(base, path, descriptors, &handles, &raw);
  if (!status.ok()) return convert(status);
  std::unique_ptr<rocksdb::DB> db(raw);

  std::vector<std::string> live;
  uint64_t manifest_size = 0;
  status = db->GetLiveFiles(live, &manifest_size, false);
  if (status.ok()) {
    auto *result = static_cast<goud_view *>(calloc(1, sizeof(goud_view)));
    std::string identity;
    db->GetDbIdentity(identity).PermitUncheckedError();
    result->identity = strdup(identity.c_str());
    result->sequence = std::max<uint64_t>(db->GetLatestSequenceNumber(), reader.last_sequence);
    result->log_records = reader.records;
    db->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &result->oldest_live_log);
    if (reader.oldest_needed != UINT64_MAX) {
      result->oldest_live_log = std::max(result->oldest_live_log, reader.oldest_needed);
    }
    result->logs_read = static_cast<uint64_t *>(calloc(reader.logs.size() + 1, sizeof(uint64_t)));
    std::copy(reader.logs.begin(), reader.logs.end(), result->logs_read);
    result->logs_read_count = reader.logs.size();
    result->live_files = copy_names(live);
    result->live_count = live.size();
    result->families = static_cast<goud_family *>(calloc(handles.size() + 1, sizeof(goud_family)));
    result->family_count = handles.size();
    for (size_t i = 0; i < handles.size(); i++) {
      describe(db.get(), handles[i], &result->families[i]);
      if (status.ok() && read_blobs && result->families[i].blob_files > 0) status = read_values(db.get(), handles[i]);
    }
    if (status.ok()) {
      *view = result;
    } else {
      goud_view_free(result);
    }
  }
  for (auto *handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  return convert(status);
}

void goud_view_free(goud_view *view) {
  if (!view) return;
  goud_names_free(view->live_files, view->live_count);
  for (size_t i = 0; i < view->family_count; i++) {
    free(view->families[i].level_files);
    free(view->families[i].level_bytes);
    free(view->families[i].name);
  }
  free(view->families);
  free(view->logs_read);
  free(view->identity);
  free(view);
}

goud_status goud_table_verify(const char *path, int comparator) {
  rocksdb::SstFileReader reader(bounded_options(comparator));
  Status status = reader.Open(path);
  if (!status.ok()) return convert(status);
  rocksdb::ReadOptions options;
  options.readahead_size = 1 << 20;
  options.fill_cache = false;
  return convert(reader.VerifyChecksum(options));
}

}  // extern "C"
