// What the parts of the shim share.
#pragma once

#include "CRocksDB.h"

#include <rocksdb/comparator.h>
#include <rocksdb/options.h>

#include <memory>
#include <string>

namespace goud {

goud_status convert(const rocksdb::Status &status);

// Options for opening anything to look at it: little memory, no diary, and tables of every format that RocksDB ships.
// `mapped`: read files through the page tables, which cuckoo tables demand.
rocksdb::Options bounded_options(bool mapped = false);

// The order of keys called `name`, if the library ships it; else nullptr.
const rocksdb::Comparator *shipped_order(const std::string &name);

// An order that goes by another's name: bytes forwards or backwards, and behind them a timestamp of `timestamp` bytes
// (0 or 8), newest first.
std::unique_ptr<rocksdb::Comparator> stand_in_order(std::string name, bool backwards, size_t timestamp);

}  // namespace goud
