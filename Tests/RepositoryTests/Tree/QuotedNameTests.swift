import Testing

@testable import Repository

@Suite struct QuotedNameTests {
  /// What Go's `strconv.Quote` makes of it, written down by restic 0.14.
  @Test(arguments: [
    ("plain", "plain"), ("q\"uote", #"q\"uote"#), ("back\\slash", #"back\\slash"#), ("new\nline", #"new\nline"#),
    ("tab\t\u{01}\u{7f}", #"tab\t\x01\x7f"#), ("\u{07}\u{08}\u{0c}\r\u{0b}", #"\a\b\f\r\v"#),
    ("\u{a0}nb", #"\u00a0nb"#), ("\u{ad}\u{200b}", #"\u00ad\u200b"#), ("\u{2028}\u{2029}", #"\u2028\u2029"#),
    ("\u{e000}", #"\ue000"#), ("\u{10ffff}", #"\U0010ffff"#), ("ü", "ü"), ("u\u{308}", "u\u{308}"), ("😀", "😀"),
    ("\u{fffd}", "\u{fffd}"), ("<a>&b", "<a>&b"), (" ", " "), ("/", "/"),
  ])
  func aNameIsQuotedAsGoQuotes(_ name: String, _ quoted: String) {
    #expect(QuotedName.quote(Array(name.utf8)) == Array(quoted.utf8))
    #expect(QuotedName.unquote(Array(quoted.utf8)) == Array(name.utf8))
  }

  @Test(
    arguments: [
      ([0xe9], #"\xe9"#), ([0x61, 0xff, 0xc3], #"a\xff\xc3"#), ([0xed, 0xa0, 0x80], #"\xed\xa0\x80"#),
      ([0xc0, 0xaf], #"\xc0\xaf"#), ([0xf4, 0x90, 0x80, 0x80], #"\xf4\x90\x80\x80"#), ([0xe2, 0x82], #"\xe2\x82"#),
      ([0xf0, 0x80, 0x80, 0xaf], #"\xf0\x80\x80\xaf"#), ([0x80], #"\x80"#),
    ] as [([UInt8], String)])
  func bytesThatAreNoUTF8AreKept(_ name: [UInt8], _ quoted: String) {
    #expect(QuotedName.quote(name) == Array(quoted.utf8))
    #expect(QuotedName.unquote(Array(quoted.utf8)) == name)
  }

  /// Unicode 16.0 came after the Go that restic is built with: restic would escape it, and call another way damage.
  @Test func aLetterThatGoDoesNotKnowIsEscaped() {
    #expect(QuotedName.quote(Array("\u{1c89}".utf8)) == Array(#"\u1c89"#.utf8))
    #expect(QuotedName.quote(Array("\u{1fae8}".utf8)) == Array("\u{1fae8}".utf8))
  }

  @Test func scalarsOfEveryPlaneComeBack() {
    for value in stride(from: UInt32(0), to: 0x11_0000, by: 13) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let name = Array(String(Character(scalar)).utf8)
      guard QuotedName.unquote(QuotedName.quote(name)) != name else { continue }
      Issue.record("U+\(String(value, radix: 16))")
      return
    }
  }

  @Test func octalIsReadAsGoReadsIt() { #expect(QuotedName.unquote(Array(#"\101\377"#.utf8)) == [0x41, 0xff]) }

  @Test(arguments: [
    #"\"#, #"\q"#, #"\x"#, #"\x1"#, #"\x+1"#, #"\u12"#, #"\ud800"#, #"\U00110000"#, #"\400"#, #"\18"#, #"\'"#, "a\"b",
    "a\nb",
  ])
  func whatGoDoesNotTakeIsNothing(_ quoted: String) {
    #expect(QuotedName.unquote(Array(quoted.utf8)) == nil)
  }
}
