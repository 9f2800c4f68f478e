#include "Shared.h"

#include <rocksdb/iterator.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/version.h>

#define GOUD_READS_RAW_TABLES (ROCKSDB_MAJOR > 9 || (ROCKSDB_MAJOR == 9 && ROCKSDB_MINOR >= 10))

namespace {

using rocksdb::Slice;
using rocksdb::Status;

// Notes on which sides of each other keys lie that a table has one behind the other.
class Neighbours {
 public:
  void see(const Slice &before, const Slice &after) {
    int order = before.compare(after);
    if (order < 0) seen |= GOUD_KEYS_FORWARDS;
    if (order > 0) seen |= GOUD_KEYS_BACKWARDS;
  }
  int seen = 0;
};

#if GOUD_READS_RAW_TABLES

Status read_entries(rocksdb::SstFileReader &reader, Neighbours &neighbours, uint64_t &entries) {
  auto iterator = reader.NewTableIterator();
  if (!iterator) return Status::IOError("no iterator");
  std::string before;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    Slice key = iterator->key();
    if (key.size() < 8) return Status::Corruption("a key without sequence number");
    key.remove_suffix(8);  // sequence number and type
    if (entries++ > 0) neighbours.see(before, key);
    before.assign(key.data(), key.size());
  }
  return iterator->status();
}

uint64_t expected(const rocksdb::TableProperties &table) { return table.num_entries; }

#else

// There is only the iterator that shows what a reader of a database would see. To it every entry of the table is a new
// key, whatever the order: it leaves none out, and asks about each pair of neighbours.
class Onlooker : public rocksdb::Comparator {
 public:
  explicit Onlooker(Neighbours &neighbours) : neighbours_(neighbours) {}
  const char *Name() const override { return "goud.Onlooker"; }
  int Compare(const Slice &later, const Slice &earlier) const override {
    neighbours_.see(earlier, later);
    return 1;
  }
  bool Equal(const Slice &, const Slice &) const override { return false; }
  bool EqualWithoutTimestamp(const Slice &, const Slice &) const override { return false; }
  void FindShortestSeparator(std::string *, const Slice &) const override {}
  void FindShortSuccessor(std::string *) const override {}

 private:
  Neighbours &neighbours_;
};

class MergesNothing : public rocksdb::MergeOperator {
 public:
  const char *Name() const override { return "goud.MergesNothing"; }
  bool FullMergeV2(const MergeOperationInput &, MergeOperationOutput *) const override { return true; }
};

Status read_entries(rocksdb::SstFileReader &reader, Neighbours &, uint64_t &entries) {
  rocksdb::ReadOptions options;
  options.readahead_size = 1 << 20;
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> iterator(reader.NewIterator(options));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) entries++;
  return iterator->status();
}

uint64_t expected(const rocksdb::TableProperties &table) { return table.num_entries - table.num_deletions; }

#endif

// What stands in for checksums where a format has none: as many entries as the table says, in one order.
Status judge(const rocksdb::SstFileReader &reader, const Neighbours &neighbours, uint64_t entries) {
  if (entries != expected(*reader.GetTableProperties())) return Status::Corruption("the number of entries is wrong");
  bool both = neighbours.seen == (GOUD_KEYS_FORWARDS | GOUD_KEYS_BACKWARDS);
  return both ? Status::Corruption("the keys are out of order") : Status::OK();
}

// The blocks' checksums; a format without any is read from end to end.
Status verify(rocksdb::SstFileReader &reader, bool &checked) {
  rocksdb::ReadOptions options;
  options.readahead_size = 1 << 20;
  options.fill_cache = false;
  Status status = reader.VerifyChecksum(options);
  checked = !status.IsNotSupported();
  return checked ? status : Status::OK();
}

}  // namespace

extern "C" goud_status goud_table_verify(const char *path, int mapped, int read_keys, int *seen) {
  Neighbours neighbours;
  uint64_t entries = 0;
  rocksdb::Options options = goud::bounded_options(mapped);
#if !GOUD_READS_RAW_TABLES
  Onlooker onlooker(neighbours);
  if (!mapped) options.comparator = &onlooker;  // a cuckoo table has no order; its iterator sorts
  options.merge_operator = std::make_shared<MergesNothing>();
#endif
  rocksdb::SstFileReader reader(options);
  Status status = reader.Open(path);
  bool checked = false;
  if (status.ok()) status = verify(reader, checked);
  if (status.ok() && (read_keys || !checked)) status = read_entries(reader, neighbours, entries);
  if (status.ok() && !checked && !read_keys) status = judge(reader, neighbours, entries);
  if (seen) *seen = neighbours.seen;
  return goud::convert(status);
}
