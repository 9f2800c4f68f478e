#include "Kinds.h"

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "Orders.h"

namespace foreign {
namespace {

using rocksdb::ColumnFamilyOptions;

ColumnFamilyOptions small() {
  ColumnFamilyOptions options;
  options.write_buffer_size = 64 << 10;
  options.target_file_size_base = 32 << 10;
  options.max_bytes_for_level_base = 128 << 10;
  options.level0_file_num_compaction_trigger = 2;
  return options;
}

Kind plain_kind() {
  Kind made;
  made.families.push_back({"default", small()});
  return made;
}

ColumnFamilyOptions ordered(const rocksdb::Comparator *order) {
  ColumnFamilyOptions options = small();
  options.comparator = order;
  return options;
}

// Never destroyed: databases refer to them to the end.
const Order &named(const char *name, Order::Compares compares) { return *new Order(name, compares); }

const rocksdb::Comparator *found(const std::string &name) {
  const rocksdb::Comparator *order = nullptr;
  rocksdb::Comparator::CreateFromString(rocksdb::ConfigOptions(), name, &order).PermitUncheckedError();
  return order;
}

Kind with(const std::function<void(Kind &, ColumnFamilyOptions &)> &change) {
  Kind made = plain_kind();
  change(made, made.families[0].options);
  return made;
}

void blobs(ColumnFamilyOptions &options) {
  options.enable_blob_files = true;
  options.min_blob_size = 50;
  options.blob_file_size = 64 << 10;
}

void appends(Kind &made, ColumnFamilyOptions &options) {
  made.merges = true;
  options.merge_operator = std::make_shared<Appends>();
}

void table(ColumnFamilyOptions &options, const std::function<void(rocksdb::BlockBasedTableOptions &)> &change) {
  rocksdb::BlockBasedTableOptions tables;
  change(tables);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(tables));
}

const std::map<std::string, std::function<Kind()>> &all() {
  static const std::map<std::string, std::function<Kind()>> kinds = {
      {"levels", [] { return with([](Kind &made, ColumnFamilyOptions &options) { options.num_levels = 40; made.level = 30; }); }},
      {"merges", [] { return with(appends); }},
      {"merged-blobs", [] { return with([](Kind &made, ColumnFamilyOptions &options) { appends(made, options); blobs(options); }); }},
      {"compressed-blobs", [] { return with([](Kind &, ColumnFamilyOptions &options) {
         blobs(options);
         options.blob_compression_type = rocksdb::kZSTD;
       }); }},
      {"timestamps", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         made.timestamps = true;
         options.comparator = found("leveldb.BytewiseComparator.u64ts");
       }); }},
      {"names", [] {
         Kind made = plain_kind();
         for (const auto &name : {std::string("\0\1", 2), std::string("\xff"), std::string("a:b=c;{d}\\#"), std::string("\n"),
                                  std::string("caf\xc3\xa9"), std::string(300, 'n')}) {
           made.families.push_back({name, small()});
         }
         made.families.push_back({"rev:a", ordered(rocksdb::ReverseBytewiseComparator())});
         return made;
       }},
      {"prefixes", [] { return with([](Kind &, ColumnFamilyOptions &options) {
         options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(4));
         table(options, [](rocksdb::BlockBasedTableOptions &tables) {
           tables.index_type = rocksdb::BlockBasedTableOptions::kHashSearch;
           tables.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(10));
           tables.whole_key_filtering = false;
           tables.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
         });
       }); }},
      {"partitions", [] { return with([](Kind &, ColumnFamilyOptions &options) {
         table(options, [](rocksdb::BlockBasedTableOptions &tables) {
           tables.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
           tables.partition_filters = true;
           tables.metadata_block_size = 256;
           tables.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
           tables.checksum = rocksdb::kXXH3;
         });
       }); }},
      {"dictionaries", [] { return with([](Kind &, ColumnFamilyOptions &options) {
         options.compression = rocksdb::kZSTD;
         options.compression_opts.max_dict_bytes = 4 << 10;
         options.compression_opts.zstd_max_train_bytes = 64 << 10;
       }); }},
      {"range-deletes", [] { return with([](Kind &made, ColumnFamilyOptions &) { made.deletes_ranges = true; }); }},
      {"wide-columns", [] { return with([](Kind &made, ColumnFamilyOptions &) { made.wide_columns = true; }); }},
      {"universal", [] { return with([](Kind &, ColumnFamilyOptions &options) { options.compaction_style = rocksdb::kCompactionStyleUniversal; }); }},
      {"plain-tables", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         made.options.allow_mmap_reads = true;
         options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(4));
         options.table_factory.reset(rocksdb::NewPlainTableFactory());
       }); }},
      {"cuckoo-tables", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         made.options.allow_mmap_reads = true;
         options.table_factory.reset(rocksdb::NewCuckooTableFactory());
       }); }},
      {"named-forwards", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         options = ordered(&named("foreign.Forwards", forwards));
         made.families.push_back({"rev:own", ordered(&named("rev:foreign", backwards))});
       }); }},
      {"by-length", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         options = ordered(&named("foreign.ByLength", by_length));
         made.families.push_back({"from the end", ordered(&named("foreign.FromTheEnd", from_the_end))});
         made.families.push_back({"plain", small()});
       }); }},
      {"by-length-blobs", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         options = ordered(&named("foreign.ByLength", by_length));
         blobs(options);
         appends(made, options);
       }); }},
      {"forwards-blobs", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         options = ordered(&named("foreign.Forwards", forwards));
         blobs(options);
         appends(made, options);
       }); }},
      // Looks like the order of bytes from each table's ends: all keys of a table are of one length but those inside.
      {"by-length-one-table", [] { return with([](Kind &made, ColumnFamilyOptions &options) {
         options = ColumnFamilyOptions();
         options.comparator = &named("foreign.ByLength", by_length);
         made.sequential = true;
       }); }},
  };
  return kinds;
}

}  // namespace

Kind kind(const std::string &name) { return all().at(name)(); }

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  for (const auto &each : all()) names.push_back(each.first);
  return names;
}

}  // namespace foreign
