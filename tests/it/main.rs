//! Integration tests: they drive the real executable, and hold the code to the shape that
//! ARCHITECTURE.md describes.

mod bad_files;
mod browser;
#[cfg(target_os = "linux")]
mod disk;
mod dns;
mod elsewhere;
mod endings;
#[cfg(target_os = "linux")]
mod exec;
mod faults_http;
mod guard;
mod guardian;
mod https;
mod import;
mod imports;
mod launch;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod orphans;
#[cfg(target_os = "linux")]
mod ports;
mod proxy;
#[cfg(target_os = "linux")]
mod resolver;
mod servers;
mod shipped_files;
#[cfg(target_os = "linux")]
mod stall;
mod support;
#[cfg(target_os = "linux")]
mod tls;
mod truth;
mod users;
mod weather;

/// The executable, in the project's folder, without the caller's colour settings.
fn brownout(args: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_brownout"));
    command
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR");
    command
}
