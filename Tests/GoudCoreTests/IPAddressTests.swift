import GoudCore
import Testing

@Suite struct IPAddressTests {
  @Test func addressesAreReadAndShown() {
    for text in ["192.0.2.1", "::1", "2001:db8::1", "0.0.0.0"] { #expect(IPAddress(text)?.description == text) }
    #expect(IPAddress("::ffff:192.0.2.1") == IPAddress("192.0.2.1"))
    #expect(IPAddress("fe80::1%eth0") == IPAddress("fe80::1"))
    for text in ["", "x", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4x", "::g", "[::1]", "1.2.3.4/8", "1.2.3.4 "] {
      #expect(IPAddress(text) == nil, "\(text)")
    }
  }

  @Test func aNetworkHoldsWhatBeginsAsItDoes() {
    let network = IPNetwork("10.0.0.0/8")!
    #expect(network.contains(IPAddress("10.255.1.2")!) && !network.contains(IPAddress("11.0.0.1")!))
    #expect(IPNetwork("0.0.0.0/0")!.contains(IPAddress("255.0.0.1")!))
    #expect(!IPNetwork("0.0.0.0/0")!.contains(IPAddress("2001:db8::1")!))
    #expect(IPNetwork("::/0")!.contains(IPAddress("2001:db8::1")!))
    #expect(IPNetwork("2001:db8::/33")!.contains(IPAddress("2001:db8:7fff::1")!))
    #expect(!IPNetwork("2001:db8::/33")!.contains(IPAddress("2001:db8:8000::1")!))
    #expect(IPNetwork("192.0.2.1")!.contains(IPAddress("192.0.2.1")!))
    for text in ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::1", "0.0.0.0/0"] {
      #expect(IPNetwork(text)?.description == text)
    }
    for text in ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "x/8", "/8"] {
      #expect(IPNetwork(text) == nil, "\(text)")
    }
  }
}
