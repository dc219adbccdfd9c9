//! Maintenance of a store: checks, backups, compaction and statistics.

mod backup;
mod check;
mod compact;
mod store_stats;

pub use check::Problem;
pub use compact::Compaction;
pub use store_stats::{ByteUsage, StoreStats};
