//! What a process has used so far, from /proc.

use std::fs;
use std::time::Duration;

/// What a process has used since its start.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// Processor time, of all its threads.
    pub cpu: Duration,
    /// Page faults that needed no disk.
    pub faults: u64,
    /// Resident memory now and at its highest, in KiB.
    pub resident: u64,
    pub peak: u64,
}

impl Usage {
    /// What `process` has used; nothing where /proc does not say.
    pub fn of(process: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The fields after the name, which may hold blanks, from the third on (proc(5)).
        let fields: Vec<u64> = stat
            .rsplit_once(") ")
            .map(|(_, rest)| rest.split(' ').map(|field| field.parse().unwrap_or(0)))
            .map(Iterator::collect)
            .unwrap_or_default();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        // In hundredths of a second, but of threads and children that have ended too.
        let ticks: u64 = (14..=17).map(field).sum();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        Self {
            cpu: Duration::from_millis(ticks * 10).max(threads(process)),
            faults: field(10),
            resident: kib(&status, "VmRSS:"),
            peak: kib(&status, "VmHWM:"),
        }
    }
}

/// Processor time of the threads there are, to the nanosecond.
fn threads(process: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Duration::ZERO;
    };
    let nanos = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}
