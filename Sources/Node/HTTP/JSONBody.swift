import Foundation
import GoudCore
import NIOCore

/// JSON that comes from outside.
enum JSONBody {
  private static let decoder = JSONDecoder()

  /// Decodes a body, after a look at it that costs one pass and no memory.
  /// - Throws: `request.malformed` (400) when it is not JSON in UTF-8 or nests deeper than `nesting`;
  ///   `request.invalid` (422) when a field is missing or of another type. Fields that nobody asks for are passed over.
  static func decode<Value: Decodable>(_: Value.Type, from body: ByteBuffer, nesting: Int) throws -> Value {
    try body.withUnsafeReadableBytes { bytes in
      try check(bytes, nesting: nesting)
      guard let start = bytes.baseAddress, bytes.count > 0 else { throw malformed("it is empty") }
      do {
        // The decoder reads the bytes where they are; they outlive the call.
        let data = Data(
          bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none)
        return try decoder.decode(Value.self, from: data)
      } catch let error as DecodingError {
        throw refusal(error)
      }
    }
  }

  /// Whether the decoder may see these bytes: UTF-8, no control characters but white space, and no deeper than it must.
  static func check(_ bytes: UnsafeRawBufferPointer, nesting: Int) throws {
    guard (try? UTF8Span(validating: Span(_unsafeBytes: bytes))) != nil else {
      throw malformed("the body is not UTF-8")
    }
    var depth = 0
    var inText = false
    var escaped = false
    for byte in bytes {
      if inText {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inText = false
        } else if byte < 0x20 {
          throw malformed("a control character stands in a text")
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): inText = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        guard depth <= nesting else { throw malformed("it nests deeper than \(nesting)") }
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case 0..<0x09, 0x0b, 0x0c, 0x0e..<0x20: throw malformed("it holds a control character")
      default: break
      }
    }
    guard !inText && depth == 0 else { throw malformed("it ends too early, or closes what was not opened") }
  }

  private static func malformed(_ what: String) -> GoudError {
    GoudError(.requestMalformed, "the body is not JSON that this node reads: \(what)", hint: "send one JSON object")
  }

  private static func refusal(_ error: DecodingError) -> GoudError {
    switch error {
    case .keyNotFound(let key, _):
      GoudError(
        .requestInvalid, "the field \(key.stringValue) is missing", hint: "docs/api.md lists the fields of each request"
      )
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      GoudError(
        .requestInvalid, "\(name(of: context)) is not \(type == String.self ? "a text" : "an object")",
        hint: "docs/api.md lists the fields of each request")
    default: malformed("it does not follow the grammar of JSON")
    }
  }

  private static func name(of context: DecodingError.Context) -> String {
    context.codingPath.isEmpty
      ? "the body" : "the field \(context.codingPath.map(\.stringValue).joined(separator: "."))"
  }
}
