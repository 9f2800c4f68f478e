import Foundation
import Testing

@testable import Repository

@Suite struct TimestampTests {
  private func text(_ time: Timestamp) -> String {
    var json = JSONText()
    time.write(to: &json)
    return String(decoding: json.bytes.dropFirst().dropLast(), as: UTF8.self)
  }

  @Test(
    arguments: [
      (0, 0, 0, "1970-01-01T00:00:00Z"), (-1, 999_999_995, 0, "1969-12-31T23:59:59.999999995Z"),
      (1_796_048_060, 500_740_713, 0, "2026-11-30T14:14:20.500740713Z"),
      (1_796_048_060, 779_230_000, 0, "2026-11-30T14:14:20.77923Z"),
      (1_796_048_060, 0, 330, "2026-11-30T19:44:20+05:30"),
      (1_796_048_060, 1, -570, "2026-11-30T04:44:20.000000001-09:30"),
      (-62_135_596_800, 0, 0, "0001-01-01T00:00:00Z"), (253_402_300_799, 0, 0, "9999-12-31T23:59:59Z"),
      (951_782_400, 0, 0, "2000-02-29T00:00:00Z"), (-62_167_219_200, 0, 0, "0000-01-01T00:00:00Z"),
    ] as [(Int64, Int32, Int16, String)])
  func aTimeIsWrittenAsGoWritesItAndComesBack(_ seconds: Int64, _ nanoseconds: Int32, _ offset: Int16, _ wanted: String)
  {
    let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds, offset: offset)
    #expect(text(time) == wanted)
    #expect(Timestamp(Array(wanted.utf8)) == time)
  }

  /// As restic's `FixTime` does, so that the text has four digits of a year.
  @Test(
    arguments: [
      (253_402_300_800, "9999-01-01T00:00:00Z"), (-62_167_219_201, "0000-12-31T23:59:59Z"),
      (253_407_398_400, "9999-03-01T00:00:00Z"),
    ] as [(Int64, String)])
  func aYearThatHasNoFourDigitsIsCut(_ seconds: Int64, _ wanted: String) {
    #expect(text(Timestamp(seconds: seconds)) == wanted)
  }

  @Test(arguments: [Int64.min, Int64.max])
  func anyNumberOfSecondsHasAText(_ seconds: Int64) {
    #expect(Timestamp(Array(text(Timestamp(seconds: seconds)).utf8)) != nil)
  }

  @Test func daysOfFourCenturiesAreFoundationsDays() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    for day in stride(from: Int64(-73_049), to: 73_049, by: 9) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day * 86400)))
      let date = try [#require(parts.year), #require(parts.month), #require(parts.day)]
      let wanted = String(format: "%04d-%02d-%02dT00:00:00Z", date[0], date[1], date[2])
      guard text(Timestamp(seconds: day * 86400)) == wanted, Timestamp(Array(wanted.utf8))?.seconds == day * 86400
      else {
        Issue.record("\(wanted) is \(text(Timestamp(seconds: day * 86400)))")
        return
      }
    }
  }

  @Test func momentsAreInOrderWhateverTheirOffset() {
    #expect(Timestamp(seconds: 1, nanoseconds: 2, offset: 60) < Timestamp(seconds: 1, nanoseconds: 3, offset: -60))
    #expect(Timestamp(seconds: -2, nanoseconds: 9) < Timestamp(seconds: -1))
  }

  @Test(arguments: [
    "", "2026", "2026-11-30", "2026-11-30T14:14:20", "2026-13-30T14:14:20Z", "2026-11-30 14:14:20Z",
    "2026-11-30T14:14:20.Z",
    "2026-11-30T24:14:20Z", "2026-11-30T14:14:20+0100", "2026-11-30T14:14:20Zx", "-026-11-30T14:14:20Z",
    "2026-11-00T14:14:20Z",
  ])
  func whatIsNoTimeIsNothing(_ text: String) { #expect(Timestamp(Array(text.utf8)) == nil) }
}
