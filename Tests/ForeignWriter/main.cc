// Writes and reads databases as an application would that Goud has never seen.
//
//   goud-foreign write KIND DIRECTORY    a database of that kind; the newest writes are in its log alone
//   goud-foreign read KIND DIRECTORY     every column family with the number of its keys and a sum over all there is
//   goud-foreign kinds
#include <rocksdb/db.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>

#include "Kinds.h"

namespace {

using rocksdb::Slice;
using rocksdb::Status;

void require(const Status &status) {
  if (status.ok()) return;
  std::cerr << status.ToString() << "\n";
  std::exit(1);
}

class Opened {
 public:
  Opened(foreign::Kind kind, const std::string &directory) : kind_(std::move(kind)) {
    kind_.options.create_if_missing = true;
    kind_.options.create_missing_column_families = true;
    kind_.options.avoid_flush_during_shutdown = true;
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (auto &family : kind_.families) descriptors.emplace_back(family.name, family.options);
    rocksdb::DB *opened = nullptr;
    require(rocksdb::DB::Open(kind_.options, directory, descriptors, &handles_, &opened));
    database_.reset(opened);
  }
  ~Opened() {
    for (auto *handle : handles_) database_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }

  void write() {
    for (auto *handle : handles_) {
      for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1500; i++) put(handle, key(i * 7919 % 4000 + round), round);
      }
      if (kind_.deletes_ranges) require(database_->DeleteRange({}, handle, key(100), key(200)));
      require(database_->Flush({}, handle));
      if (kind_.level >= 0) move_down(handle);
      for (int i = 0; i < 20; i++) put(handle, key(i), 9);  // in the log alone
    }
  }

  void read() {
    const std::string newest(8, '\xff');
    Slice timestamp(newest);
    for (size_t i = 0; i < handles_.size(); i++) {
      rocksdb::ReadOptions options;
      options.total_order_seek = true;
      if (kind_.timestamps) options.timestamp = &timestamp;
      std::unique_ptr<rocksdb::Iterator> iterator(database_->NewIterator(options, handles_[i]));
      uint64_t count = 0, sum = 0;
      for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), count++) {
        sum = sum * 31 + std::hash<std::string>()(iterator->key().ToString() + "=" + iterator->value().ToString());
      }
      require(iterator->status());
      std::printf("%zu %llu %llu\n", i, static_cast<unsigned long long>(count), static_cast<unsigned long long>(sum));
    }
  }

 private:
  // Keys of different lengths, but for tables that want them equal.
  std::string key(int i) const {
    char text[32];
    if (kind_.options.allow_mmap_reads) {
      std::snprintf(text, sizeof text, "key%05d", i);
    } else if (kind_.sequential) {
      std::snprintf(text, sizeof text, "%d", i + 1);
    } else {
      std::snprintf(text, sizeof text, "key%d", i);
    }
    return text;
  }

  void put(rocksdb::ColumnFamilyHandle *handle, const std::string &key, int round) {
    const std::string value = key + std::string(100, static_cast<char>('a' + round));
    if (kind_.timestamps) {
      const std::string timestamp(1, static_cast<char>(round));
      require(database_->Put({}, handle, key, timestamp + std::string(7, '\0'), value));
    } else if (kind_.merges && round > 0) {
      require(database_->Merge({}, handle, key, value));
    } else if (kind_.wide_columns) {
      require(database_->PutEntity({}, handle, key, {{"", value}, {"another", key}}));
    } else {
      require(database_->Put({}, handle, key, value));
    }
  }

  void move_down(rocksdb::ColumnFamilyHandle *handle) {
    rocksdb::CompactRangeOptions options;
    options.change_level = true;
    options.target_level = kind_.level;
    require(database_->CompactRange(options, handle, nullptr, nullptr));
  }

  foreign::Kind kind_;
  std::vector<rocksdb::ColumnFamilyHandle *> handles_;
  std::unique_ptr<rocksdb::DB> database_;
};

}  // namespace

int main(int count, char **arguments) {
  const std::string verb = count > 1 ? arguments[1] : "";
  if (verb == "kinds") {
    for (const auto &name : foreign::kinds()) std::cout << name << "\n";
    return 0;
  }
  if (count != 4 || (verb != "write" && verb != "read")) {
    std::cerr << "usage: goud-foreign write|read KIND DIRECTORY\n";
    return 64;
  }
  Opened opened(foreign::kind(arguments[2]), arguments[3]);
  verb == "write" ? opened.write() : opened.read();
}
