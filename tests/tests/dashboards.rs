//! The files in `dashboards/` match the program: every metric is declared, every rule fires, every panel has data.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeSet,
    env, fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use atom_runtime::metrics::Metrics;
use atom_tests::{
    live_run::{StatusClient, http_get, pipeline},
    program::{Process, Workdir, workspace},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

fn folder() -> PathBuf {
    workspace().join("dashboards")
}

/// Returns a program of Prometheus, from PATH or from where `make test` installs it.
fn tool(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let cache = atom_tests::pack_cache::installed().join("prometheus/usr/bin");
    let found = env::split_paths(&path)
        .chain([cache])
        .map(|folder| folder.join(name));
    let mut found = found.filter(|program| program.is_file());
    found
        .next()
        .unwrap_or_else(|| panic!("there is no {name}: run `make test`"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// Returns the names of Atom's metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_name_char(c));
    let own = words.filter(|word| word.starts_with("atom_") && !word.contains(':'));
    own.map(str::to_owned).collect()
}

#[test]
fn every_metric_that_a_dashboard_names_is_declared() {
    let metrics = Metrics::new();
    let declared: BTreeSet<_> = metrics
        .declarations()
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    let plain = |name: &str| {
        let histogram = ["_bucket", "_sum", "_count"];
        let stems = histogram.iter().filter_map(|end| name.strip_suffix(end));
        stems.chain([name]).any(|name| declared.contains(name))
    };
    let mut used = BTreeSet::new();
    for path in files(&folder()) {
        let named = names(&fs::read_to_string(&path).unwrap());
        for name in &named {
            assert!(plain(name), "{} names {name}", path.display());
        }
        if path.extension().is_some_and(|end| end == "json") {
            used.extend(named);
        }
    }
    // Every metric is shown in a panel.
    let shown = |name: &&str| used.iter().any(|other| other.starts_with(*name));
    let hidden: Vec<_> = declared.iter().filter(|name| !shown(name)).collect();
    assert!(hidden.is_empty(), "no panel shows {hidden:?}");
}

#[test]
fn prometheus_accepts_the_configuration_and_every_alert_passes_its_tests() {
    for arguments in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "rules/alerts.yml", "rules/recording.yml"],
        &["test", "rules", "rules_test.yml"],
    ] {
        let mut command = Command::new(tool("promtool"));
        command.args(arguments).current_dir(folder());
        Process::start(command).wait(Duration::from_secs(60)).ok();
    }
    let text = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let (alerts, tests) = (text("rules/alerts.yml"), text("rules_test.yml"));
    for line in alerts.lines() {
        if let Some((_, alert)) = line.split_once("- alert: ") {
            assert!(tests.contains(alert), "no test is about {alert}");
        }
    }
}

/// Queries Prometheus and returns the data of its response.
fn prometheus_data(prometheus: SocketAddr, path: &str) -> Option<Value> {
    let (status, body) = http_get(prometheus, path, "").ok()?;
    (status == 200).then(|| serde_json::from_str::<Value>(&body).unwrap()["data"].clone())
}

/// Returns all queries of the dashboard, with its variables replaced.
fn queries() -> Vec<String> {
    let text = fs::read_to_string(folder().join("grafana/atom.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    let mut pending = vec![&dashboard["panels"]];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(values) => pending.extend(values),
            Value::Object(object) => {
                found.extend(
                    object
                        .get("expr")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                pending.extend(object.values());
            }
            _ => {}
        }
    }
    let filled = |query: String| {
        query
            .replace("$__rate_interval", "10s")
            .replace("$source", ".*")
    };
    found.into_iter().map(filled).collect()
}

/// Starts Prometheus with the repository's configuration, changed to scrape one run every second.
fn start_prometheus(dir: &Workdir, scraped: SocketAddr, listen: SocketAddr) -> Process {
    let configuration = fs::read_to_string(folder().join("prometheus.yml")).unwrap();
    let configuration = configuration
        .replace("127.0.0.1:9600", &scraped.to_string())
        .replace("5s", "1s")
        .replace("4s", "1s")
        .replace("rules/", &format!("{}/rules/", folder().display()));
    let file = dir.write("prometheus.yml", configuration);
    let mut command = Command::new(tool("prometheus"));
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.path("data").display()
        ))
        .arg(format!("--web.listen-address={listen}"));
    Process::start(command)
}

/// Waits until every query has a result.
#[track_caller]
fn wait_for_data(prometheus: &Process, address: SocketAddr, queries: &[String]) {
    let empty = |query: &&String| {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let data = prometheus_data(address, &format!("/api/v1/query?query={query}"));
        data.is_none_or(|data| data["result"].as_array().is_none_or(Vec::is_empty))
    };
    let start = Instant::now();
    loop {
        let missing: Vec<_> = queries.iter().filter(empty).collect();
        if missing.is_empty() {
            return;
        }
        let late = start.elapsed() > Duration::from_secs(90);
        assert!(!late, "no data for {missing:#?}\n{prometheus}");
        thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn a_real_prometheus_has_data_for_every_panel() {
    let dir = Workdir::new();
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"live.db\"\n\
                 [node.red]\nkind = \"reason\"\ninputs = [\"captions\"]\nask = \"Is it red?\"\n";
    let text = pipeline(
        &[("door", "test://ball?fps=10"), ("yard", "test://smpte")],
        "live = true",
    );
    dir.write("live.toml", text + index);
    let process = dir.start(&["run", "live.toml", "--listen", "127.0.0.1:0"]);
    let client = StatusClient::of(&process);
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let prometheus = start_prometheus(&dir, client.address(), free);
    let queries = queries();
    assert!(queries.len() > 20, "{queries:#?}");
    wait_for_data(&prometheus, free, &queries);
    let targets = prometheus_data(free, "/api/v1/targets").unwrap();
    assert_eq!(targets["activeTargets"][0]["health"], "up", "{targets}");
    let rules = prometheus_data(free, "/api/v1/rules").unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    for rule in rules {
        assert_ne!(rule["health"], "err", "{rule}");
        assert_ne!(rule["state"], "firing", "{rule}");
    }
    prometheus.interrupt();
    process.interrupt().ok();
}
