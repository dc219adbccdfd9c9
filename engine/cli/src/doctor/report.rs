//! The report: facts, findings, and whether the machine is ready.

use serde::Serialize;

use super::{
    findings::{Finding, findings},
    installation::Installation,
};

/// The report. Its JSON has these keys, and those of the facts beside them.
#[derive(Debug, Serialize)]
pub struct DoctorReport {
    /// True if a video can be captioned with the default pack.
    pub ready: bool,
    /// Missing or unusual things, each with its cure; those that captions need come first.
    pub(super) findings: Vec<Finding>,
    #[serde(flatten)]
    pub(super) installation: Installation,
}

impl DoctorReport {
    /// Examines this machine. Nothing is written or changed.
    pub fn collect() -> Self {
        let installation = Installation::collect();
        let findings = findings(&installation);
        Self {
            ready: findings.iter().all(|finding| !finding.needed),
            findings,
            installation,
        }
    }
}
