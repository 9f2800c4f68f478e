#include "Shared.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
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

using goud::bounded_options;
using goud::convert;
using rocksdb::Status;

goud_status no_memory() { return {GOUD_IO_ERROR, 0, strdup("out of memory")}; }

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

char **copy_names(const std::vector<std::string> &names) {
  auto **result = static_cast<char **>(calloc(names.size() + 1, sizeof(char *)));
  for (size_t i = 0; result && i < names.size(); i++) result[i] = strdup(names[i].c_str());
  return result;
}

goud_bytes copy_bytes(const std::string &text) {
  auto *bytes = static_cast<char *>(malloc(text.size() + 1));
  if (bytes) memcpy(bytes, text.c_str(), text.size() + 1);
  return {bytes, bytes ? text.size() : 0};
}

void describe(rocksdb::DB *db, rocksdb::ColumnFamilyHandle *handle, goud_family *family) {
  rocksdb::ColumnFamilyMetaData meta;
  db->GetColumnFamilyMetaData(handle, &meta);
  family->name = copy_bytes(handle->GetName());
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

// Options of a column family; an order of keys that is a stand-in is put into `orders` and must outlive the database.
rocksdb::ColumnFamilyOptions family_options(const goud_opening &opening, const rocksdb::Options &base,
                                            std::vector<std::unique_ptr<rocksdb::Comparator>> &orders) {
  rocksdb::ColumnFamilyOptions options(base);
  options.num_levels = std::max(options.num_levels, opening.levels);
  options.comparator = goud::shipped_order(opening.order);
  if (!options.comparator) {
    orders.push_back(goud::stand_in_order(opening.order, opening.backwards, 0));
    options.comparator = orders.back().get();
  }
#if ROCKSDB_MAJOR >= 9
  options.persist_user_defined_timestamps = opening.keeps_timestamps;
#endif
  return options;
}

class SilentLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char *, va_list) override {}
};

}  // namespace

namespace goud {

goud_status convert(const Status &status) {
  if (status.ok()) return {0, 0, nullptr};
  return {static_cast<int>(status.code()), static_cast<int>(status.subcode()), strdup(status.ToString().c_str())};
}

rocksdb::Options bounded_options(bool mapped) {
  rocksdb::Options options;
  rocksdb::BlockBasedTableOptions table;
  rocksdb::LRUCacheOptions cache;
  cache.capacity = 8 << 20;
  cache.num_shard_bits = 2;
  table.block_cache = rocksdb::NewLRUCache(cache);
  table.cache_index_and_filter_blocks = true;
  rocksdb::PlainTableOptions plain;
  plain.full_scan_mode = true;  // needs no prefix extractor of the application's own, and builds no index
  std::shared_ptr<rocksdb::TableFactory> blocks(rocksdb::NewBlockBasedTableFactory(table));
  options.table_factory.reset(rocksdb::NewAdaptiveTableFactory(
      blocks, blocks, std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewPlainTableFactory(plain)), nullptr));
  options.info_log = std::make_shared<SilentLogger>();
  options.allow_mmap_reads = mapped;
  return options;
}

}  // namespace goud

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

goud_status goud_list_families(const char *path, goud_bytes **names, size_t *count) {
  std::vector<std::string> found;
  Status status = rocksdb::DB::ListColumnFamilies(bounded_options(), path, &found);
  if (!status.ok()) return convert(status);
  *names = static_cast<goud_bytes *>(calloc(found.size() + 1, sizeof(goud_bytes)));
  if (!*names) return no_memory();
  *count = found.size();
  std::transform(found.begin(), found.end(), *names, copy_bytes);
  return convert(status);
}

void goud_bytes_free(goud_bytes *names, size_t count) {
  for (size_t i = 0; names && i < count; i++) free(names[i].bytes);
  free(names);
}

goud_status goud_view_open(const char *path, const goud_opening *families, size_t count, int open_tables, int mapped, goud_view **view) {
  LogReader reader;
  rocksdb::Options base = bounded_options(mapped);
  base.max_open_files = open_tables;
  base.wal_filter = &reader;
  // Only looks at logs that the MANIFEST names. Without it a library built with assertions aborts when it names any: it
  // means to write that they are no longer followed, and in a view nothing is written.
  base.track_and_verify_wals_in_manifest = true;
  // The MANIFEST says by number which of its writer's table directories (at most four) a table lies in; in a view all
  // of them are one. A library built with assertions aborts on a number it has no directory for.
  base.db_paths.assign(4, rocksdb::DbPath(path, UINT64_MAX));
  std::vector<std::unique_ptr<rocksdb::Comparator>> orders;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < count; i++) {
    descriptors.emplace_back(std::string(families[i].name, families[i].name_count), family_options(families[i], base, orders));
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
    }
    *view = result;
  }
  for (auto *handle : handles) db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  return convert(status);
}

void goud_view_free(goud_view *view) {
  if (!view) return;
  for (size_t i = 0; view->live_files && i < view->live_count; i++) free(view->live_files[i]);
  free(view->live_files);
  for (size_t i = 0; i < view->family_count; i++) {
    free(view->families[i].level_files);
    free(view->families[i].level_bytes);
    free(view->families[i].name.bytes);
  }
  free(view->families);
  free(view->logs_read);
  free(view->identity);
  free(view);
}

}  // extern "C"
