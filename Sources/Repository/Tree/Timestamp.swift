/// A moment to the nanosecond, with the offset from UTC that it is written in. As text RFC 3339 as Go writes it: zeros
/// at the end of the fraction cut, `Z` for no offset.
public struct Timestamp: Sendable, Hashable {
  /// Since 1970, in UTC; before it negative.
  public var seconds: Int64
  /// 0 to 999,999,999.
  public var nanoseconds: Int32
  /// Minutes east of UTC that the text is written in; the same moment whatever it is.
  public var offset: Int16

  public init(seconds: Int64, nanoseconds: Int32 = 0, offset: Int16 = 0) {
    (self.seconds, self.nanoseconds, self.offset) = (seconds, nanoseconds, offset)
  }

  /// What Go writes for a time that was never set: the first second of the year 1.
  public static let unset = Timestamp(seconds: -62_135_596_800)

  private static let day: Int64 = 86400

  /// - Parameter text: RFC 3339 with at most nine digits of a fraction that count; else nil.
  init?(_ text: [UInt8]) {
    var rest = text[...]
    func number(_ digits: Int, _ range: ClosedRange<Int64>, after separator: Unicode.Scalar? = nil) -> Int64? {
      if let separator, rest.popFirst() != UInt8(ascii: separator) { return nil }
      let part = rest.prefix(digits)
      rest = rest.dropFirst(digits)
      guard part.count == digits, part.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        return nil
      }
      let value = part.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
      return range.contains(value) ? value : nil
    }
    guard let year = number(4, 0...9999), let month = number(2, 1...12, after: "-"),
      let day = number(2, 1...31, after: "-"),
      let hour = number(2, 0...23, after: "T"), let minute = number(2, 0...59, after: ":"),
      let second = number(2, 0...60, after: ":")
    else { return nil }
    var nanoseconds: Int32 = 0
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard !digits.isEmpty else { return nil }
      rest = rest[digits.endIndex...]
      for index in 0..<9 {
        let digit = index < digits.count ? digits[digits.startIndex + index] - UInt8(ascii: "0") : 0
        nanoseconds = nanoseconds * 10 + Int32(digit)
      }
    }
    var offset: Int64 = 0
    switch rest.first {
    case UInt8(ascii: "Z"): rest = rest.dropFirst()
    case let sign? where sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"):
      rest = rest.dropFirst()
      guard let hours = number(2, 0...24), let minutes = number(2, 0...59, after: ":") else { return nil }
      offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
    default: return nil
    }
    guard rest.isEmpty else { return nil }
    let days = Self.days(year: year, month: month, day: day)
    self.init(
      seconds: days * Self.day + hour * 3600 + minute * 60 + second - offset * 60, nanoseconds: nanoseconds,
      offset: Int16(offset))
  }

  /// Between quotes. A year before 0 is written as 0 and one after 9999 as 9999, as restic does: the text has four
  /// digits.
  func write(to text: inout JSONText) {
    let local = seconds.clamped.advanced(by: Int(offset) * 60)
    let days = local.dividedDown(by: Self.day)
    let second = local - days * Self.day
    var (year, month, day) = Self.date(days)
    if !(0...9999).contains(year) {
      year = year < 0 ? 0 : 9999
      // 9999 has no 29th of February.
      if year == 9999 && month == 2 && day == 29 { (month, day) = (3, 1) }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(38)
    func put(_ value: Int64, _ digits: Int) {
      var divisor: Int64 = 1
      for _ in 1..<digits { divisor *= 10 }
      while divisor > 0 {
        bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
        divisor /= 10
      }
    }
    func put(_ mark: Unicode.Scalar, _ value: Int64, _ digits: Int = 2) {
      bytes.append(UInt8(ascii: mark))
      put(value, digits)
    }
    put("\"", year, 4)
    put("-", month)
    put("-", day)
    put("T", second / 3600)
    put(":", second / 60 % 60)
    put(":", second % 60)
    if nanoseconds > 0 {
      put(".", Int64(nanoseconds), 9)
      while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
    }
    if offset == 0 {
      bytes.append(UInt8(ascii: "Z"))
    } else {
      put(offset < 0 ? "-" : "+", Int64(abs(offset)) / 60)
      put(":", Int64(abs(offset)) % 60)
    }
    bytes.append(UInt8(ascii: "\""))
    text.raw(bytes)
  }

  /// Days since 1970 of a date of the Gregorian calendar, carried back before its time. A year is counted from March,
  /// so that the leap day is its last; 400 of them are 146,097 days.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month > 2 ? year : year - 1
    let era = marchYear.dividedDown(by: 400)
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted.dividedDown(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}

extension Timestamp: Comparable {
  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
  }
}

extension Int64 {
  /// The quotient, rounded down.
  fileprivate func dividedDown(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }

  /// Far enough from the ends to be reckoned with: the dates beyond have their years cut anyway.
  fileprivate var clamped: Int64 { Swift.min(Swift.max(self, -1 << 60), 1 << 60) }
}
