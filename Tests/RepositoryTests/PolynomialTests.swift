import Testing

@testable import Repository

@Suite struct PolynomialTests {
  /// The first is restic's own default, the others those of AES, of CRC-CCITT's factor x¹⁵+x+1, and x²+x+1.
  @Test(arguments: ["3da3358b4dc173", "11b", "8003", "7", "2", "3"])
  func knownIrreducibleOnesPass(_ hex: String) throws {
    #expect(try #require(Polynomial(hex: hex)).isIrreducible)
  }

  /// x²+1 = (x+1)², x⁴+x²+1 = (x²+x+1)², x³+x²+x+1, an even one, constants, and two irreducible ones multiplied.
  @Test(arguments: ["5", "15", "f", "3da3358b4dc172", "1", "0", "3da3358b4dc175"])
  func reducibleOnesDoNot(_ hex: String) throws {
    #expect(try !#require(Polynomial(hex: hex)).isIrreducible)
  }

  /// All polynomials of degree 1 to 8, against trial division.
  @Test func theTestAgreesWithTrialDivision() {
    for bits in UInt64(2)..<512 {
      let divides = (UInt64(2)..<bits).contains { divisor in
        divisor.leadingZeroBitCount > bits.leadingZeroBitCount && remainder(bits, divisor) == 0
      }
      #expect(Polynomial(bits: bits).isIrreducible == !divides, "\(bits)")
    }
  }

  @Test func newOnesHaveDegree53() {
    let polynomial = Polynomial.random()
    #expect(polynomial.degree == 53)
    #expect(polynomial.isIrreducible)
    #expect(Polynomial(hex: polynomial.hex) == polynomial)
  }

  @Test(arguments: ["", "0x11b", "xyz", "-7", "10000000000000000"])
  func whatIsNoNumberIsNil(_ hex: String) { #expect(Polynomial(hex: hex) == nil) }

  private func remainder(_ dividend: UInt64, _ divisor: UInt64) -> UInt64 {
    var rest = dividend
    while rest != 0 && rest.leadingZeroBitCount <= divisor.leadingZeroBitCount {
      rest ^= divisor << UInt64(divisor.leadingZeroBitCount - rest.leadingZeroBitCount)
    }
    return rest
  }
}
