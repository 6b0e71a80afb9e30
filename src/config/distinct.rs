//! No file that the monitor writes may be another file that it needs: the lock file is emptied and
//! removed, the state file and the published files are replaced, the log file is appended to.
//!
//! Files are told by device and inode, so that another name of one (a link, a mount) is found out. It
//! opens nothing.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::settings::{LogTarget, Publication, Settings};
use crate::quote::Quote;

/// How many symbolic links are followed one after another, as Linux has it.
const MOST_LINKS: u32 = 40;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Lock,
    State,
    /// What the state file is written to before it takes its name.
    NewState,
    /// Where a damaged state file is put aside.
    DamagedState,
    /// What is locked while a monitor keeps its memory in the state file.
    StateLock,
    Log,
    Published(Publication),
    /// What it is written to before it takes its name.
    NewPublished(Publication),
    Recording,
    /// What a recording begins as before it takes its name.
    NewRecording,
    /// The full one before.
    OlderRecording,
    Director,
    Syslog,
    Config,
    Accounts,
    Credentials,
    Authorities,
    Script,
}

impl Purpose {
    fn is_written(self) -> bool {
        matches!(
            self,
            Purpose::Lock
                | Purpose::State
                | Purpose::NewState
                | Purpose::DamagedState
                | Purpose::StateLock
                | Purpose::Log
                | Purpose::Published(_)
                | Purpose::NewPublished(_)
                | Purpose::Recording
                | Purpose::NewRecording
                | Purpose::OlderRecording
        )
    }

    /// Files that one choice names: they differ by themselves.
    fn choice(self) -> Purpose {
        match self {
            Purpose::NewState | Purpose::DamagedState | Purpose::StateLock => Purpose::State,
            Purpose::NewPublished(publication) => Purpose::Published(publication),
            Purpose::NewRecording | Purpose::OlderRecording => Purpose::Recording,
            other => other,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Lock => "lock file (-k, lockfile)",
            Purpose::State => "state file (--state-file, state_file)",
            Purpose::NewState => {
                "new state file (the name of --state-file or state_file, and .new)"
            }
            Purpose::DamagedState => {
                "damaged state file (the name of --state-file or state_file, and .damaged)"
            }
            Purpose::StateLock => {
                "lock of the state file (the name of --state-file or state_file, and .lock)"
            }
            Purpose::Log => "log file (-l, logfile)",
            Purpose::Published(Publication::Status) => "status file (--status-file, status_file)",
            Purpose::Published(Publication::Metrics) => {
                "metrics file (--metrics-file, metrics_file)"
            }
            Purpose::Published(Publication::Page) => "page (--html-file, html_file)",
            Purpose::NewPublished(Publication::Status) => {
                "new status file (the name of --status-file or status_file, and .new)"
            }
            Purpose::NewPublished(Publication::Metrics) => {
                "new metrics file (the name of --metrics-file or metrics_file, and .new)"
            }
            Purpose::NewPublished(Publication::Page) => {
                "new page (the name of --html-file or html_file, and .new)"
            }
            Purpose::Recording => "recording (--record, record)",
            Purpose::NewRecording => "new recording (the name of --record or record, and .new)",
            Purpose::OlderRecording => "older recording (the name of --record or record, and .1)",
            Purpose::Director => "socket of the pool (-S, director_admin_socket)",
            Purpose::Syslog => "syslog's socket (logger_socket_addr)",
            Purpose::Config => "configuration (--config)",
            Purpose::Accounts => "file of accounts (--accounts)",
            Purpose::Credentials => "credentials (-c, credfile)",
            Purpose::Authorities => "certificates to trust (--ca-file, ca_file)",
            Purpose::Script => "script (--on-change, beupdatescript)",
        })
    }
}

/// A file with two purposes, of which one writes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameFile {
    written: (Purpose, PathBuf),
    other: (Purpose, PathBuf),
}

impl fmt::Display for SameFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &PathBuf| Quote::new(path.to_string_lossy().as_bytes());
        let SameFile {
            written: (written, path),
            other: (other, other_path),
        } = self;
        write!(
            f,
            "{written} and {other} are the same file, {}",
            shown(path)
        )?;
        if path != other_path {
            write!(f, ", also called {}", shown(other_path))?;
        }
        f.write_str("; each needs a file of its own")
    }
}

/// Looks for a file with two purposes among these settings' and the files that they were read from.
pub fn check(
    settings: &Settings,
    config: Option<&Path>,
    accounts: Option<&Path>,
) -> Result<(), SameFile> {
    let files = of(settings, config, accounts);
    let known: Vec<Option<Identity>> = files.iter().map(|(_, path)| Identity::of(path)).collect();
    for (place, written) in files.iter().enumerate() {
        for (other_place, other) in files.iter().enumerate() {
            let same = known[place].is_some() && known[place] == known[other_place];
            let two_choices = written.0.choice() != other.0.choice();
            if same && two_choices && written.0.is_written() {
                return Err(SameFile {
                    written: written.clone(),
                    other: other.clone(),
                });
            }
        }
    }
    Ok(())
}

