public import GoudCore

/// What an operator decides about clients.
public struct ClientSettings: Sendable {
  /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed; empty: nobody's.
  public var trustedProxies: [IPNetwork] = []

  /// `REGISTRATION`: who may make an account.
  public var registration = Registration.open

  public init() {}
}
