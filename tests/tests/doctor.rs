//! `atom doctor` reports what a machine has, however broken it is, and nothing secret.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use atom_tests::{
    pack_cache,
    program::{Process, ProgramOutput, TIMEOUT, Workdir},
};
use serde_json::Value;

/// Runs `atom doctor --json` with variables set.
fn doctor(dir: &Workdir, variables: &[(&str, &Path)]) -> ProgramOutput {
    let mut command = dir.command();
    command.args(["doctor", "--json"]);
    command.envs(variables.iter().copied());
    Process::start(command).wait(TIMEOUT)
}

/// Returns the report, after a check that the exit code and the findings agree with it.
#[track_caller]
fn report(output: &ProgramOutput) -> Value {
    assert!(!output.stderr.contains("panicked"), "{output}");
    let [report] = &output.json_lines()[..] else {
        panic!("one line of JSON expected: {output}");
    };
    let ready = report["ready"].as_bool().unwrap();
    let needed = findings(report).iter().any(|f| f["needed"] == true);
    assert_eq!((ready, output.code), (!needed, Some(i32::from(!ready))));
    report.clone()
}

fn findings(report: &Value) -> Vec<Value> {
    report["findings"].as_array().unwrap().clone()
}

/// Asserts that a finding that captions need names the problem and has the cure.
#[track_caller]
fn assert_needed(report: &Value, problem: &str, cure: &str) {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let found = findings(report).iter().any(|finding| {
        finding["needed"] == true
            && text(finding, "problem").contains(problem)
            && text(finding, "cure").contains(cure)
    });
    assert!(found, "no {problem:?} with {cure:?} in {report:#}");
}

#[test]
fn a_machine_after_set_up_is_ready() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let report = report(&doctor(&dir, &[]));
    assert_eq!(report["ready"], true, "{report:#}");
    assert_eq!(report["versions"]["atom"], env!("CARGO_PKG_VERSION"));
    let providers = report["onnx_runtime"]["execution_providers"]
        .as_array()
        .unwrap();
    assert!(providers.contains(&"CPUExecutionProvider".into()));
    let packs = report["packs"]["installed"].as_array().unwrap();
    let mini = packs.iter().find(|pack| pack["name"] == "mini").unwrap();
    assert_eq!(mini["faults"], Value::Array(Vec::new()));
    let decoders = report["gstreamer"]["decoders"].as_array().unwrap();
    let h264 = decoders.iter().find(|decoder| decoder["format"] == "H.264");
    assert!(h264.unwrap()["element"].is_string(), "{report:#}");
}

