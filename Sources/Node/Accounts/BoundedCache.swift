/// A dictionary that forgets what has not been asked for longest, and never holds more than `capacity` values.
///
/// Two halves: what was asked for lately, and what was before that. When the first is full it becomes the second, and
/// what the second held is forgotten; so each step takes constant time.
struct BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private let half: Int
  private var recent: [Key: Value] = [:]
  private var older: [Key: Value] = [:]

  /// - Parameter capacity: 2 or more.
  init(capacity: Int) { half = max(1, capacity / 2) }

  var count: Int { recent.count + older.count }

  mutating func value(for key: Key) -> Value? {
    if let value = recent[key] { return value }
    guard let value = older.removeValue(forKey: key) else { return nil }
    insert(value, for: key)
    return value
  }

  mutating func insert(_ value: Value, for key: Key) {
    if recent.count >= half && recent[key] == nil {
      older = recent
      recent.removeAll(keepingCapacity: true)
    }
    older.removeValue(forKey: key)
    recent[key] = value
  }

  mutating func remove(_ key: Key) {
    recent.removeValue(forKey: key)
    older.removeValue(forKey: key)
  }
}
