import Foundation
import GoudCore
import Testing

@testable import Repository

@Suite struct TreeCodingTests {
  private let id = ObjectID(sha256Of: Array("x".utf8))

  private func decoded(_ text: String) throws -> Tree { try Tree(decoding: Array(text.utf8)) }

  /// Every field, as restic 0.14 to 0.19 order and escape them.
  @Test func aNodeIsWrittenByteForByteAsResticWritesIt() throws {
    let text =
      #"{"nodes":[{"name":"q\\\"\u003c\u0026\u003e\\n","type":"file","mode":12583405,"mtime":"1969-12-31T23:59:59.999999995Z","#
      + #""atime":"2026-11-30T14:14:15.77923+01:00","ctime":"0001-01-01T00:00:00Z","uid":1,"gid":0,"user":"a\"b","group":"g\u2028","#
      + #""inode":18446744073709551615,"device_id":65024,"size":2,"links":2,"linktarget":"x\ufffd\\\t\b","linktarget_raw":"eOlcCQg=","#
      + #""extended_attributes":[{"name":"user.a","value":"AP8="},{"name":"user.empty","value":""},{"name":"user.none","value":null}],"#
      + #""generic_attributes":{"windows.x":{"a":[1,"}"]}},"device":7,"content":["\#(id)","\#(id)"],"subtree":"\#(id)","error":"e"},"#
      + #"{"name":"d","type":"dir","mtime":"0001-01-01T00:00:00Z","atime":"0001-01-01T00:00:00Z","ctime":"0001-01-01T00:00:00Z","#
      + #""uid":0,"gid":0,"content":null},{"name":"e","type":"file","mtime":"0001-01-01T00:00:00Z","atime":"0001-01-01T00:00:00Z","#
      + #""ctime":"0001-01-01T00:00:00Z","uid":0,"gid":0,"content":[]}]}"# + "\n"
    let tree = try decoded(text)
    #expect(String(decoding: tree.encoded(), as: UTF8.self) == text)
    let node = try #require(tree.nodes.first)
    #expect(node.name == Array("q\"<&>\n".utf8))
    #expect(node.permissions == 0o6755)
    #expect(node.target == Array("x".utf8) + [0xe9] + Array("\\\t\u{08}".utf8))
    #expect(node.attributes.map(\.value) == [[0, 255], [], nil])
    #expect(tree.nodes.map(\.content) == [[id, id], nil, []])
  }

  @Test(arguments: [#"{"nodes":[]}"#, #"{"nodes":null}"#, "{}", " { \"x\" : [ {} , \"]\" ] , \"nodes\" : [ ] } \n"])
  func anEmptyTreeHasNoNodes(_ text: String) throws {
    #expect(try decoded(text).nodes.isEmpty)
    #expect(try decoded(text).encoded() == Array("{\"nodes\":[]}\n".utf8))
  }

  /// Other writers leave fields out, write `null` for what they do not have, and have fields of their own.
  @Test func whatIsMissingOrNullHasItsDefault() throws {
    let nulls =
      ["mode", "mtime", "atime", "ctime", "uid", "gid", "user", "group", "inode", "device_id", "size", "links"]
      + [
        "linktarget", "linktarget_raw", "extended_attributes", "generic_attributes", "device", "content", "subtree",
        "error",
      ]
    let null = nulls.map { ",\"\($0)\":null" }.joined()
    let tree = try decoded(
      #"{"nodes":[{"type":"file","name":"a"},{"name":"b","type":"file","new":{"a":[1.5e3,true]}\#(null)}]}"#)
    #expect(tree.nodes == [Node(name: Array("a".utf8), kind: .file), Node(name: Array("b".utf8), kind: .file)])
  }

  @Test func aNameThatIsNotQuotedIsTakenAsItStands() throws {
    #expect(try decoded(#"{"nodes":[{"name":"a\"b\\q","type":"file"}]}"#).nodes.map(\.text) == ["a\"b\\q"])
  }

  @Test func halfASurrogatePairIsTheReplacementCharacter() throws {
    let tree = try decoded(#"{"nodes":[{"name":"\ud83d\ude00\ud800\ud800x\udc00","type":"new"}]}"#)
    #expect(tree.nodes.map(\.text) == ["😀\u{fffd}\u{fffd}x\u{fffd}"])
    #expect(tree.nodes.map(\.kind) == [.other("new")])
  }

  @Test(arguments: [
    "", "null", "[]", "{", #"{"nodes":{}}"#, #"{"nodes":[1]}"#, #"{"nodes":[null]}"#, #"{"nodes":[{}]}"#,
    #"{"nodes":[]}x"#,
    #"{"nodes":[],}"#, #"{"nodes":[{"type":"file","name":"a"}"#, #"{"nodes":[{"type":"file","name":"a}]}"#,
    #"{"nodes":[{"type":"file","name":"a","size":-1}]}"#, #"{"nodes":[{"type":"file","name":"a","size":1.5}]}"#,
    #"{"nodes":[{"type":"file","name":"a","size":18446744073709551616}]}"#,
    #"{"nodes":[{"type":"file","mtime":"now"}]}"#,
    #"{"nodes":[{"type":"file","mode":4294967296}]}"#, #"{"nodes":[{"type":"file","content":["ab"]}]}"#,
    #"{"nodes":[{"type":"file","content":[null]}]}"#, #"{"nodes":[{"type":"dir","subtree":"AB"}]}"#,
    #"{"nodes":[{"type":"file","name":"\q"}]}"#, #"{"nodes":[{"type":"file","x":}]}"#,
    #"{"nodes":[{"type":"file","x":]]}"#,
    #"{"nodes":[{"type":"file","extended_attributes":[{"value":"*"}]}]}"#,
  ])
  func whatIsNoTreeIsDamaged(_ text: String) {
    #expect(failure { _ = try decoded(text) }?.code == .repositoryDamaged)
  }

  /// Deep enough to end a process that went down with it.
  @Test func aValueOfAnyDepthIsPassedOver() throws {
    let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
    #expect(try decoded(#"{"x":\#(deep),"nodes":[{"name":"a","type":"file"}]}"#).nodes.count == 1)
  }

  @Test func everyByteCutOffIsDamageAndNoCrash() throws {
    var node = Node(name: [0x61, 0xe9, 0x22], kind: .file)
    node.content = [id]
    node.attributes = [.init(name: "user.\u{2028}", value: [1])]
    let bytes = Tree(nodes: [node]).encoded()
    // The newline alone may be missing.
    for count in 0..<bytes.count - 1 {
      #expect(failure { _ = try Tree(decoding: Array(bytes.prefix(count))) }?.code == .repositoryDamaged)
    }
  }
}
