public import Foundation
public import Logging
public import Replication
import Synchronization

/// What is known of every peer, for `/peers`, `/health` and `goud status`. Bounded: one page for each validator, and the
/// last few strangers.
public final class PeerBook: Sendable {
  public struct Page: Sendable, Hashable {
    public let name: String
    public var connected = false
    /// Where it stood when it was last asked or told.
    public var position: Position?
    public var lastContact: Date?
    /// Of its clock against this node's, in seconds, positive when it is ahead; nil: not known.
    public var clockOffset: Double?
    /// Its disk is down to its reserve, as it said last.
    public var full = false
    /// Why it was last dropped, or why it cannot be reached.
    public var fault: PeerFault?
    public var faultTime: Date?
    /// How often it was dropped for something other than being unreachable or silent.
    public var refusals = 0
  }

  private struct Content {
    var pages: [String: Page] = [:]
    var strangers: [Page] = []
  }

  static let strangersKept = 16
  private let content: Mutex<Content>
  private let log: Logger?

  /// - Parameter log: where it is written that a validator was let go for what it said; once as long as it says the same.
  public init(peers: [String], log: Logger? = nil) {
    self.log = log
    content = Mutex(
      Content(pages: Dictionary(uniqueKeysWithValues: peers.map { ($0, Page(name: $0)) }), strangers: []))
  }

  /// Every validator but this node, by name.
  public var pages: [Page] { content.withLock { $0.pages.values.sorted { $0.name < $1.name } } }

  /// The last callers that were no peers of this chain, newest last; `name` is the address they called from.
  public var strangers: [Page] { content.withLock { $0.strangers } }

  public subscript(name: String) -> Page? { content.withLock { $0.pages[name] } }

  func met(_ name: String, clock: UInt64?) {
    change(name) {
      $0.connected = true
      $0.lastContact = Date()
      $0.fault = nil
      if let clock { $0.clockOffset = (Double(clock) - Double(PeerClock.now())) / 1000 }
    }
  }

  func heard(_ name: String, clock: UInt64, full: Bool = false) {
    change(name) {
      $0.full = full
      $0.lastContact = Date()
      $0.clockOffset = (Double(clock) - Double(PeerClock.now())) / 1000
    }
  }

  func stands(_ name: String, at position: Position, clock: UInt64? = nil) {
    change(name) {
      $0.position = position
      $0.lastContact = Date()
      if let clock { $0.clockOffset = (Double(clock) - Double(PeerClock.now())) / 1000 }
    }
  }

  func gone(_ name: String) { change(name) { $0.connected = false } }

  func dropped(_ name: String, _ fault: PeerFault) {
    if !fault.code.isAbsence, let known = self[name], known.fault != fault {
      log?.warning("a peer is let go", metadata: ["peer": "\(name)", "why": "\(fault)"])
    }
    change(name) {
      $0.connected = false
      $0.fault = fault
      $0.faultTime = Date()
      if !fault.code.isAbsence { $0.refusals += 1 }
    }
  }

  private func change(_ name: String, _ body: (inout Page) -> Void) {
    content.withLock { content in
      if var page = content.pages[name] {
        body(&page)
        content.pages[name] = page
      } else {
        var page = content.strangers.first { $0.name == name } ?? Page(name: name)
        content.strangers.removeAll { $0.name == name }
        body(&page)
        content.strangers = (content.strangers + [page]).suffix(Self.strangersKept)
      }
    }
  }
}
