import Crypto

/// Ids of accounts and entries: 16 random bytes, 32 hexadecimal digits where people see them.
enum Identifier {
  static let count = 16

  static func random() -> [UInt8] { SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) } }
}
