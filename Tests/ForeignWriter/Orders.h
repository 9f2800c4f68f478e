// What only an application knows: orders of keys, and how values are merged.
#pragma once

#include <rocksdb/comparator.h>
#include <rocksdb/merge_operator.h>

#include <string>
#include <utility>

namespace foreign {

/// An order under a name of its own.
class Order : public rocksdb::Comparator {
 public:
  using Compares = int (*)(const rocksdb::Slice &, const rocksdb::Slice &);
  Order(std::string name, Compares compares) : name_(std::move(name)), compares_(compares) {}
  const char *Name() const override { return name_.c_str(); }
  int Compare(const rocksdb::Slice &a, const rocksdb::Slice &b) const override { return compares_(a, b); }
  void FindShortestSeparator(std::string *, const rocksdb::Slice &) const override {}
  void FindShortSuccessor(std::string *) const override {}

 private:
  const std::string name_;
  const Compares compares_;
};

inline int forwards(const rocksdb::Slice &a, const rocksdb::Slice &b) { return a.compare(b); }
inline int backwards(const rocksdb::Slice &a, const rocksdb::Slice &b) { return b.compare(a); }

/// Shorter keys first.
inline int by_length(const rocksdb::Slice &a, const rocksdb::Slice &b) {
  return a.size() == b.size() ? a.compare(b) : a.size() < b.size() ? -1 : 1;
}

/// By the bytes from the end on.
inline int from_the_end(const rocksdb::Slice &a, const rocksdb::Slice &b) {
  const std::string left = a.ToString(), right = b.ToString();
  return std::string(left.rbegin(), left.rend()).compare(std::string(right.rbegin(), right.rend()));
}

/// Values grow by what is merged into them.
class Appends : public rocksdb::AssociativeMergeOperator {
 public:
  const char *Name() const override { return "foreign.Appends"; }
  bool Merge(const rocksdb::Slice &, const rocksdb::Slice *before, const rocksdb::Slice &value, std::string *after,
             rocksdb::Logger *) const override {
    after->assign(before ? before->ToString() : "").append(value.data(), value.size());
    return true;
  }
};

}  // namespace foreign
