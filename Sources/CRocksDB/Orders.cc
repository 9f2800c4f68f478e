#include "Shared.h"

#include <rocksdb/convenience.h>

#include <utility>

namespace goud {
namespace {

using rocksdb::Slice;

class StandIn : public rocksdb::Comparator {
 public:
  StandIn(std::string name, bool backwards, size_t timestamp)
      : Comparator(timestamp), name_(std::move(name)), backwards_(backwards) {}

  const char *Name() const override { return name_.c_str(); }

  int Compare(const Slice &a, const Slice &b) const override {
    int order = CompareWithoutTimestamp(a, true, b, true);
    if (order != 0 || timestamp_size() == 0) return order;
    return -CompareTimestamp(timestamp(a), timestamp(b));
  }

  int CompareWithoutTimestamp(const Slice &a, bool a_has, const Slice &b, bool b_has) const override {
    int order = bare(a, a_has).compare(bare(b, b_has));
    return backwards_ ? -order : order;
  }

  int CompareTimestamp(const Slice &a, const Slice &b) const override {
    for (size_t i = timestamp_size(); i > 0; i--) {  // little-endian
      auto left = static_cast<unsigned char>(a[i - 1]), right = static_cast<unsigned char>(b[i - 1]);
      if (left != right) return left < right ? -1 : 1;
    }
    return 0;
  }

  // For writers; nothing is written.
  void FindShortestSeparator(std::string *, const Slice &) const override {}
  void FindShortSuccessor(std::string *) const override {}

 private:
  Slice bare(const Slice &key, bool has) const {
    return has && key.size() >= timestamp_size() ? Slice(key.data(), key.size() - timestamp_size()) : key;
  }
  Slice timestamp(const Slice &key) const {
    static const char zeros[8] = {};
    if (key.size() < timestamp_size()) return Slice(zeros, timestamp_size());
    return Slice(key.data() + key.size() - timestamp_size(), timestamp_size());
  }

  const std::string name_;
  const bool backwards_;
};

}  // namespace

const rocksdb::Comparator *shipped_order(const std::string &name) {
  // RocksDB's own, but not always among those that it finds by name.
  static const auto newest_first = stand_in_order("rocksdb.ReverseBytewiseComparator.u64ts", true, 8);
  rocksdb::ConfigOptions exact;
  exact.ignore_unsupported_options = false;
  exact.ignore_unknown_options = false;
  const rocksdb::Comparator *found = nullptr;
  if (rocksdb::Comparator::CreateFromString(exact, name, &found).ok() && found && name == found->Name()) return found;
  return name == newest_first->Name() ? newest_first.get() : nullptr;
}

std::unique_ptr<rocksdb::Comparator> stand_in_order(std::string name, bool backwards, size_t timestamp) {
  return std::make_unique<StandIn>(std::move(name), backwards, timestamp);
}

}  // namespace goud

extern "C" int goud_ships_order(const char *name) { return goud::shipped_order(name) != nullptr; }