#[test]
fn the_text_has_all_sections_and_ends_with_the_result() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let text = dir.atom(&["doctor"]).ok().stdout;
    for part in [
        "atom ",
        "\nMachine\n",
        "\nGStreamer\n",
        "\nONNX Runtime\n",
        "\nPacks in $ATOM_CACHE/packs\n",
        "\nStorage\n",
        "\nLimits\n",
        "\nResult\n  ready: ",
        "atom models verify",
        "$XDG_DATA_HOME/atom/atom.db, does not exist yet",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn an_empty_cache_is_reported_with_the_commands_that_fill_it() {
    let dir = Workdir::new();
    let cache = dir.path("empty");
    let report = report(&doctor(&dir, &[("ATOM_CACHE", &cache)]));
    assert_needed(
        &report,
        "the pack mini is not installed",
        "atom models install mini",
    );
    assert_needed(
        &report,
        "ONNX Runtime cannot be used",
        "atom models install onnxruntime",
    );
    assert_eq!(report["versions"]["onnx_runtime"], Value::Null);
    assert!(!cache.exists());
    let text = dir.with_cache(&cache).atom(&["doctor"]);
    assert_eq!(text.code, Some(1), "{text}");
    let end = "  problem: the pack mini is not installed\n    cure: atom models install mini\n";
    assert!(text.stdout.ends_with(end), "{text}");
}

#[test]
fn a_cache_that_cannot_be_read_is_reported() {
    let dir = Workdir::new();
    let cache = dir.write("cache", "not a folder");
    let report = report(&doctor(&dir, &[("ATOM_CACHE", &cache)]));
    assert_needed(&report, "packs cannot be listed", "ATOM_CACHE");
}

#[test]
fn damaged_packs_are_reported_with_their_faults() {
    let dir = Workdir::new();
    let cache = dir.path("cache");
    let mini = pack_cache::link_installed(&cache);
    let manifest = mini.join("pack.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (_, files) = text.split_once("[[files]]").unwrap();
    let file = files
        .lines()
        .find_map(|line| line.strip_prefix("path = \""))
        .unwrap()
        .trim_end_matches('"');
    pack_cache::replace(&mini.join(file), "short");
    let damaged = report(&doctor(&dir, &[("ATOM_CACHE", &cache)]));
    assert_needed(
        &damaged,
        &format!("{file} has 5 bytes"),
        "atom models install mini",
    );
    fs::remove_file(mini.join(file)).unwrap();
    let missing = report(&doctor(&dir, &[("ATOM_CACHE", &cache)]));
    assert_needed(&missing, &format!("{file} is missing"), "install mini");
    pack_cache::replace(&manifest, "name = ");
    let unreadable = report(&doctor(&dir, &[("ATOM_CACHE", &cache)]));
    assert_needed(&unreadable, "the pack mini is damaged", "install mini");
}

#[test]
fn a_library_that_is_none_is_reported_with_the_variable_that_names_it() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let library = dir.write("libonnxruntime.so", "not a library");
    let report = report(&doctor(&dir, &[("ORT_DYLIB_PATH", &library)]));
    assert_needed(&report, "$ORT_DYLIB_PATH", "unset ORT_DYLIB_PATH");
}

#[test]
fn hidden_plugins_are_reported_with_their_packages() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let (empty, registry) = (dir.path("plugins"), dir.path("registry.bin"));
    fs::create_dir(&empty).unwrap();
    let hidden = [
        ("GST_PLUGIN_SYSTEM_PATH_1_0", empty.as_path()),
        ("GST_PLUGIN_PATH_1_0", &empty),
        ("GST_PLUGIN_SYSTEM_PATH", &empty),
        ("GST_PLUGIN_PATH", &empty),
        ("GST_REGISTRY_1_0", &registry),
        ("GST_REGISTRY", &registry),
    ];
    let report = report(&doctor(&dir, &hidden));
    for (problem, package) in [
        ("uridecodebin", "gstreamer1.0-plugins-base"),
        ("qtdemux", "gstreamer1.0-plugins-good"),
        ("no decoder for H.264", "gstreamer1.0-libav"),
    ] {
        assert_needed(&report, problem, &format!("sudo apt install {package}"));
    }
}

#[test]
fn nothing_secret_or_personal_is_in_the_report() {
    const SECRET: &str = "hunter2";
    let dir = Workdir::new();
    let home = dir.path(SECRET);
    fs::create_dir_all(home.join("cache/packs/odd")).unwrap();
    fs::write(home.join("cache/packs/odd/pack.toml"), "name = ").unwrap();
    let mut paths: Vec<_> = ["HOME", "ATOM_CACHE", "XDG_DATA_HOME", "ORT_DYLIB_PATH"]
        .map(|name| (name, home.join("cache")))
        .to_vec();
    paths[0].1.clone_from(&home);
    let words = [
        "LANG",
        "LC_ALL",
        "TZ",
        "USER",
        "HOSTNAME",
        "HTTPS_PROXY",
        "API_TOKEN",
        "ATOM_LOG",
    ];
    for format in [&["doctor"][..], &["doctor", "--json"]] {
        let mut command = dir.command();
        command.args(format);
        command.envs(paths.iter().map(|(name, path)| (name, path)));
        command.envs(words.iter().map(|name| (name, SECRET)));
        let output = Process::start(command).wait(TIMEOUT);
        assert_eq!(output.code, Some(1), "{output}");
        let printed = format!("{}{}", output.stdout, output.stderr);
        assert!(!printed.contains(SECRET), "{output}");
        assert!(output.stdout.contains("$ATOM_CACHE/packs"), "{output}");
    }
}

#[test]
fn the_index_is_not_touched_even_if_it_is_damaged() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let folder = dir.path("data/atom");
    fs::create_dir_all(&folder).unwrap();
    let index = folder.join("atom.db");
    fs::write(&index, "not a database").unwrap();
    let before = fs::metadata(&index).unwrap().modified().unwrap();
    let report = report(&doctor(&dir, &[]));
    assert_eq!(report["storage"]["index"]["bytes"], 14);
    assert_eq!(report["storage"]["index"]["exists"], true);
    assert_eq!(fs::read_to_string(&index).unwrap(), "not a database");
    assert_eq!(fs::metadata(&index).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn without_a_home_the_report_is_written_all_the_same() {
    let mut command = Workdir::new().command();
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "ATOM_CACHE"] {
        command.env_remove(name);
    }
    command.args(["doctor", "--json"]).current_dir("/");
    let report = report(&Process::start(command).wait(TIMEOUT));
    assert_needed(&report, "no cache folder", "ATOM_CACHE");
    assert_eq!(report["storage"]["index"], Value::Null);
}
