//! What the packages' scripts do at an installation, an update and a removal: run as they are, with every
//! folder that they name inside the test's own, and with programs that only note how they were called.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;

use super::installation::{text_of, SOON};
use crate::lab::command;
use crate::lab::place::Place;

/// Notes its name and arguments. It says that a unit is active or enabled where a file says so, and that
/// no file belongs to a package.
const TOOL: &str = r#"#!/bin/sh
echo "${0##*/} $*" >>"${0%/*}/calls"
case "${0##*/} $*" in
systemctl*is-active*) [ -e "${0%/*}/active" ] ;;
systemctl*is-enabled*) [ -e "${0%/*}/enabled" ] ;;
dpkg-query*) exit 1 ;;
esac
"#;

const TOOLS: [&str; 6] = [
    "systemctl",
    "update-alternatives",
    "systemd-tmpfiles",
    "invoke-rc.d",
    "dpkg-query",
    "chkconfig",
];

/// A Perl poolmon's init script, which notes its calls, too.
const INIT_SCRIPT: &str = "#!/bin/sh\necho \"script $*\" >>TOOLS/calls\n\
                           [ \"$1\" != stop ] || kill \"$(cat ROOT/var/run/poolmon.pid)\"\n";

const OLD_UNIT: &str = "[Service]\nExecStart=/usr/sbin/poolmon -f $OPTIONS\n";

