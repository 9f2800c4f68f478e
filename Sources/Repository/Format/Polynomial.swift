/// A polynomial over GF(2), of a degree up to 63: bit i is the coefficient of xⁱ.
///
/// restic cuts files by one, and opens no repository whose own is not irreducible, whoever cuts what.
struct Polynomial: Sendable, Equatable {
  let bits: UInt64

  init(bits: UInt64) { self.bits = bits }

  /// - Parameter hex: as in `config`, without leading `0x`.
  init?(hex: String) {
    guard !hex.isEmpty, hex.allSatisfy({ $0.isHexDigit && $0.isASCII }), let bits = UInt64(hex, radix: 16) else {
      return nil
    }
    self.bits = bits
  }

  var hex: String { String(bits, radix: 16) }

  /// -1 for the polynomial 0.
  var degree: Int { 63 - bits.leadingZeroBitCount }

  /// A new one of degree 53, as restic takes them.
  static func random() -> Polynomial {
    while true {
      let candidate = Polynomial(bits: UInt64.random(in: 0..<1 << 53) | 1 << 53 | 1)
      if candidate.isIrreducible { return candidate }
    }
  }

  /// Rabin's test (Probabilistic Algorithms in Finite Fields, 1980): f of degree n is irreducible when it divides
  /// x^(2^n) − x, and has no factor in common with x^(2^(n/p)) − x for any prime p that divides n.
  var isIrreducible: Bool {
    let n = degree
    guard n > 0 else { return false }
    for p in Self.primes(dividing: n) where greatestCommonDivisor(with: frobenius(n / p)).degree != 0 { return false }
    return frobenius(n).bits == 0
  }

  /// x^(2^k) − x modulo this one.
  private func frobenius(_ k: Int) -> Polynomial {
    let x = Polynomial(bits: 2).reduced(by: self)
    let power = (0..<k).reduce(x) { power, _ in power.multiplied(by: power, modulo: self) }
    return Polynomial(bits: power.bits ^ x.bits)
  }

  private func reduced(by modulus: Polynomial) -> Polynomial {
    var rest = self
    while rest.degree >= modulus.degree {
      rest = Polynomial(bits: rest.bits ^ modulus.bits << (rest.degree - modulus.degree))
    }
    return rest
  }

  /// Both already reduced by `modulus`.
  private func multiplied(by other: Polynomial, modulo modulus: Polynomial) -> Polynomial {
    var product = Polynomial(bits: 0)
    for bit in (0..<64).reversed() {
      // Doubled below a degree of 63, nothing is lost.
      product = Polynomial(bits: product.bits << 1).reduced(by: modulus)
      if other.bits >> bit & 1 == 1 { product = Polynomial(bits: product.bits ^ bits) }
    }
    return product
  }

  private func greatestCommonDivisor(with other: Polynomial) -> Polynomial {
    var (a, b) = (self, other)
    while b.bits != 0 { (a, b) = (b, a.reduced(by: b)) }
    return a
  }

  private static func primes(dividing n: Int) -> [Int] {
    (2...max(2, n)).filter { p in n.isMultiple(of: p) && !(2..<p).contains { p.isMultiple(of: $0) } }
  }
}
