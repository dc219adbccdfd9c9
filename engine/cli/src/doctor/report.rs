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
    /// What is missing or unusual, with its cure; what captions need comes first.
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
