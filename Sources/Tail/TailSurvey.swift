public import Foundation

/// The pieces of a chain as far as they can be relied on, without their bytes.
public struct TailSurvey: Sendable {
  public let chain: TailChain
  /// By number, from 0 on.
  public internal(set) var pieces: [TailOutline] = []
  /// Why what comes after them is not used; nil: there is no more.
  public internal(set) var gap: String?

  /// From when on nothing is known; nil: the commit alone.
  public var moment: Date? { pieces.last?.moment }
}