fn of(
    settings: &Settings,
    config: Option<&Path>,
    accounts: Option<&Path>,
) -> Vec<(Purpose, PathBuf)> {
    let files = &settings.files;
    let beside = |path: &Path, suffix: &str| {
        let mut name = path.to_owned().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (log, syslog) = match &files.log {
        LogTarget::File(path) => (Some(path.clone()), None),
        LogTarget::Syslog(syslog) => (None, syslog.socket.clone()),
        LogTarget::Terminal => (None, None),
    };
    let script = settings.hook.as_ref().map(|hook| hook.script.clone());
    let named = [
        (Purpose::Lock, Some(files.lock.clone())),
        (Purpose::State, Some(files.state.clone())),
        (Purpose::NewState, Some(beside(&files.state, ".new"))),
        (
            Purpose::DamagedState,
            Some(beside(&files.state, ".damaged")),
        ),
        (Purpose::StateLock, Some(beside(&files.state, ".lock"))),
        (Purpose::Log, log),
        (Purpose::Recording, files.record.clone()),
        (
            Purpose::NewRecording,
            files.record.as_deref().map(|path| beside(path, ".new")),
        ),
        (
            Purpose::OlderRecording,
            files.record.as_deref().map(|path| beside(path, ".1")),
        ),
        (Purpose::Director, Some(settings.socket.clone())),
        (Purpose::Syslog, syslog),
        (Purpose::Config, config.map(Path::to_owned)),
        (Purpose::Accounts, accounts.map(Path::to_owned)),
        (Purpose::Credentials, settings.accounts.credentials.clone()),
        (
            Purpose::Authorities,
            settings.probing.certificates.ca_file.clone(),
        ),
        (Purpose::Script, script),
    ];
    let published = files.published.files().flat_map(|(publication, path)| {
        [
            (Purpose::Published(publication), Some(path.to_owned())),
            (
                Purpose::NewPublished(publication),
                Some(beside(path, ".new")),
            ),
        ]
    });
    let there = named.into_iter().chain(published);
    there
        .filter_map(|(purpose, path)| Some((purpose, path?)))
        .collect()
}

/// What tells a file from all others, also one that is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    /// Device and inode.
    There(u64, u64),
    /// The folder's, and the name in it.
    InFolder(u64, u64, OsString),
    /// Below a folder that is not there either.
    Named(PathBuf),
}

impl Identity {
    /// None for what nothing can be written over: a folder, `/dev/null`.
    fn of(path: &Path) -> Option<Identity> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            if let Ok(found) = fs::metadata(&path) {
                let kind = found.file_type();
                let is_file = !kind.is_dir() && !kind.is_char_device();
                return is_file.then(|| Identity::There(found.dev(), found.ino()));
            }
            // A link to what is not there yet: a file made by its name gets the target's.
            match fs::read_link(&path) {
                Ok(target) => path = folder_of(&path).join(target),
                Err(_) => break,
            }
        }
        let folder = fs::metadata(folder_of(&path));
        Some(match (folder, path.file_name()) {
            (Ok(folder), Some(name)) => {
                Identity::InFolder(folder.dev(), folder.ino(), name.to_owned())
            }
            _ => Identity::Named(path),
        })
    }
}

