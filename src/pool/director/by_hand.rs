//! What an operator types to do by hand what this monitor does: doveadm's command lines. Pure.

use std::path::Path;

/// Where doveadm looks for the socket by itself, by both of the folder's names.
const USUAL_SOCKETS: [&str; 2] = [
    "/run/dovecot/director-admin",
    "/var/run/dovecot/director-admin",
];

/// Whether doveadm finds it by itself.
pub fn is_usual(socket: &Path) -> bool {
    USUAL_SOCKETS.iter().any(|usual| Path::new(usual) == socket)
}

/// `doveadm director ACT`, with the socket where doveadm does not know it; what the act is about comes last.
pub fn doveadm(socket: &Path, act: &str, about: &str) -> String {
    let mut command = format!("doveadm director {act}");
    if !is_usual(socket) {
        command.push_str(" -a ");
        command.push_str(&for_shell(&socket.to_string_lossy()));
    }
    if !about.is_empty() {
        command.push(' ');
        command.push_str(about);
    }
    command
}

/// As one word of a shell's command line.
fn for_shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => {
            let mut shown = String::new();
            crate::quote::push_escaped(&mut shown, word.as_bytes(), usize::MAX);
            format!("'{}'", shown.replace('\'', "'\\''"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_doveadm_does_not_know_stands_in_the_command_as_the_shell_wants_it() {
        for (socket, expected) in [
            (
                "/run/dovecot/director-admin",
                "doveadm director up 192.0.2.7",
            ),
            (
                "/var/run/dovecot/director-admin",
                "doveadm director up 192.0.2.7",
            ),
            (
                "/srv/x/director-admin",
                "doveadm director up -a /srv/x/director-admin 192.0.2.7",
            ),
            (
                "/srv/a b/$(x)'",
                "doveadm director up -a '/srv/a b/$(x)'\\''' 192.0.2.7",
            ),
        ] {
            assert_eq!(doveadm(Path::new(socket), "up", "192.0.2.7"), expected);
        }
        let usual = Path::new(USUAL_SOCKETS[0]);
        assert_eq!(
            doveadm(usual, "ring status", ""),
            "doveadm director ring status"
        );
    }
}
