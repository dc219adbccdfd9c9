//! Memory and processor time of this process, as Linux reports them in `/proc/self`.

use procfs::process::{Process, Status};

/// Returns the most memory that this process ever held, in bytes; 0 if the system does not report it.
pub fn peak_rss_bytes() -> u64 {
    status_bytes(|status| status.vmhwm)
}

/// Returns the memory that this process holds now, in bytes; 0 if the system does not report it.
pub fn rss_bytes() -> u64 {
    status_bytes(|status| status.vmrss)
}

fn status_bytes(kib: impl Fn(&Status) -> Option<u64>) -> u64 {
    let status = Process::myself().and_then(|process| process.status());
    let kib = status.ok().and_then(|status| kib(&status));
    kib.map_or(0, |kib| kib * 1024)
}

/// Returns the processor time that this process took so far, in seconds; 0 if the system does not report it.
pub fn cpu_seconds() -> f64 {
    let stat = Process::myself().and_then(|process| process.stat());
    stat.map_or(0.0, |stat| {
        (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
    })
}
