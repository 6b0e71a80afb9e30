//! A small disk for the files that a monitor writes. It can be filled, and it is looked through for passwords
//! before it is gone.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::own_network;
use crate::lab::passwords;

const FILLER: &str = "filler";

pub struct Disk {
    mounted: Mounted,
}

/// Ends with its owner, also when a password was found.
struct Mounted(PathBuf);

impl Disk {
    /// In a folder that is made for it, and so large as `mount` has it.
    pub fn mount(folder: PathBuf, size: &str) -> Disk {
        fs::create_dir(&folder).expect("the place takes a folder");
        let mount = format!("mount -t tmpfs -o size={size} soak {}", folder.display());
        own_network::run(&mount);
        Disk {
            mounted: Mounted(folder),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Until it takes nothing more.
    pub fn fill(&self) {
        let mut file = File::create(self.path(FILLER)).expect("a full disk takes a name");
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    pub fn empty(&self) {
        fs::remove_file(self.path(FILLER)).expect("it was filled");
    }

    /// The files go into this folder, to be read when the disk is gone.
    pub fn keep(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("the folder takes a folder");
        for entry in fs::read_dir(self.folder()).expect("the disk is there") {
            let entry = entry.expect("the disk can be read");
            let copy = folder.join(entry.file_name());
            fs::copy(entry.path(), copy).expect("the folder takes a file");
        }
    }

    fn folder(&self) -> &Path {
        &self.mounted.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        passwords::assert_none_in_folder(self.folder());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;
    use crate::lab::place::Place;

    #[test]
    fn a_password_on_a_monitors_disk_fails_the_soak() {
        own_network::within(|| {
            let place = Place::new();
            let ends_with = |text: String| {
                let disk = Disk::mount(place.path("disk"), "64k");
                fs::write(disk.path("status.json"), text).unwrap();
                let end = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(disk)));
                // It can be removed only if nothing is mounted there any more.
                fs::remove_dir(place.path("disk")).unwrap();
                end
            };
            assert!(ends_with(passwords::marked("word")).is_err());
            assert!(ends_with("{}".to_owned()).is_ok());
        });
    }

    #[test]
    fn a_full_disk_takes_nothing_and_an_emptied_one_does() {
        own_network::within(|| {
            let place = Place::new();
            let disk = Disk::mount(place.path("disk"), "64k");
            disk.fill();
            assert!(fs::write(disk.path("status.json"), "{}").is_err());
            disk.empty();
            fs::write(disk.path("status.json"), "{}").unwrap();
            disk.keep(&place.path("kept"));
            assert_eq!(
                fs::read(place.path("kept").join("status.json")).unwrap(),
                b"{}"
            );
        });
    }
}
