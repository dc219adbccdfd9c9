//! Makes small videos and pictures with ffmpeg, each once: they are kept in the target folder by their recipe.

use std::{
    collections::hash_map::DefaultHasher,
    env, fs,
    hash::{Hash, Hasher},
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// A file made by `ffmpeg ARGUMENTS NAME`; the same recipe gives the same file again.
///
/// # Panics
/// If ffmpeg is absent or fails.
pub fn made(name: &str, arguments: &[&str]) -> PathBuf {
    made_of(name, arguments, &[])
}

/// Like [`made`], with bytes for ffmpeg to read from `-`.
///
/// # Panics
/// If ffmpeg is absent or fails.
pub fn made_of(name: &str, arguments: &[&str], input: &[u8]) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut recipe = DefaultHasher::new();
    (name, arguments, input).hash(&mut recipe);
    let folder = folder().join(format!("{:016x}", recipe.finish()));
    let path = folder.join(name);
    if !path.is_file() {
        make(&folder, name, arguments, input);
    }
    path
}

fn folder() -> PathBuf {
    let here = env::current_exe().expect("a test knows where it lies");
    let target = here.ancestors().nth(3);
    target
        .expect("tests lie in target/PROFILE/deps")
        .join("test-media")
}

/// Test binaries may run side by side: each makes the file aside and moves it into place.
fn make(folder: &std::path::Path, name: &str, arguments: &[&str], input: &[u8]) {
    fs::create_dir_all(folder).expect("the target folder can be written");
    let aside = tempfile::tempdir_in(folder).expect("the target folder can be written");
    let path = aside.path().join(name);
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .arg(&path)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot start ffmpeg ({e}): run `make setup`"));
    let stdin = ffmpeg.stdin.take();
    // A recipe that reads no input closes it early; what went wrong is told by ffmpeg.
    let _ = stdin.expect("stdin is piped").write_all(input);
    let ended = ffmpeg
        .wait_with_output()
        .expect("a child can be waited for");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success() && path.is_file(),
        "ffmpeg {arguments:?} failed: {said}"
    );
    fs::rename(&path, folder.join(name)).expect("the target folder can be written");
}

/// A video of whole colours, one after another, each for so many seconds, at 10 frames a second.
///
/// The codec is ffmpeg's usual one for the end of the name.
pub fn colours(name: &str, parts: &[(&str, f64)]) -> PathBuf {
    colours_with(name, parts, 10, &[])
}

/// Like [`colours`], at another rate and with more options for the output.
pub fn colours_with(name: &str, parts: &[(&str, f64)], rate: u32, options: &[&str]) -> PathBuf {
    let mut arguments = Vec::new();
    for (colour, seconds) in parts {
        arguments.extend(["-f".to_owned(), "lavfi".into(), "-i".into()]);
        arguments.push(format!("color=c={colour}:s=160x120:r={rate}:d={seconds}"));
    }
    let joined: String = (0..parts.len()).map(|n| format!("[{n}:v]")).collect();
    arguments.push("-filter_complex".into());
    arguments.push(format!(
        "{joined}concat=n={}:v=1,format=yuv420p[out]",
        parts.len()
    ));
    arguments.extend(["-map".into(), "[out]".into()]);
    arguments.extend(options.iter().map(|&option| option.to_owned()));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    made(name, &arguments)
}

/// A video in which something moves all the time, with no scene change.
pub fn moving(name: &str, seconds: f64, options: &[&str]) -> PathBuf {
    let source = format!("testsrc=s=160x120:r=10:d={seconds}");
    let mut arguments = vec!["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p"];
    arguments.extend(options);
    made(name, &arguments)
}
