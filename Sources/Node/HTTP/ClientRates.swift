/// A bucket for each purpose, so that nobody's registering or guessing keeps anybody else from logging in.
struct ClientRates: Sendable {
  /// New accounts, by address.
  let registrations: ClientRate
  /// API keys and registration tokens that are wrong, by address. A right one gets through however empty this is: behind
  /// one address there may be many, and a guesser among them.
  let guesses: ClientRate
  /// Logins with a right key, by account.
  let logins: RateLimit<[UInt8]>
  /// Revocations with a right key, by account: whoever has stolen it and logs in without end does not keep its owner from
  /// ending it, and who uses this up has ended it.
  let revocations: RateLimit<[UInt8]>
  /// Entries, by account.
  let submissions: RateLimit<[UInt8]>

  init(_ limits: HTTPLimits) {
    registrations = ClientRate("new accounts", burst: limits.accountBurst, perSecond: limits.accountsPerSecond)
    guesses = ClientRate("wrong keys", burst: limits.guessBurst, perSecond: limits.guessesPerSecond)
    logins = RateLimit("logins of this account", burst: limits.loginBurst, perSecond: limits.loginsPerSecond)
    revocations = RateLimit(
      "revocations of this account", burst: limits.loginBurst, perSecond: limits.loginsPerSecond)
    submissions = RateLimit(
      "entries of this account", burst: limits.submissionBurst, perSecond: limits.submissionsPerSecond)
  }
}
