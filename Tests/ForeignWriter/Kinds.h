// The kinds of databases that the foreign writer makes: what RocksDB ships, and what only an application knows.
#pragma once

#include <rocksdb/options.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace foreign {

struct Family {
  std::string name;
  rocksdb::ColumnFamilyOptions options;
};

struct Kind {
  rocksdb::DBOptions options;
  /// `default` first.
  std::vector<Family> families;
  bool merges = false;
  bool timestamps = false;
  bool deletes_ranges = false;
  bool wide_columns = false;
  /// The level that everything but the newest writes is compacted to; -1: RocksDB's choice.
  int level = -1;
  bool sequential = false;
};

/// Throws std::out_of_range for a name that is none.
Kind kind(const std::string &name);

/// The names of all kinds.
std::vector<std::string> kinds();

}  // namespace foreign
