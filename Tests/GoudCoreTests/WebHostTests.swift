import GoudCore
import Testing

@Suite struct WebHostTests {
  @Test(arguments: [
    ("localhost", "localhost"), ("LocalHost:8080", "localhost"), ("localhost.", "localhost"),
    ("localhost.:80", "localhost"), ("127.0.0.1:38080", "127.0.0.1"), ("[::1]", "::1"), ("[::1]:8080", "::1"),
    ("[FE80::1%25eth0]:1", "fe80::1"), ("a-b.example:", "a-b.example"),
  ])
  func aHostIsReadInOneSpelling(_ text: String, _ host: String) throws {
    #expect(try #require(WebHost(text)).host == host)
  }

  @Test(arguments: [
    "", ".", ":80", "localhost..", ".localhost", "a@localhost", "localhost:0", "localhost:65536", "localhost:80:80",
    "::1",
    "[::1", "[evil.example]", "[]", "local host", "localhost/x", "localhost:8o", "[::1]x", "lócalhost",
    "localhost\u{0}",
    "localhost,evil.example",
  ])
  func whatIsNoHostIsNone(_ text: String) { #expect(WebHost(text) == nil) }

  @Test(arguments: [
    ("127.0.0.1", true), ("0.0.0.0:1", true), ("[::ffff:127.0.0.1]", true), ("localhost", false),
    ("127.0.0.1.evil.example", false), ("127.1", false), ("2130706433", false), ("0x7f000001", false),
    ("127.0.0.1.nip.io", false),
  ])
  func onlyWhatIsWrittenAsAnAddressIsOne(_ text: String, _ isAddress: Bool) throws {
    #expect(try #require(WebHost(text)).isAddress == isAddress)
  }

  private func isForeign(_ site: [String], _ origin: [String], _ host: String = "localhost:8080") throws -> Bool {
    WebPage.isForeign(site: site, origin: origin, host: try #require(WebHost(host)))
  }

  @Test func theOwnPageATypedAddressAndWhatIsNoBrowserAreNotForeign() throws {
    #expect(try !isForeign([], []))
    #expect(try !isForeign(["none"], []))
    #expect(try !isForeign(["same-origin"], ["http://localhost:8080"]))
    #expect(try !isForeign([], ["http://LOCALHOST:8080"]))
    #expect(try !isForeign([], ["https://goud.example"], "goud.example"))
    #expect(try !isForeign([], ["http://[::1]"], "[::1]:80"))
  }

  @Test(arguments: [
    "http://evil.example", "http://localhost", "http://localhost:8081", "https://localhost", "null", "",
    "localhost:8080",
    "http://localhost:8080@evil.example", "http://localhost:8080/", "http://localhost:8080.evil.example", "file://",
    "chrome-extension://localhost:8080",
  ])
  func anotherOriginIsForeign(_ origin: String) throws {
    #expect(try isForeign([], [origin]))
    #expect(try isForeign(["same-origin"], ["http://localhost:8080", origin]))
  }

  @Test(arguments: ["cross-site", "same-site", "", "cross-site, none", "CROSS-SITE"])
  func whatTheBrowserMarksAsAnothersIsForeign(_ site: String) throws {
    #expect(try isForeign([site], []))
    #expect(try isForeign(["none", site], ["http://localhost:8080"]))
  }
}