/// The folder that a file of this path is in, or would be.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::chosen::Chosen;
    use crate::config::table::DefaultsOf;
    use crate::program::Program;
    use crate::scratch::Folder;

    impl Folder {
        /// Each file with a name of its own, none of them there.
        fn settings(&self, change: impl FnOnce(&mut Chosen)) -> Settings {
            let mut choices = Chosen {
                lockfile: self.path("lock").into(),
                state_file: self.path("state").into(),
                status_file: Some(self.path("status")).into(),
                metrics_file: Some(self.path("metrics")).into(),
                html_file: Some(self.path("page")).into(),
                record: Some(self.path("recording")).into(),
                logfile: self.path("log").into(),
                director_admin_socket: self.path("socket").into(),
                credfile: self.path("credentials").into(),
                ca_file: self.path("authorities").into(),
                beupdatescript: self.path("script").into(),
                ..Chosen::default()
            };
            change(&mut choices);
            choices
                .build(DefaultsOf::Poolmon, Program::Poolmon)
                .unwrap()
        }

        fn said(&self, settings: &Settings) -> String {
            let (config, accounts) = (self.path("config"), self.path("accounts"));
            match check(settings, Some(&config), Some(&accounts)) {
                Ok(()) => "well".to_owned(),
                Err(same) => same.to_string(),
            }
        }
    }

    const OTHERS: [&str; 13] = [
        "lock",
        "state",
        "status",
        "metrics",
        "page",
        "recording",
        "log",
        "socket",
        "credentials",
        "authorities",
        "script",
        "config",
        "accounts",
    ];

    /// Chooses this file for one purpose.
    type Choose = fn(&mut Chosen, PathBuf);

    #[test]
    fn files_of_their_own_are_well_there_or_not() {
        let folder = Folder::new();
        assert_eq!(folder.said(&folder.settings(|_| {})), "well");
        for name in OTHERS {
            fs::write(folder.path(name), "").unwrap();
        }
        assert_eq!(folder.said(&folder.settings(|_| {})), "well");
        // Nothing is written over these.
        let devices = folder.settings(|choices| {
            let null = PathBuf::from("/dev/null");
            choices.logfile = null.clone().into();
            choices.credfile = null.clone().into();
            choices.ca_file = null.into();
        });
        assert_eq!(folder.said(&devices), "well");
    }

    #[test]
    fn a_file_that_is_written_is_no_other_one_by_any_name() {
        for there in [false, true] {
            for other in OTHERS {
                let folder = Folder::new();
                fs::create_dir(folder.path("sub")).unwrap();
                if there {
                    fs::write(folder.path(other), "").unwrap();
                    fs::hard_link(folder.path(other), folder.path("hard")).unwrap();
                }
                symlink(folder.path(other), folder.path("soft")).unwrap();
                symlink(&folder.0, folder.path("folder")).unwrap();
                let names = [
                    other.to_owned(),
                    "soft".to_owned(),
                    format!("sub/../{other}"),
                    format!("folder/{other}"),
                    "hard".to_owned(),
                ];
                for name in names.iter().take(if there { 5 } else { 4 }) {
                    let path = folder.path(name);
                    for (purpose, settings) in [
                        (
                            "lock",
                            folder.settings(|choices| choices.lockfile = path.clone().into()),
                        ),
                        (
                            "state",
                            folder.settings(|choices| choices.state_file = path.clone().into()),
                        ),
                        (
                            "status",
                            folder.settings(|choices| {
                                choices.status_file = Some(path.clone()).into()
                            }),
                        ),
                        (
                            "metrics",
                            folder.settings(|choices| {
                                choices.metrics_file = Some(path.clone()).into();
                            }),
                        ),
                        (
                            "page",
                            folder
                                .settings(|choices| choices.html_file = Some(path.clone()).into()),
                        ),
                        (
                            "recording",
                            folder.settings(|choices| choices.record = Some(path.clone()).into()),
                        ),
                        (
                            "log",
                            folder.settings(|choices| choices.logfile = path.clone().into()),
                        ),
                    ] {
                        let said = folder.said(&settings);
                        let expected = purpose == other;
                        assert_eq!(said == "well", expected, "{purpose} {name}: {said}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_file_is_written_by_is_its_own_as_well() {
        let folder = Folder::new();
        for name in [
            "state.new",
            "state.damaged",
            "state.lock",
            "status.new",
            "metrics.new",
            "page.new",
            "recording.new",
            "recording.1",
        ] {
            let path = folder.path(name);
            let (made_for, _) = name.split_once('.').unwrap();
            let others: [(&str, Choose); 9] = [
                ("lock", |choices, path| choices.lockfile = path.into()),
                ("state", |choices, path| choices.state_file = path.into()),
                ("status", |choices, path| {
                    choices.status_file = Some(path).into();
                }),
                ("metrics", |choices, path| {
                    choices.metrics_file = Some(path).into();
                }),
                ("page", |choices, path| {
                    choices.html_file = Some(path).into();
                }),
                ("recording", |choices, path| {
                    choices.record = Some(path).into();
                }),
                ("log", |choices, path| choices.logfile = path.into()),
                ("credentials", |choices, path| {
                    choices.credfile = path.into()
                }),
                ("script", |choices, path| {
                    choices.beupdatescript = path.into();
                }),
            ];
            for (other, choose) in others {
                if other == made_for {
                    continue;
                }
                let settings = folder.settings(|choices| choose(choices, path.clone()));
                let said = folder.said(&settings);
                assert!(
                    said.contains("and .") && said.contains(" are the same file, "),
                    "{other} {name}: {said}"
                );
            }
        }
    }

    #[test]
    fn the_message_names_both_choices_and_the_file() {
        let folder = Folder::new();
        let path = folder.path("state");
        let settings = folder.settings(|choices| choices.lockfile = path.into());
        assert_eq!(
            folder.said(&settings),
            format!(
                "lock file (-k, lockfile) and state file (--state-file, state_file) are the same \
                 file, \"{}\"; each needs a file of its own",
                folder.path("state").display()
            )
        );
        symlink(folder.path("state"), folder.path("soft")).unwrap();
        let path = folder.path("soft");
        let said = folder.said(&folder.settings(|choices| choices.lockfile = path.into()));
        assert!(said.contains("soft\", also called \""), "{said}");
    }
}
