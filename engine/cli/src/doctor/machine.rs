//! The machine: operating system, processor, memory, limits of a container, locale and time zone.

use std::{env, fs, num::NonZero, path::Path, thread};

use jiff::tz::TimeZone;
use procfs::{CpuInfo, Current, Meminfo, process::Process};
use serde::Serialize;

/// Processor features that ONNX Runtime and the conversion of frames use, as Linux names them.
const CPU_FEATURES: [&str; 13] = [
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
];

/// The machine. What cannot be read is none.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) system: Option<String>,
    pub(super) kernel: String,
    pub(super) architecture: String,
    pub(super) cpu: Option<String>,
    /// Processors of the machine.
    pub(super) processors: Option<usize>,
    /// Processors that this process may use: the number of threads of the models.
    pub(super) usable_processors: usize,
    pub(super) cpu_features: Vec<&'static str>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) available_memory_bytes: Option<u64>,
    pub(super) container: Container,
    /// The locale, if its name is of the usual form.
    pub(super) locale: Option<String>,
    pub(super) time_zone: Option<String>,
}

/// A container and its limits.
#[derive(Debug, Default, Serialize)]
pub(super) struct Container {
    pub(super) kind: Option<&'static str>,
    pub(super) memory_limit_bytes: Option<u64>,
    /// Processor time that may be used in each second, in seconds.
    pub(super) cpu_limit: Option<f64>,
}

impl Machine {
    /// Examines this machine.
    pub(super) fn collect() -> Self {
        let name = rustix::system::uname();
        let cpu = CpuInfo::current().ok();
        let memory = Meminfo::current().ok();
        Self {
            system: fs::read_to_string("/etc/os-release")
                .ok()
                .and_then(|text| system_name(&text)),
            kernel: name.release().to_string_lossy().into_owned(),
            architecture: name.machine().to_string_lossy().into_owned(),
            cpu: cpu.as_ref().and_then(cpu_model),
            processors: cpu.as_ref().map(CpuInfo::num_cores),
            usable_processors: thread::available_parallelism().map_or(1, NonZero::get),
            cpu_features: cpu.as_ref().map_or_else(Vec::new, cpu_features),
            memory_bytes: memory.as_ref().map(|memory| memory.mem_total),
            available_memory_bytes: memory.and_then(|memory| memory.mem_available),
            container: Container::collect(),
            locale: locale(),
            time_zone: TimeZone::system().iana_name().map(str::to_owned),
        }
    }
}

/// Returns the name with the version from the text of `/etc/os-release`.
fn system_name(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn cpu_model(cpu: &CpuInfo) -> Option<String> {
    let named = cpu.model_name(0).map(str::to_owned);
    named.or_else(|| {
        let part = |key| cpu.get_field(0, key);
        let (implementer, part) = (part("CPU implementer")?, part("CPU part")?);
        Some(format!("implementer {implementer}, part {part}"))
    })
}

fn cpu_features(cpu: &CpuInfo) -> Vec<&'static str> {
    let flags = cpu
        .get_field(0, "flags")
        .or_else(|| cpu.get_field(0, "Features"));
    let flags: Vec<&str> = flags.unwrap_or_default().split_whitespace().collect();
    let known = CPU_FEATURES.iter().copied();
    known.filter(|feature| flags.contains(feature)).collect()
}

impl Container {
    fn collect() -> Self {
        let mut container = Self {
            kind: kind_of_container(),
            ..Self::default()
        };
        let own = Process::myself().and_then(|process| process.cgroups());
        let unified = own.ok().and_then(|groups| {
            let group = groups.0.into_iter().find(|group| group.hierarchy == 0)?;
            Some(group.pathname)
        });
        let group = unified.unwrap_or_default();
        let folder = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
        for folder in folder
            .ancestors()
            .take_while(|f| f.starts_with("/sys/fs/cgroup"))
        {
            let read = |name| fs::read_to_string(folder.join(name)).ok();
            let memory = read("memory.max").and_then(|text| text.trim().parse().ok());
            let cpu = read("cpu.max").and_then(|text| cpu_limit(&text));
            container.memory_limit_bytes = smaller(container.memory_limit_bytes, memory);
            container.cpu_limit = smaller(container.cpu_limit, cpu);
        }
        container
    }
}

fn kind_of_container() -> Option<&'static str> {
    let marks = [("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];
    let found = marks.iter().find(|(mark, _)| Path::new(mark).exists());
    found.map(|(_, kind)| *kind)
}

/// Returns the limit in the text of `cpu.max`: quota and period in microseconds.
fn cpu_limit(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

fn smaller<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Returns the locale of characters, such as `de_DE.UTF-8`; another text in these variables is not shown.
fn locale() -> Option<String> {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let value = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"))?;
    is_locale(&value).then_some(value)
}

/// Returns true for `C`, `POSIX`, and a language of two or three letters with an optional territory and encoding.
fn is_locale(value: &str) -> bool {
    let (name, encoding) = value.split_once('.').unwrap_or((value, "UTF-8"));
    let (language, territory) = name.split_once('_').unwrap_or((name, "XX"));
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
    let known_encoding = ["UTF-8", "UTF8", "utf8", "utf-8"].contains(&encoding)
        || encoding
            .strip_prefix("ISO-8859-")
            .is_some_and(|part| part.len() <= 2);
    let language = ["C", "POSIX"].contains(&language)
        || ((2..=3).contains(&language.len()) && letters(language));
    language && territory.len() == 2 && letters(territory) && known_encoding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_system_is_its_pretty_name() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(system_name(text).unwrap(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(system_name("ID=x"), None);
    }

    #[test]
    fn only_names_of_locales_are_shown() {
        for name in [
            "C",
            "C.UTF-8",
            "POSIX",
            "en_US.UTF-8",
            "de_DE",
            "ckb_IQ.utf8",
        ] {
            assert!(is_locale(name), "{name}");
        }
        for other in ["hunter2", "password", "en_US.hunter2", "a_b", ""] {
            assert!(!is_locale(other), "{other}");
        }
    }

    #[test]
    fn the_limit_of_processor_time_is_quota_by_period() {
        assert_eq!(cpu_limit("150000 100000\n"), Some(1.5));
        assert_eq!(cpu_limit("max 100000\n"), None);
        assert_eq!(smaller(Some(2), Some(1)), Some(1));
        assert_eq!(smaller(None, Some(1)), Some(1));
    }
}
