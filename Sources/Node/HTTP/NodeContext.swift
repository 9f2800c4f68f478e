import GoudCore
import Hummingbird
import NIOCore
import Synchronization

/// What a route knows of a request besides the request.
struct NodeContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Who opened the connection; `::` when there is no socket.
  let peer: IPAddress
  /// The connection's place in the table; set by `Answering`.
  var seat: ConnectionTable.Seat?
  let channel: any Channel
  /// Whether the answer's bytes are counted by the route.
  let counted = CountsItself()

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
    coreContext = CoreRequestContextStorage(source: source)
    peer = source.channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) } ?? IPAddress("::")!
  }
}

/// One address of the API: its path, the methods it takes, and what answers.
struct Route: Sendable {
  typealias Handler = @Sendable (Request, NodeContext) async throws -> Response

  let path: String
  let methods: [HTTPRequest.Method]
  let handler: Handler

  init(_ path: String, _ methods: [HTTPRequest.Method] = [.get], _ handler: @escaping Handler) {
    self.path = path
    self.methods = methods
    self.handler = handler
  }

  /// Whether `other`, a request's path, is this one: as many components, each equal or standing for a parameter.
  func matches(_ other: String) -> Bool {
    let mine = path.split(separator: "/")
    let others = other.split(separator: "/")
    return mine.count == others.count && zip(mine, others).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
  }

  /// What the `Allow` field lists: HEAD goes with GET.
  var allowed: [String] { (methods + (methods.contains(.get) ? [.head] : [])).map(\.rawValue) }
}

/// Set once, by a route that counts the bytes of its answer itself.
final class CountsItself: Sendable {
  private let set = Atomic<Bool>(false)
  var isSet: Bool {
    get { set.load(ordering: .relaxed) }
    set { set.store(newValue, ordering: .relaxed) }
  }
}
