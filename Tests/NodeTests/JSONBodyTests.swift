import GoudCore
import NIOCore
import Testing

@testable import Node

@Suite struct JSONBodyTests {
  private struct Pair: Decodable, Equatable {
    let label: String
    let data: String
  }

  private func decode(_ bytes: [UInt8]) throws -> Pair {
    try JSONBody.decode(Pair.self, from: ByteBuffer(bytes: bytes), nesting: 32)
  }

  private func code(_ bytes: [UInt8]) -> ErrorCode? {
    do {
      _ = try decode(bytes)
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  @Test func textsOfEveryKindComeThrough() throws {
    let body = #"{"label":"a\"\\\/\u00fc\ud83d\ude00ü😀","data":"","more":[1,{"x":null}],"data2":1e9}"#
    #expect(try decode(Array(body.utf8)) == Pair(label: "a\"\\/ü😀ü😀", data: ""))
    #expect(try decode(Array(" \t\r\n{ \"label\" : \"a\" , \"data\" : \"b\" }\n".utf8)) == Pair(label: "a", data: "b"))
  }

  @Test(arguments: [
    "", " ", "{", "}", "{]", "nonsense", #"{"label":"a","data":"b""#, #"{"label":"a","data":"b"}}"#,
    #"{"label":"a" "data":"b"}"#,
    #"{label:"a","data":"b"}"#, #"{'label':'a','data':'b'}"#,
    #"{"label":"a","data":"\x"}"#,
    #"{"label":"a","data":"\ud800"}"#, #"{"label":"a","data":"b"} {"#, "{\"label\":\"a\nb\",\"data\":\"b\"}",
    "\u{feff}{}x",
    "{\"label\":\"a\u{0}\",\"data\":\"b\"}", #"{"label":"a","data":"b"} trailing"#,
    "{\"label\":\"a\",\u{b}\"data\":\"b\"}",
  ]) func whatIsNotJSONIsMalformed(_ text: String) {
    #expect(code(Array(text.utf8)) == .requestMalformed)
  }

  @Test(
    arguments: [
      [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00], [0x7b, 0x00, 0x00, 0x00], [0x80], [0xc0, 0xaf], [0xed, 0xa0, 0x80],
    ] as [[UInt8]]) func whatIsNotUTF8IsMalformed(_ bytes: [UInt8])
  {
    #expect(code(bytes) == .requestMalformed)
    #expect(code(Array(#"{"label":"a","data":""#.utf8) + bytes + Array(#""}"#.utf8)) == .requestMalformed)
  }

  @Test func nestingIsBoundedBeforeAnybodyDecodes() {
    func body(_ depth: Int) -> [UInt8] {
      let open = String(repeating: "[", count: depth - 1)
      let shut = String(repeating: "]", count: depth - 1)
      return Array("{\"label\":\"[[[[{{{{\",\"data\":\"b\",\"x\":\(open)\(shut)}".utf8)
    }
    #expect(code(body(32)) == nil)
    #expect(code(body(33)) == .requestMalformed)
    #expect(code(Array(repeating: UInt8(ascii: "["), count: 1 << 20)) == .requestMalformed)
    #expect(code(Array(repeatElement(Array(#"{"a":"#.utf8), count: 200_000).joined())) == .requestMalformed)
  }

  @Test(arguments: [
    #"{}"#, #"{"label":"a"}"#, #"{"data":"b"}"#, #"{"label":1,"data":"b"}"#, #"{"label":"a","data":{}}"#,
    #"{"label":null,"data":"b"}"#, #"{"label":["a"],"data":"b"}"#, "[]", "1", "null", "true", #""text""#,
  ]) func missingAndWrongFieldsAreNamed(_ text: String) {
    #expect(code(Array(text.utf8)) == .requestInvalid)
  }
}
