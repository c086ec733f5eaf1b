//! What Linux tells of the disk and the file system under a directory.

use std::fs;
use std::path::Path;

/// File systems whose files are on another machine.
const NETWORK: [&str; 8] =
    ["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "fuse.glusterfs", "9p"];

/// What is known of a disk; what is not is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Where the file system is mounted.
    pub mount_point: Option<String>,
    /// Its kind, such as `ext4`.
    pub file_system: Option<String>,
    /// What is mounted, such as `/dev/nvme0n1p1`.
    pub source: Option<String>,
    /// How it is mounted.
    pub options: Option<String>,
    /// Whether the disk rotates, as it says of itself; virtual disks often say so wrongly.
    pub is_rotational: Option<bool>,
    /// The scheduler of its requests.
    pub scheduler: Option<String>,
    /// What the disk is called.
    pub model: Option<String>,
}

impl Facts {
    /// What is known of the disk under `directory`.
    pub fn of(directory: &Path) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let (mut facts, device) = mounted(&mounts, &directory);
        // Of btrfs and overlays the number is of no disk; the name of what is mounted may be.
        let by_name = facts.source.as_deref().and_then(|source| source.strip_prefix("/dev/"));
        let candidates = [
            device.map(|device| format!("/sys/dev/block/{device}")),
            by_name.map(|name| format!("/sys/class/block/{name}")),
        ];
        if let Some(block) = candidates.into_iter().flatten().find(|path| Path::new(path).exists())
        {
            facts.read_block(Path::new(&block));
        }
        facts
    }

    fn read_block(&mut self, block: &Path) {
        let Ok(mut disk) = block.canonicalize() else { return };
        // A partition is in the directory of its disk.
        if disk.join("partition").exists() && !disk.pop() {
            return;
        }
        let read = |path: &str| {
            let text = fs::read_to_string(disk.join(path)).ok()?;
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        self.is_rotational = read("queue/rotational").map(|text| text == "1");
        self.scheduler = read("queue/scheduler").map(|text| chosen(&text));
        self.model = read("device/model");
    }

    /// Whether files there are in memory only.
    pub fn is_memory(&self) -> bool {
        matches!(self.file_system.as_deref(), Some("tmpfs" | "ramfs"))
    }

    /// Whether files there are on another machine.
    pub fn is_network(&self) -> bool {
        self.file_system.as_deref().is_some_and(|name| NETWORK.contains(&name))
    }
}

/// The scheduler in brackets; the others could be chosen.
fn chosen(text: &str) -> String {
    let inside = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    inside.map_or(text, |(name, _)| name).to_owned()
}

/// The mount that `path` is on, and the number of its device.
fn mounted(mounts: &str, path: &Path) -> (Facts, Option<String>) {
    let mut best: (usize, Facts, Option<String>) = Default::default();
    for line in mounts.lines() {
        let Some((front, back)) = line.split_once(" - ") else { continue };
        let front: Vec<&str> = front.split(' ').collect();
        let back: Vec<&str> = back.split(' ').collect();
        let ([_, _, device, _, point, options, ..], [kind, source, more, ..]) =
            (&front[..], &back[..])
        else {
            continue;
        };
        let point = point.replace("\\040", " ");
        // Later lines hide earlier ones at the same place.
        if path.starts_with(&point) && point.len() >= best.0 {
            let facts = Facts {
                file_system: Some((*kind).to_owned()),
                source: Some((*source).to_owned()),
                options: Some(format!("{options},{more}")),
                mount_point: Some(point.clone()),
                ..Facts::default()
            };
            best = (point.len(), facts, Some((*device).to_owned()));
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_is_found() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
            30 22 0:40 / /var/lib rw - nfs4 server:/export rw,vers=4.2\n\
            31 22 8:2 / /var/lib/etcd\\040data rw - xfs /dev/sda2 rw\n";
        let on = |path: &str| mounted(mounts, Path::new(path));
        assert_eq!(on("/home").1.as_deref(), Some("8:1"));
        let (facts, _) = on("/var/lib/etcd");
        assert!(facts.is_network() && facts.options.as_deref() == Some("rw,rw,vers=4.2"));
        assert_eq!(on("/var/lib/etcd data/member").0.file_system.as_deref(), Some("xfs"));
        assert_eq!(on("/variable").1.as_deref(), Some("8:1"));
        assert_eq!(chosen("none [mq-deadline] kyber"), "mq-deadline");
    }
}
