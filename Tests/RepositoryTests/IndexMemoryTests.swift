import BlobStore
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

/// An index that is loaded again and again says what one says that is loaded anew.
@Suite struct IndexMemoryTests {
  private func write(
    _ text: String, _ repository: Repository, _ index: RepositoryIndex = .init(), memory: IndexMemory? = nil
  ) throws -> ObjectID {
    let writer = RepositoryWriter(repository, index: index, memory: memory)
    let id = try writer.save(Array(text.utf8), as: .data).id
    try writer.finish()
    return id
  }

  private func packs(_ index: RepositoryIndex) -> Set<ObjectID> { Set(index.packIDs) }

  @Test func onlyWhatIsNewIsRead() async throws {
    try await Place.make { place in
      try place.create()
      let repository = try place.open()
      for text in ["a", "b", "c"] { _ = try write(text, repository) }
      let memory = IndexMemory()
      _ = try memory.load(repository)
      let id = try write("d", repository)
      let before = repository.store.requests.counts
      let (index, isChanged) = try memory.load(repository)
      let asked = repository.store.requests.counts - before
      #expect(asked[.list] == 1 && asked[.get] == 1 && asked.total == 2)
      #expect(isChanged && index.contains(id, as: .data))
      #expect(packs(index) == packs(try repository.loadIndex()))
    }
  }

  @Test func whatThisRunWroteIsNoChangeAndWhatOthersWroteIs() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let memory = IndexMemory()
      let first = try memory.load(repository)
      #expect(!first.isChanged)
      let id = try write("a", repository, first.index, memory: memory)
      let own = try memory.load(repository)
      #expect(!own.isChanged && own.index.contains(id, as: .data))
      _ = try write("b", repository, own.index, memory: memory)
      _ = try write("c", repository)
      #expect(try memory.load(repository).isChanged)
      #expect(try !memory.load(repository).isChanged)
    }
  }

  @Test func whatIsGoneIsNotGoneBy() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let memory = IndexMemory()
      let (kept, gone) = (try write("a", repository), try write("b", repository))
      _ = try memory.load(repository)
      try repository.prune { _, mark in try mark(kept, .data) }
      let (index, isChanged) = try memory.load(repository)
      #expect(isChanged && index.contains(kept, as: .data) && !index.contains(gone, as: .data))
      #expect(packs(index) == packs(try repository.loadIndex()))
    }
  }

  @Test func anIndexThatCannotBeReadIsReadAgainTheNextTime() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let memory = IndexMemory()
      _ = try write("a", repository)
      _ = try memory.load(repository)
      let read = Set(try place.files("index"))
      let id = try write("b", repository)
      let other = try #require(try place.files("index").first { !read.contains($0) })
      try place.flip(other, at: 40)
      #expect(failure { try memory.load(repository) }?.code == .repositoryDamaged)
      try place.flip(other, at: 40)
      let (index, isChanged) = try memory.load(repository)
      #expect(isChanged && index.blobCount == 2 && index.contains(id, as: .data))
    }
  }
}
