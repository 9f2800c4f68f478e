// swift-tools-version: 6.2
import PackageDescription

/// Goud: volume management for RocksDB-backed blockchain nodes.
///
/// Targets stand leaf first; a target imports only what stands above it (docs/architecture.md).
///
/// With `GOUD_PACKAGE=core` in the environment the package is everything up to the workflows, without the network and
/// its dependencies: a storage library, and the fast loop of `./run test core`.

let isCore = Context.environment["GOUD_PACKAGE"] == "core"

/// A file sees what it imports itself, and shows its target's users no other target's names unless it says so.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// What is generated imports as its generator likes.
let generated: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let corePackages: [Package.Dependency] = [
  .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
  .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
]

let networkPackages: [Package.Dependency] = [
  .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
  .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
  .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
  .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
  .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
  .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
  .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
  .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
  .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
  .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
]

let coreTargets: [Target] = [
  // Libraries of the system (scripts/bootstrap installs them).
  .systemLibrary(name: "CLibArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
  .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
  .systemLibrary(name: "CLibZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
  .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
  .target(
    name: "CRocksDB",
    cxxSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
    linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
  .target(name: "CGoudLinux"),
  // The house.
  .target(name: "Layout", swiftSettings: strict),
  .target(name: "RocksDB", dependencies: ["CRocksDB"], swiftSettings: strict),
  .target(
    name: "GoudCore",
    dependencies: ["Layout", "CGoudLinux", .product(name: "Crypto", package: "swift-crypto")],
    swiftSettings: strict),
  .target(name: "Minisign", dependencies: ["GoudCore", "CSodium"], swiftSettings: strict),
  .target(
    name: "VolumeSnapshot", dependencies: ["CGoudLinux", "RocksDB", "Layout", "GoudCore", "CISAL"],
    swiftSettings: strict),
  .target(
    name: "Archive",
    dependencies: ["Layout", "GoudCore", "Minisign", "CGoudLinux", "CLibArchive", "CISAL", "CLibZstd"],
    swiftSettings: strict),
  .target(name: "BlobStore", dependencies: ["GoudCore"], swiftSettings: strict),
  .target(
    name: "Repository",
    dependencies: [
      "Layout", "GoudCore", "BlobStore", "CLibZstd", "CSodium", .product(name: "Crypto", package: "swift-crypto"),
      .product(name: "CryptoExtras", package: "swift-crypto"),
    ],
    swiftSettings: strict),
  .target(
    name: "Tail", dependencies: ["GoudCore", "BlobStore", "Repository"], swiftSettings: strict),
  .target(
    name: "Chain",
    dependencies: [
      "RocksDB", "Layout", "GoudCore", "CSodium", .product(name: "Crypto", package: "swift-crypto"),
      .product(name: "SwiftProtobuf", package: "swift-protobuf"),
    ],
    swiftSettings: strict),
  .target(
    name: "Volumes",
    dependencies: [
      "RocksDB", "Layout", "GoudCore", "Minisign", "VolumeSnapshot", "Archive", "Chain",
      .product(name: "Configuration", package: "swift-configuration"),
    ],
    swiftSettings: strict),
  .target(
    name: "Backup",
    dependencies: [
      "CGoudLinux", "RocksDB", "Layout", "GoudCore", "Minisign", "VolumeSnapshot", "Archive", "BlobStore", "Repository",
      "Tail", "Chain", "Volumes",
      .product(name: "Subprocess", package: "swift-subprocess"),
    ],
    swiftSettings: strict),
  .target(
    name: "Restore",
    dependencies: [
      "CGoudLinux", "Layout", "GoudCore", "Minisign", "VolumeSnapshot", "Archive", "Repository", "Tail", "Chain",
      "Volumes", "Backup",
    ],
    swiftSettings: strict),
  .target(
    name: "Retention",
    dependencies: [
      "Layout", "GoudCore", "Minisign", "Archive", "BlobStore", "Repository", "Tail", "Volumes", "Backup", "Restore",
    ],
    swiftSettings: strict),
  // A writer that Goud has never seen: the oracle of the torture tests and of the demo.
  .target(
    name: "WriterOracle",
    dependencies: ["RocksDB", "GoudCore"],
    path: "Tests/WriterOracle",
    swiftSettings: strict),
  .executableTarget(
    name: "goud-writer",
    dependencies: [
      "RocksDB", "GoudCore", "WriterOracle",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    path: "Tests/TortureWriter",
    swiftSettings: strict),
  // An application with databases of every kind, orders of keys of its own among them.
  .executableTarget(
    name: "goud-foreign",
    path: "Tests/ForeignWriter",
    cxxSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
    linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
  // Tests mirror Sources; the last two run the real binary.
  .target(
    name: "TestSupport",
    dependencies: [
      "CRocksDB", "GoudCore", "BlobStore", "VolumeSnapshot",
      .product(name: "Subprocess", package: "swift-subprocess"),
    ],
    path: "Tests/TestSupport",
    swiftSettings: strict),
  .testTarget(name: "RocksDBTests", dependencies: ["RocksDB", "TestSupport"], swiftSettings: strict),
  .testTarget(name: "GoudCoreTests", dependencies: ["Layout", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(
    name: "VolumeSnapshotTests",
    dependencies: [
      "GoudCore", "VolumeSnapshot", "RocksDB", "TestSupport", "WriterOracle", "goud-foreign", "goud-writer",
    ],
    swiftSettings: strict),
  .testTarget(name: "MinisignTests", dependencies: ["Minisign", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(name: "BlobStoreTests", dependencies: ["BlobStore", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(
    name: "RepositoryTests", dependencies: ["Repository", "BlobStore", "Layout", "GoudCore", "TestSupport"],
    swiftSettings: strict),
  .testTarget(
    name: "TailTests", dependencies: ["Tail", "Repository", "BlobStore", "GoudCore", "TestSupport"],
    swiftSettings: strict),
  .testTarget(name: "ArchiveTests", dependencies: ["Archive", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(
    name: "VolumesTests",
    dependencies: [
      "Archive", "Minisign", "Volumes", "RocksDB", "Layout", "GoudCore", "VolumeSnapshot", "TestSupport",
      "goud-writer",
    ],
    swiftSettings: strict),
  .testTarget(
    name: "RecoveryTests",
    dependencies: [
      "Backup", "Restore", "Retention", "Archive", "BlobStore", "Repository", "Tail", "Chain", "Volumes",
      "VolumeSnapshot", "RocksDB", "Layout", "GoudCore", "CGoudLinux", "Minisign", "TestSupport", "WriterOracle",
      "goud-writer",
    ],
    swiftSettings: strict),
  .testTarget(
    name: "ChainTests",
    dependencies: [
      "Chain", "RocksDB", "GoudCore", "TestSupport", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
    ],
    exclude: ["Vectors"],
    swiftSettings: strict),
]

let networkTargets: [Target] = [
  .target(
    name: "Rclone",
    dependencies: [
      "Layout", "GoudCore", "BlobStore",
      .product(name: "AsyncHTTPClient", package: "async-http-client"),
      .product(name: "NIOCore", package: "swift-nio"),
      .product(name: "Subprocess", package: "swift-subprocess"),
    ],
    swiftSettings: strict),
  .target(name: "Replication", dependencies: ["GoudCore"], swiftSettings: strict),
  .target(
    name: "PeerProtocol",
    dependencies: [
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
      .product(name: "SwiftProtobuf", package: "swift-protobuf"),
    ],
    swiftSettings: generated),
  .target(
    name: "Node",
    dependencies: [
      "RocksDB", "Layout", "GoudCore", "Chain", "Replication", "PeerProtocol",
      .product(name: "Crypto", package: "swift-crypto"),
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
      .product(name: "HTTPTypes", package: "swift-http-types"),
      .product(name: "Hummingbird", package: "hummingbird"),
      .product(name: "HummingbirdCore", package: "hummingbird"),
      .product(name: "HummingbirdTLS", package: "hummingbird"),
      .product(name: "JWTKit", package: "jwt-kit"),
      .product(name: "Logging", package: "swift-log"),
      .product(name: "NIOCertificateReloading", package: "swift-nio-extras"),
      .product(name: "NIOCore", package: "swift-nio"),
      .product(name: "NIOHTTP1", package: "swift-nio"),
      .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
      .product(name: "NIOPosix", package: "swift-nio"),
      .product(name: "NIOSSL", package: "swift-nio-ssl"),
      .product(name: "NIOTLS", package: "swift-nio"),
      .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      .product(name: "SwiftASN1", package: "swift-asn1"),
      .product(name: "X509", package: "swift-certificates"),
    ],
    swiftSettings: strict),
  .target(
    name: "Drivers",
    dependencies: ["GoudCore", "Volumes", .product(name: "Subprocess", package: "swift-subprocess")],
    swiftSettings: strict),
  .target(
    name: "Runtime",
    dependencies: [
      "Layout", "GoudCore", "CGoudLinux", "Chain", "Volumes",
      .product(name: "AsyncHTTPClient", package: "async-http-client"),
      .product(name: "Crypto", package: "swift-crypto"),
      .product(name: "NIOCore", package: "swift-nio"),
      .product(name: "NIOHTTP1", package: "swift-nio"),
      .product(name: "NIOSSL", package: "swift-nio-ssl"),
    ],
    swiftSettings: strict),
  .target(
    name: "Agent",
    dependencies: [
      "Layout", "GoudCore", "Volumes", "Backup", "Runtime",
      .product(name: "Subprocess", package: "swift-subprocess"),
      .product(name: "AsyncHTTPClient", package: "async-http-client"),
      .product(name: "HTTPTypes", package: "swift-http-types"),
      .product(name: "Hummingbird", package: "hummingbird"),
      .product(name: "Logging", package: "swift-log"),
      .product(name: "NIOCore", package: "swift-nio"),
      .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    ],
    swiftSettings: strict),
  .target(
    name: "Commands",
    dependencies: [
      "Layout", "GoudCore", "Minisign", "CGoudLinux", "VolumeSnapshot", "Archive", "BlobStore", "Repository", "Volumes",
      "Drivers",
      "Backup", "Restore", "Retention",
      "Chain", "Node", "Runtime", "Agent", "Rclone",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
      .product(name: "Logging", package: "swift-log"),
      .product(name: "Subprocess", package: "swift-subprocess"),
    ],
    swiftSettings: strict),
  .executableTarget(name: "goud", dependencies: ["Commands"], swiftSettings: strict),
  // Clients of a network that remember every acknowledgement: load, oracle and benchmark.
  .executableTarget(
    name: "goud-load",
    dependencies: [
      "GoudCore",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
      .product(name: "AsyncHTTPClient", package: "async-http-client"),
      .product(name: "NIOCore", package: "swift-nio"),
    ],
    path: "Tests/NetworkLoad",
    swiftSettings: strict),
  // Makes and measures ledgers: `./run bench network`.
  .executableTarget(
    name: "goud-ledger-bench",
    dependencies: ["Chain", .product(name: "ArgumentParser", package: "swift-argument-parser")],
    path: "Benchmarks/ledger",
    swiftSettings: strict),
  .testTarget(
    name: "RcloneTests", dependencies: ["Rclone", "BlobStore", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(
    name: "DriversTests", dependencies: ["Drivers", "Volumes", "GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(name: "ReplicationTests", dependencies: ["Replication", "GoudCore"], swiftSettings: strict),
  .testTarget(
    name: "NodeTests",
    dependencies: [
      "Node", "Chain", "Replication", "PeerProtocol", "GoudCore", "TestSupport",
      .product(name: "Crypto", package: "swift-crypto"),
      .product(name: "GRPCCore", package: "grpc-swift-2"),
      .product(name: "Hummingbird", package: "hummingbird"),
      .product(name: "HummingbirdTesting", package: "hummingbird"),
      .product(name: "Logging", package: "swift-log"),
      .product(name: "NIOCore", package: "swift-nio"),
      .product(name: "NIOEmbedded", package: "swift-nio"),
      .product(name: "HTTPTypes", package: "swift-http-types"),
      .product(name: "NIOHTTP1", package: "swift-nio"),
      .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
      .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
      .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      .product(name: "SwiftASN1", package: "swift-asn1"),
      .product(name: "X509", package: "swift-certificates"),
    ],
    swiftSettings: strict),
  .testTarget(
    name: "RuntimeTests",
    dependencies: [
      "Runtime", "Agent", "Chain", "Layout", "GoudCore", "TestSupport",
      .product(name: "Logging", package: "swift-log"),
    ],
    swiftSettings: strict),
  .testTarget(name: "CommandsTests", dependencies: ["GoudCore", "TestSupport"], swiftSettings: strict),
  .testTarget(
    name: "IntegrationTests",
    dependencies: [
      "Chain", "Layout", "GoudCore", "RocksDB", "TestSupport", "WriterOracle", "goud", "goud-load",
      "goud-writer",
    ],
    exclude: ["crowd.py", "schemathesis.toml"],
    swiftSettings: strict),
  .testTarget(
    name: "TortureTests",
    dependencies: [
      "VolumeSnapshot", "GoudCore", "RocksDB", "TestSupport", "WriterOracle", "goud",
      "goud-writer",
    ],
    swiftSettings: strict),
]

let package = Package(
  name: "goud",
  products: isCore ? [] : [.executable(name: "goud", targets: ["goud"])],
  dependencies: isCore ? corePackages : corePackages + networkPackages,
  targets: isCore ? coreTargets : coreTargets + networkTargets,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
