//! A disk of a process's own, with a real file system in memory.
//!
//! It takes root or user namespaces; where both are missing, what is said is tested instead.

use brownout::{
    plan::model::Disk,
    run::own_disks,
    units::{ByteSize, Ratio},
};

use super::*;

/// Writes a line for each life, then a little more every 20 ms, and says outside how that went.
const WRITER: &str = "
    echo life >> data/lives
    wc -l < data/lives > lives
    while :; do
        if head -c 100 /dev/zero >> data/more; then echo ok > state; else echo full > state; fi
        sleep 0.02
    done";

fn writer(folder: &Path) -> LaunchPlan {
    fs::create_dir(folder.join("data")).expect("made");
    let mut plan = process(PORTAL, WRITER);
    plan.directory = folder.to_owned();
    plan.disk = Some(Disk {
        path: "data".into(),
        size: ByteSize(4_096_000),
    });
    plan
}

/// The processes of this machine that see a disk of this test's supervisors.
fn seen_by() -> Vec<String> {
    let mark = format!(" brownout-disk-{}-", std::process::id());
    let all = fs::read_dir("/proc").expect("there").flatten();
    let sees = |folder: &Path| {
        let mounts = fs::read_to_string(folder.join("mountinfo")).unwrap_or_default();
        mounts.contains(&mark)
    };
    let seeing = all.map(|entry| entry.path()).filter(|path| sees(path));
    seeing.map(|path| path.display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_fills_up_and_its_data_outlive_a_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let stand = Stand::new(vec![("portal", writer(folder.path()))]);
    let started = stand.supervisor.start().await;
    let executable = Path::new(env!("CARGO_BIN_EXE_brownout"));
    if let Err(why) = own_disks(executable, [ByteSize(4_096_000)]) {
        let error = started.expect_err("it has no disk").to_string();
        assert!(error.contains(&why), "{error}");
        return;
    }
    started.expect("starts");
    let said = |file: &str, wanted: &str| {
        eventually(&format!("{file} says {wanted}"), || {
            let text = fs::read_to_string(folder.path().join(file)).ok()?;
            (text.trim() == wanted).then_some(())
        });
    };
    let share = |used| Some(Ratio::new(used).expect("a share"));
    said("state", "ok");
    said("lives", "1");
    let hidden = fs::read_dir(folder.path().join("data")).expect("there");
    assert_eq!(hidden.count(), 0, "nothing is seen outside");

    let full = stand.supervisor.fill(PORTAL, share(1.0)).await;
    let full = full.expect("filled");
    assert_eq!((full.size.0, full.free.0), (4_096_000, 0));
    said("state", "full");
    stand.supervisor.kill(PORTAL).await.expect("killed");
    said("lives", "2");
    said("state", "full");
    let log = fs::read_to_string(stand.folder.path().join("logs/portal.log")).expect("there");
    assert!(log.contains("No space left on device"), "{log}");

    let part = stand.supervisor.fill(PORTAL, share(0.75)).await;
    let part = part.expect("less is in the way");
    assert!((900_000..=1_024_000).contains(&part.free.0), "{part:?}");
    said("state", "ok");
    let empty = stand.supervisor.fill(PORTAL, None).await.expect("emptied");
    assert!(empty.free.0 > 3_000_000, "{empty:?}");
    // a life that begins after all that finds it as well
    stand.supervisor.kill(PORTAL).await.expect("killed");
    said("lives", "3");
    assert_ne!(seen_by(), Vec::<String>::new());
    stand.supervisor.shutdown().await;
    assert_eq!(seen_by(), Vec::<String>::new());
    let hidden = fs::read_dir(folder.path().join("data")).expect("there");
    assert_eq!(hidden.count(), 0, "nothing was ever written there");
}

#[tokio::test]
async fn a_process_without_a_disk_has_none_to_fill() {
    let stand = Stand::new(vec![("portal", process(PORTAL, "exec sleep 60"))]);
    stand.supervisor.start().await.expect("starts");
    let error = stand.supervisor.fill(PORTAL, Some(Ratio::ONE)).await;
    let error = error.expect_err("there is none").to_string();
    assert_eq!(error, "it has no disk of its own");
    stand.supervisor.shutdown().await;
}
