import GoudCore
import Testing

@testable import Node

@Suite struct NodeStatusTests {
  private func status(
    _ role: NodeStatus.Role, _ condition: NodeStatus.Condition = .healthy, behind: UInt64?, acknowledged seconds: UInt64
  ) -> NodeStatus {
    NodeStatus(
      node: "node2", role: role, condition: condition, standing: .member,
      acknowledged: .init(height: 7, epoch: 1, hash: [], time: seconds * 1000), behind: behind)
  }

  @Test func theAuthorityHoldsEverythingOnceItIsReady() {
    #expect(status(.authority, behind: 0, acknowledged: 100).holdsEverything(by: 200, at: 200))
    #expect(!status(.authority, behind: nil, acknowledged: 100).holdsEverything(by: 200, at: 200))
    #expect(!status(.authority, .syncing, behind: 0, acknowledged: 100).holdsEverything(by: 200, at: 200))
  }

  @Test func aFollowerHoldsWhatIsOlderThanItsNewestBlock() {
    let follower = status(.follower, behind: 40, acknowledged: 200)
    #expect(follower.holdsEverything(by: 194, at: 200))
    #expect(!follower.holdsEverything(by: 195, at: 300), "clocks may differ by five seconds")
  }

  @Test func aFollowerThatLacksNothingItHeardOfHoldsWhatIsOlderThanThat() {
    #expect(status(.follower, behind: 0, acknowledged: 0).holdsEverything(by: 100, at: 111))
    #expect(!status(.follower, behind: 0, acknowledged: 0).holdsEverything(by: 100, at: 110))
    #expect(!status(.follower, behind: 1, acknowledged: 0).holdsEverything(by: 100, at: 1000))
  }

  @Test func whoHasHeardNothingIsSureOfNothing() {
    #expect(!status(.follower, behind: nil, acknowledged: 1000).holdsEverything(by: 100, at: 1000))
  }
}
