import Testing

@testable import Archive

@Suite struct EntryNamesTests {
  @Test func aNameComesOnceButADirectoryAgain() {
    var names = EntryNames()
    #expect(names.add("v", isDirectory: true) == .added)
    #expect(names.add("v", isDirectory: true) == .added)
    #expect(names.add("v", isDirectory: false) == .twice)
    #expect(names.add("v/a", isDirectory: false) == .added)
    #expect(names.add("v/a", isDirectory: false) == .twice)
    #expect(names.add("v/a", isDirectory: true) == .twice)
  }

  @Test func namesThatAreEqualAsTextAreTwoFiles() {
    var names = EntryNames()
    #expect(names.add("\u{e9}", isDirectory: false) == .added)
    #expect(names.add("e\u{301}", isDirectory: false) == .added)
  }

  @Test func nothingLiesBelowAFile() {
    var names = EntryNames()
    #expect(names.add("a", isDirectory: false) == .added)
    #expect(names.add("a/b/c", isDirectory: false) == .belowFile)
  }

  @Test func whatHoldsAnEntryIsADirectoryEvenWithoutAnEntryOfItsOwn() {
    var names = EntryNames()
    #expect(names.add("a/b/c", isDirectory: false) == .added)
    #expect(names.add("a/b", isDirectory: false) == .twice)
    #expect(names.add("a", isDirectory: true) == .added)
  }

  @Test func namesAreBoundedInNumber() {
    var names = EntryNames(limit: 3)
    #expect(["d0", "d1", "d2", "d3"].map { names.add($0, isDirectory: true) } == [.added, .added, .added, .tooMany])
  }

  @Test(arguments: [
    "", "/", "/a", "a//b", "a/../b", "..", "a/./b", "a/.", "./..", "a\0b", "../\u{301}a", "/\u{301}a",
    "a/..\u{2F}\u{301}b", String(repeating: "n", count: 256), String(repeating: "d/", count: 2048),
  ])
  func namesThatAreNotPlainAndRelativeAreRefused(_ path: String) {
    #expect(EntryNames.components(of: path) == nil)
  }

  @Test(arguments: ["a", "a/", "./a", "a/b c", "a/.b", "a/...", "a/\u{301}b", "a\r\nb", "\u{e9}", "-a", "a/*"])
  func plainRelativeNamesPass(_ path: String) {
    #expect(EntryNames.components(of: path) != nil)
  }

  @Test func checksumLinesAreReadBackByteForByte() throws {
    let digest = String(repeating: "0a", count: 32)
    let names = ["a", "a\\b", "a\nb", "a\r\nb", "\\\u{301}", " a", "*a", "e\u{301}", "\u{e9}", "\\n"]
    let lines = try names.compactMap { try Checksums.read(Checksums.line(digest, $0).dropLast()) }
    #expect(lines.map { Array($0.name.utf8) } == names.map { Array($0.utf8) })
    #expect(lines.allSatisfy { $0.sha256 == digest })
  }

  @Test(arguments: ["x", "\\0a  a", "0A", "  a"])
  func whatIsNoChecksumLineIsRefused(_ text: String) {
    let digest = String(repeating: "0a", count: 32)
    #expect(Checksums.parse(line: Array(text.utf8)[...]) == nil)
    for line in ["\(digest) a", "\(digest)  ", "\(digest.uppercased())  a", "\\\(digest)  a\\x", "\(digest)\ta"] {
      #expect(Checksums.parse(line: Array(line.utf8)[...]) == nil, "\(line)")
    }
  }
}
