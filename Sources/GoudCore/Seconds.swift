extension Duration {
  /// In seconds, with fractions.
  package var seconds: Double { self / .seconds(1) }
}