/// A machine on which a package is installed.
struct Machine {
    place: Place,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine {
            place: Place::new(),
        };
        for folder in [
            "etc/default",
            "etc/dovecot",
            "etc/init.d",
            "etc/logrotate.d",
            "etc/rc.d/rc3.d",
            "etc/sysconfig",
            "etc/systemd/system",
            "usr/lib/systemd/system",
            "usr/local/lib/systemd/system",
            "usr/local/sbin",
            "usr/sbin",
            "var/run",
            "run",
        ] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        fs::create_dir(machine.tools()).unwrap();
        for tool in TOOLS {
            write_program(&machine.tools().join(tool), TOOL);
        }
        machine
    }

    fn tools(&self) -> PathBuf {
        self.place.path("tools")
    }

    /// `name` without the slash in front.
    fn path(&self, name: &str) -> PathBuf {
        self.place.path("root").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Enabled, so that systemd starts it at boot.
    fn put_an_init_script(&self) {
        let text = INIT_SCRIPT
            .replace("TOOLS", &self.tools().display().to_string())
            .replace("ROOT", &self.path("").display().to_string());
        write_program(&self.path("etc/init.d/poolmon"), &text);
        symlink("../init.d/poolmon", self.path("etc/rc.d/rc3.d/S70poolmon")).unwrap();
    }

    /// What the unit and the init scripts say of this machine.
    fn is(&self, state: &str) {
        fs::write(self.tools().join(state), "").unwrap();
    }

    /// The script with its folders moved into this machine's.
    fn relocated(&self, script: &str) -> String {
        let root = self.place.path("root").display().to_string();
        let mut text = String::new();
        for (place, character) in script.char_indices() {
            let before = script[..place].chars().next_back();
            let begins_a_path = before.map_or(true, |c| {
                !(c.is_ascii_alphanumeric() || ".})]*?".contains(c))
            });
            let rest = &script[place..];
            let is_moved = ["/etc/", "/usr/", "/var/", "/run/"]
                .iter()
                .any(|folder| rest.starts_with(folder));
            if begins_a_path && is_moved {
                text.push_str(&root);
            }
            text.push(character);
        }
        text
    }

    #[track_caller]
    fn run(&self, script: &str, arguments: &[&str]) -> String {
        let _ = fs::remove_file(self.tools().join("calls"));
        let path = format!(
            "{}:{}",
            self.tools().display(),
            std::env::var("PATH").unwrap()
        );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &self.relocated(script), "script"])
            .args(arguments)
            .env("PATH", path);
        command::run(&mut shell, self.place.folder(), SOON).success()
    }

    /// A script of the spec, called for so many packages of this name as are there afterwards.
    #[track_caller]
    fn rpm(&self, section: &str, count: &str) -> String {
        self.run(&section_of_spec(section), &[count])
    }

    #[track_caller]
    fn debian(&self, script: &str, arguments: &[&str]) -> String {
        self.run(
            &text_of(&format!("init/debian/poolmon.{script}")),
            arguments,
        )
    }

    /// How the programs were called by the last script.
    fn calls(&self) -> String {
        fs::read_to_string(self.tools().join("calls")).unwrap_or_default()
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What stands in the spec below `%NAME`, with the folders of RHEL.
fn section_of_spec(name: &str) -> String {
    let spec = text_of("init/poolmon.spec");
    const SECTIONS: [&str; 7] = [
        "pre",
        "post",
        "preun",
        "postun",
        "posttrans",
        "files",
        "changelog",
    ];
    let is_heading = |line: &str| SECTIONS.iter().any(|name| line == format!("%{name}"));
    let heading = format!("%{name}");
    let lines = spec.lines().skip_while(|line| *line != heading).skip(1);
    let section: Vec<&str> = lines.take_while(|line| !is_heading(line)).collect();
    assert!(!section.is_empty(), "%{name}");
    let text = section
        .join("\n")
        .replace("%{_sbindir}", "/usr/sbin")
        .replace("%{_unitdir}", "/usr/lib/systemd/system")
        .replace("%{_tmpfilesdir}", "/usr/lib/tmpfiles.d")
        .replace("%%", "%");
    assert!(!text.contains("%{_sb") && !text.contains("%{_u"), "{text}");
    text
}

fn files_of_spec() -> Vec<String> {
    let section = section_of_spec("files");
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// A process whose name is poolmon, and whose PID is in the machine's PID file.
struct Process {
    pid: Pid,
    reaper: Option<JoinHandle<()>>,
}

impl Process {
    fn of(machine: &Machine) -> Process {
        let program = machine.place.path("poolmon");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = Command::new(program).arg("60").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        for name in ["var/run/poolmon.pid", "run/poolmon.pid"] {
            machine.write(name, &format!("{pid}\n"));
        }
        // One that nobody has waited for keeps its name.
        let reaper = thread::spawn(move || drop(child.wait()));
        Process {
            pid,
            reaper: Some(reaper),
        }
    }

    fn has_ended(&self) -> bool {
        self.reaper.as_ref().map_or(true, JoinHandle::is_finished)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
        if let Some(reaper) = self.reaper.take() {
            let _ = reaper.join();
        }
    }
}

#[test]
fn an_update_of_the_rpm_takes_no_folder_from_an_unprivileged_poolmon() {
    // Neither of these two asks who owns the folder: the unit's StateDirectory and RuntimeDirectory do.
    let spec = text_of("init/poolmon.spec");
    assert!(!spec.contains("tmpfiles"), "{spec}");
    for line in files_of_spec() {
        let is_folder = line.contains("lib}/poolmon") || line.ends_with("/lib/poolmon");
        assert!(!is_folder || line.starts_with("%ghost %dir "), "{line}");
    }
    let unit = text_of("init/poolmon.service");
    for line in [
        "StateDirectory=poolmon",
        "StateDirectoryMode=0700",
        "RuntimeDirectory=poolmon",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

#[test]
fn the_rpm_owns_no_dovemon_so_that_no_removal_takes_a_foreign_one() {
    for line in files_of_spec() {
        assert!(!line.contains("dovemon"), "{line}");
    }
    // The removal of an earlier package comes between %post and %posttrans.
    assert!(!section_of_spec("post").contains("update-alternatives"));
}

const DOVEMON: &str = "usr/sbin/dovemon";

#[test]
fn a_foreign_dovemon_outlives_an_update_of_the_rpm_that_called_it_its_own() {
    for is_link in [false, true] {
        for is_removed in [false, true] {
            let machine = Machine::new();
            if is_link {
                symlink("/opt/other/dovemon", machine.path(DOVEMON)).unwrap();
            } else {
                machine.write(DOVEMON, "theirs");
            }
            let before = machine.path(DOVEMON).symlink_metadata().unwrap();
            machine.rpm("pre", "2");
            machine.rpm("post", "2");
            // rpm spares it where another package has it, too.
            if is_removed {
                fs::remove_file(machine.path(DOVEMON)).unwrap();
            }
            machine.rpm("posttrans", "2");
            assert_eq!(machine.calls(), "");
            let after = machine.path(DOVEMON).symlink_metadata().unwrap();
            assert_eq!(after.file_type(), before.file_type());
            assert!(is_link || machine.read(DOVEMON) == "theirs");
            let others = fs::read_dir(machine.path("usr/sbin")).unwrap().count();
            assert_eq!(others, 1, "nothing else is left");
            machine.rpm("postun", "0");
            assert!(machine.has(DOVEMON));
        }
    }
}

#[test]
fn a_dovemon_of_the_alternatives_is_made_anew_after_an_update_of_the_rpm() {
    let install = "update-alternatives --install ";
    let machine = Machine::new();
    machine.rpm("posttrans", "1");
    assert!(machine.calls().contains(install), "{}", machine.calls());

    let link = machine.path("etc/alternatives/dovemon");
    symlink(&link, machine.path(DOVEMON)).unwrap();
    machine.rpm("pre", "2");
    assert_eq!(fs::read_dir(machine.path("usr/sbin")).unwrap().count(), 1);
    machine.rpm("posttrans", "2");
    assert!(machine.calls().contains(install), "{}", machine.calls());
    machine.rpm("postun", "0");
    let remove = "update-alternatives --remove dovemon ";
    assert!(machine.calls().contains(remove), "{}", machine.calls());
}

/// A link that RHEL's update-alternatives would remove, as Debian's would replace it.
#[test]
fn a_foreign_link_outlives_the_removal_of_the_rpm_and_an_installation_of_the_debian_package() {
    let machine = Machine::new();
    write_program(
        &machine.tools().join("update-alternatives"),
        &format!("#!/bin/sh\nrm -f {}\n", machine.path(DOVEMON).display()),
    );
    symlink("/opt/other/dovemon", machine.path(DOVEMON)).unwrap();
    machine.rpm("postun", "0");
    assert!(machine.has(DOVEMON));
    machine.debian("postinst", &["configure", ""]);
    assert!(machine.has(DOVEMON));
    assert_eq!(fs::read_dir(machine.path("usr/sbin")).unwrap().count(), 1);
}

#[test]
fn the_rpm_takes_the_place_of_a_perl_poolmon_of_an_init_script() {
    let machine = Machine::new();
    machine.write("usr/sbin/poolmon", "the old one");
    machine.write("etc/sysconfig/poolmon", "OPTIONS=\"-p 143\"\n");
    machine.put_an_init_script();
    let old = Process::of(&machine);
    let said = machine.rpm("pre", "1");
    assert!(said.contains("usr/sbin/poolmon.rpmorig"), "{said}");
    assert!(!old.has_ended(), "it works on until the new one is there");
    let said = machine.rpm("post", "1");
    assert!(old.has_ended());
    assert!(said.contains("etc/init.d/poolmon.rpmorig"), "{said}");
    assert!(!machine.has("etc/init.d/poolmon") && machine.has("etc/init.d/poolmon.rpmorig"));
    let calls = machine.calls();
    let place = |call: &str| {
        calls
            .find(call)
            .unwrap_or_else(|| panic!("{call}: {calls}"))
    };
    assert!(place("script stop") < place("systemctl daemon-reload"));
    assert!(place("systemctl daemon-reload") < place("start poolmon.service"));
    place("enable poolmon.service");
    assert!(!calls.contains("preset"), "{calls}");
    assert!(!said.contains("not started"), "{said}");
}

#[test]
fn the_rpm_starts_no_poolmon_that_neither_ran_nor_was_to_start_at_boot() {
    let machine = Machine::new();
    machine.write("etc/sysconfig/poolmon", "OPTIONS=\"-p 143\"\n");
    machine.put_an_init_script();
    fs::remove_file(machine.path("etc/rc.d/rc3.d/S70poolmon")).unwrap();
    machine.rpm("pre", "1");
    let said = machine.rpm("post", "1");
    assert!(machine.has("etc/init.d/poolmon.rpmorig"));
    let calls = machine.calls();
    assert!(calls.contains("preset poolmon.service"), "{calls}");
    let starts = [" enable ", " start ", "script stop"];
    assert!(!starts.iter().any(|call| calls.contains(call)), "{calls}");
    assert!(said.contains("configured, and not started"), "{said}");

    // Nothing at all was there.
    let machine = Machine::new();
    machine.rpm("pre", "1");
    let said = machine.rpm("post", "1");
    let calls = machine.calls();
    assert!(calls.contains("preset poolmon.service"), "{calls}");
    assert!(!starts.iter().any(|call| calls.contains(call)), "{calls}");
    assert!(said.contains("not configured, so not started"), "{said}");
    assert!(!machine.has("etc/sysconfig/poolmon"));
}

#[test]
fn both_packages_say_that_a_unit_or_a_program_in_another_place_counts() {
    for folder in ["etc/systemd/system", "usr/local/lib/systemd/system"] {
        let machine = Machine::new();
        let unit = format!("{folder}/poolmon.service");
        machine.write(&unit, OLD_UNIT);
        machine.write("usr/local/sbin/poolmon", "of make install");
        let rpms = machine.rpm("post", "1");
        let debians = machine.debian("postinst", &["configure", ""]);
        for said in [rpms, debians] {
            assert!(said.contains(&format!("{unit} counts instead")), "{said}");
            let program = "usr/local/sbin/poolmon comes first in most PATHs";
            assert!(said.contains(program), "{said}");
            assert!(!said.contains("not configured"), "{said}");
        }
        assert_eq!(machine.rpm("post", "2"), "", "once is enough");
    }
}

#[test]
fn the_rpm_leaves_a_unit_of_the_administrators_enabled_and_at_work() {
    for folder in ["etc/systemd/system", "usr/local/lib/systemd/system"] {
        let machine = Machine::new();
        machine.write(&format!("{folder}/poolmon.service"), OLD_UNIT);
        machine.put_an_init_script();
        machine.is("active");
        let old = Process::of(&machine);
        machine.rpm("pre", "1");
        machine.rpm("post", "1");
        let mut calls = machine.calls();
        machine.rpm("preun", "0");
        calls.push_str(&machine.calls());
        for call in ["preset", "able ", "stop", " start "] {
            assert!(!calls.contains(call), "{calls}");
        }
        assert!(!old.has_ended() && machine.has("etc/init.d/poolmon"));
    }
    // The package's own ends with it.
    let machine = Machine::new();
    machine.rpm("preun", "0");
    let calls = machine.calls();
    assert!(calls.contains("disable --now poolmon.service"), "{calls}");
}

/// By hand in the place of the package's, and so replaced by it.
#[test]
fn a_unit_that_is_enabled_before_the_rpm_comes_stays_so() {
    let machine = Machine::new();
    machine.is("enabled");
    machine.rpm("post", "1");
    assert!(!machine.calls().contains("preset"), "{}", machine.calls());
}

#[test]
fn an_update_from_a_release_that_needed_no_options_keeps_its_monitor_at_work() {
    for (is_debian, options) in [
        (true, "etc/default/poolmon"),
        (false, "etc/sysconfig/poolmon"),
    ] {
        let update = |machine: &Machine| match is_debian {
            true => machine.debian("preinst", &["upgrade", "1.0.0-1", "1.1.0-1"]),
            false => machine.rpm("pre", "2"),
        };
        for is_of_unit in [true, false] {
            let machine = Machine::new();
            machine.write("usr/lib/systemd/system/poolmon.service", OLD_UNIT);
            let _old = (!is_of_unit).then(|| Process::of(&machine));
            if is_of_unit {
                machine.is("active");
            }
            let said = update(&machine);
            assert!(said.contains("no file of options"), "{said}");
            // A value there would take the place of one in a drop-in.
            let text = machine.read(options);
            assert!(text.contains("#OPTIONS="), "{text}");
            assert!(!text.contains("\nOPTIONS"), "{text}");

            // The administrator's stays as it is.
            machine.write(options, "OPTIONS=\"-p 143\"\n");
            assert_eq!(update(&machine), "");
            assert_eq!(machine.read(options), "OPTIONS=\"-p 143\"\n");
        }

        // It did not run, so it is not started; and that it will not start is said.
        let machine = Machine::new();
        machine.write("usr/lib/systemd/system/poolmon.service", OLD_UNIT);
        let mut said = update(&machine);
        if is_debian {
            said.push_str(&machine.debian("postinst", &["configure", "1.0.0-1"]));
        }
        assert!(!machine.has(options));
        assert!(said.contains("not configured, so not started"), "{said}");
    }
}

/// Since 1.1.0 whoever removes it wants nothing to be started.
#[test]
fn an_update_makes_no_file_of_options_where_the_former_release_needed_one() {
    let machine = Machine::new();
    machine.is("active");
    let unit = text_of("init/poolmon.service");
    machine.write("usr/lib/systemd/system/poolmon.service", &unit);
    let _running = Process::of(&machine);
    assert_eq!(machine.rpm("pre", "2"), "");
    let arguments = ["upgrade", "1.1.0-1", "1.1.1-1"];
    assert_eq!(machine.debian("preinst", &arguments), "");
    machine.debian("postinst", &["configure", "1.1.0-1"]);
    assert!(!machine.has("etc/sysconfig/poolmon") && !machine.has("etc/default/poolmon"));
}

#[test]
fn both_packages_say_that_a_monitor_without_options_goes_on_with_the_defaults() {
    let machine = Machine::new();
    let _old = Process::of(&machine);
    let said = machine.rpm("pre", "1");
    assert!(said.contains("starts with the defaults"), "{said}");
    assert!(machine.read("etc/sysconfig/poolmon").contains("#OPTIONS="));

    let machine = Machine::new();
    let _old = Process::of(&machine);
    let said = machine.debian("preinst", &["install"]);
    assert!(said.contains("starts with the defaults"), "{said}");
    assert!(machine.read("etc/default/poolmon").contains("#OPTIONS="));
}
