import Synchronization

/// What a store is asked for, as providers bill it.
public enum RequestKind: String, Sendable, CaseIterable, Codable {
  /// One page of names.
  case list
  /// The content of an object, or a range of it.
  case get
  /// An object, or a step of one that goes up in parts.
  case put
  case delete
  /// Whether an object is there, and its size.
  case stat
}

/// How many requests of each kind.
public struct RequestCounts: Sendable, Equatable {
  private var counts = [Int](repeating: 0, count: RequestKind.allCases.count)

  public init() {}

  public subscript(kind: RequestKind) -> Int {
    get { counts[Self.place(kind)] }
    set { counts[Self.place(kind)] = newValue }
  }

  public var total: Int { counts.reduce(0, +) }

  /// What came to it since `earlier`.
  public static func - (later: RequestCounts, earlier: RequestCounts) -> RequestCounts {
    var result = later
    for kind in RequestKind.allCases { result[kind] -= earlier[kind] }
    return result
  }

  private static func place(_ kind: RequestKind) -> Int {
    switch kind {
    case .list: 0
    case .get: 1
    case .put: 2
    case .delete: 3
    case .stat: 4
    }
  }
}

/// Counts the requests of one store from its opening on; for any thread.
public final class RequestCounter: Sendable {
  private let state = Mutex(RequestCounts())

  public init() {}

  public var counts: RequestCounts { state.withLock { $0 } }

  public func count(_ kind: RequestKind, _ number: Int = 1) { state.withLock { $0[kind] += number } }
}
