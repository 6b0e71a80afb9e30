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
use crate::beside::{folder_of, Beside};
use crate::quote::Quote;

/// How many symbolic links are followed one after another, as Linux has it.
const MOST_LINKS: u32 = 40;

/// What names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Lock,
    State,
    Log,
    Published(Publication),
    Recording,
    Director,
    Syslog,
    Config,
    Accounts,
    Credentials,
    Authorities,
    Script,
}

impl Choice {
    /// What lies beside the file because of it. `None`: the file itself is not written either.
    fn written(self) -> Option<&'static [Beside]> {
        Some(match self {
            Choice::Log => &[],
            Choice::Lock => &[Beside::New, Beside::Lock],
            Choice::State => &[Beside::New, Beside::Damaged, Beside::Lock],
            Choice::Published(_) => &[Beside::New],
            Choice::Recording => &[Beside::New, Beside::Older],
            Choice::Director
            | Choice::Syslog
            | Choice::Config
            | Choice::Accounts
            | Choice::Credentials
            | Choice::Authorities
            | Choice::Script => return None,
        })
    }

    /// What the file is, and the option and the key that name it.
    fn words(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Choice::Lock => ("lock file", &["-k", "lockfile"]),
            Choice::State => ("state file", &["--state-file", "state_file"]),
            Choice::Log => ("log file", &["-l", "logfile"]),
            Choice::Published(Publication::Status) => {
                ("status file", &["--status-file", "status_file"])
            }
            Choice::Published(Publication::Metrics) => {
                ("metrics file", &["--metrics-file", "metrics_file"])
            }
            Choice::Published(Publication::Page) => ("page", &["--html-file", "html_file"]),
            Choice::Recording => ("recording", &["--record", "record"]),
            Choice::Director => ("socket of the pool", &["-S", "director_admin_socket"]),
            Choice::Syslog => ("syslog's socket", &["logger_socket_addr"]),
            Choice::Config => ("configuration", &["--config"]),
            Choice::Accounts => ("file of accounts", &["--accounts"]),
            Choice::Credentials => ("credentials", &["-c", "credfile"]),
            Choice::Authorities => ("certificates to trust", &["--ca-file", "ca_file"]),
            Choice::Script => ("script", &["--on-change", "beupdatescript"]),
        }
    }
}

/// What a file is for: what a choice names, or what lies beside that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Purpose(Choice, Option<Beside>);

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Purpose(choice, beside) = self;
        let (what, names) = choice.words();
        let beside = match beside {
            None => return write!(f, "{what} ({})", names.join(", ")),
            Some(beside) => beside,
        };
        let what_beside = match beside {
            Beside::New => "new",
            Beside::Older => "older",
            Beside::Damaged => "damaged",
            Beside::Lock => "lock of the",
        };
        let names = names.join(" or ");
        let suffix = beside.suffix();
        write!(
            f,
            "{what_beside} {what} (the name of {names}, and {suffix})"
        )
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
        let Purpose(choice, _) = written.0;
        for (other_place, other) in files.iter().enumerate() {
            let same = known[place].is_some() && known[place] == known[other_place];
            // The files of one choice differ by themselves.
            let Purpose(other_choice, _) = other.0;
            if same && choice != other_choice && choice.written().is_some() {
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
    let (log, syslog) = match &files.log {
        LogTarget::File(path) => (Some(&**path), None),
        LogTarget::Syslog(syslog) => (None, syslog.socket.as_deref()),
        LogTarget::Terminal => (None, None),
    };
    let script = settings.hook.as_ref().map(|hook| &*hook.script);
    let named = [
        (Choice::Lock, Some(&*files.lock)),
        (Choice::State, Some(&*files.state)),
        (Choice::Log, log),
        (Choice::Recording, files.record.as_deref()),
        (Choice::Director, Some(&*settings.socket)),
        (Choice::Syslog, syslog),
        (Choice::Config, config),
        (Choice::Accounts, accounts),
        (
            Choice::Credentials,
            settings.accounts.credentials.as_deref(),
        ),
        (
            Choice::Authorities,
            settings.probing.certificates.ca_file.as_deref(),
        ),
        (Choice::Script, script),
    ];
    let named = named
        .into_iter()
        .filter_map(|(choice, path)| Some((choice, path?)));
    let published = files.published.files();
    let published = published.map(|(publication, path)| (Choice::Published(publication), path));
    let mut all = Vec::new();
    for (choice, path) in named.chain(published) {
        all.push((Purpose(choice, None), path.to_owned()));
        for beside in choice.written().unwrap_or_default() {
            all.push((Purpose(choice, Some(*beside)), beside.of(path)));
        }
    }
    all
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
            "lock.new",
            "lock.lock",
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
