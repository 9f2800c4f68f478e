import Archive
import Foundation
import GoudCore
import Layout
import Volumes

/// A place with archives of one environment, as retention sees it. What has any other name is not looked at.
protocol Shelf: Sendable {
  /// The archives by path; nothing is read yet.
  /// - Throws: what keeps the place from being listed.
  func archives() throws -> [BackupFacts]

  /// The same archive, as its record and its head tell. What is missing or damaged is a state; what fails is thrown.
  func look(_ archive: BackupFacts) throws -> BackupFacts

  /// Reads the archive whole, whatever its record says. Damage is a finding, what keeps it from being read is thrown.
  func read(_ archive: BackupFacts, _ request: PruneRequest) throws -> Reading

  /// Keeps a finding beside the archive.
  func note(_ finding: VerificationRecord.Finding, of archive: String, now: Date) throws

  /// The archive first: from then on the backup is gone, and what a kill leaves is clearly not one.
  func delete(_ archive: String) throws

  /// Checksums and records whose archive is gone, by path: of a prune that was killed, or of a backup killed just before
  /// it was published. Younger than a day they may belong to a backup that is being published now.
  func orphans(now: Date) throws -> [String]

  func removeOrphan(_ path: String) throws
}

/// What reading an archive came to.
struct Reading {
  let facts: BackupFacts
  /// nil when there is nothing new to keep of it.
  let finding: VerificationRecord.Finding?
}

extension BackupFacts {
  /// - Parameter metadata: reads the head of an archive that is not sealed.
  func described(
    _ record: VerificationRecord?, hasChecksum: Bool, metadata: () throws -> BackupMetadata
  ) throws -> BackupFacts {
    var facts = self
    facts.state =
      switch record {
      case _ where !hasChecksum: .broken("its checksum is missing")
      case .some(let record): record.passed ? .verified : .broken("found damaged")
      case .none: .unverified
      }
    if let record, record.passed, let contents = record.contents {
      facts.contents = .told(contents)
    } else if path.isSealed {
      facts.contents = .untold("it is sealed, and no record of it says more")
    } else {
      facts.contents = try Self.contents(environment, metadata)
    }
    return facts
  }

  /// - Throws: what may be otherwise the next time; damage stays damage.
  private static func contents(_ environment: String, _ metadata: () throws -> BackupMetadata) throws -> Contents {
    do {
      return told(try metadata(), environment)
    } catch let error as GoudError where [.corrupt, .refused].contains(error.code.exitStatus) && !error.code.isOfStore {
      return .untold("its metadata cannot be read")
    }
  }

  private static func told(_ metadata: BackupMetadata, _ environment: String) -> Contents {
    metadata.environment == environment
      ? .told(BackupContents(metadata)) : .untold("it says that it is of environment \(metadata.environment)")
  }

  /// Reads it whole, sealed or not.
  /// - Parameter record: what it says of a sealed archive is true of the very bytes that it was written for.
  func read(_ options: ArchiveReadOptions, record: () throws -> VerificationRecord?) throws -> Reading {
    do {
      guard path.isSealed else {
        let report = try ArchiveVerifier.verify(path: path, options: options)
        return Reading(facts: passed(report), finding: .passed(report))
      }
      let digest = try ArchiveReader.compareChecksum(of: path, options: options)
      guard try record()?.sha256 == digest.sha256 else {
        return Reading(facts: broken("not what its record was written for"), finding: nil)
      }
      return Reading(facts: self, finding: nil)
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      return Reading(facts: broken("found damaged"), finding: .damaged)
    }
  }

  private func passed(_ report: ArchiveReport) -> BackupFacts {
    var facts = self
    facts.state = report.checksummed ? .verified : .unverified
    facts.contents = report.metadata.map { Self.told($0, environment) } ?? .untold("it is of the older layout")
    return facts
  }

  /// What no trusted key has signed stands in for nothing, where keys are trusted.
  func unlessUntrusted(_ trust: ArchiveTrust, _ bytes: () throws -> any ArchiveBytes) throws -> BackupFacts {
    if case .broken = state { return self }
    guard !trust.asksForNothing else { return self }
    do {
      _ = try trust.require(path, bytes())
      return self
    } catch let error as GoudError where error.code == .archiveUntrusted {
      return broken("not signed by a trusted key")
    }
  }

  func broken(_ why: String) -> BackupFacts {
    var facts = self
    facts.state = .broken(why)
    return facts
  }
}

extension ErrorCode {
  fileprivate var isOfStore: Bool { rawValue.hasPrefix("blob.") }
}
