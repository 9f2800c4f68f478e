import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What this process takes, as the kernel counts it. Names and units are those that Prometheus' own libraries use.
struct ProcessFigures: Sendable {
  /// Bytes in memory.
  let residentBytes: Double?
  let processorSeconds: Double
  let openFiles: Double?
  let openFilesLimit: Double?

  init() {
    let pages = (try? Descriptor.open("/proc/self/statm", O_RDONLY).readAll())
      .flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").dropFirst().first }
      .flatMap { Double($0) }
    residentBytes = pages.map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    processorSeconds = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    openFiles = (try? FileSystem.names(in: "/proc/self/fd")).map { Double($0.count) }
    var limit = rlimit()
    openFilesLimit =
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : nil
  }

  func write(to exposition: inout Exposition) {
    exposition.gauge("process_resident_memory_bytes", "Memory in use.", residentBytes)
    exposition.counter("process_cpu_seconds_total", "Processor time used.", processorSeconds)
    exposition.gauge("process_open_fds", "Open files.", openFiles)
    exposition.gauge("process_max_fds", "How many files may be open.", openFilesLimit)
  }
}
