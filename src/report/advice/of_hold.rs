//! What a person can do about an action that is held back: at most two commands, or nothing and why.

use std::net::IpAddr;

use super::Hands;
use crate::few::{by_number, Few};
use crate::monitor::policy::Reason;
use crate::monitor::what_to_check;
use crate::pool::ByHand;

/// About this backend's action; `out_of_rotation` are healthy backends that could take its users, were their vhost
/// count not 0.
pub(in crate::report) fn of_hold(
    reason: &Reason,
    address: IpAddr,
    out_of_rotation: &[IpAddr],
    hands: Hands<'_>,
) -> String {
    if matches!(reason, Reason::NoRefuge(_)) && !out_of_rotation.is_empty() {
        return of_rotation(out_of_rotation, hands);
    }
    let of_haproxy = match hands.by {
        ByHand::Doveadm => None,
        ByHand::StatsSocket => of_haproxy(reason, address),
    };
    of_haproxy.unwrap_or_else(|| general(reason, address, hands))
}

/// They pass, so this monitor is not cut off.
fn of_rotation(out_of_rotation: &[IpAddr], hands: Hands<'_>) -> String {
    let access = hands.access();
    format!(
        "{} {} healthy and up with {weight} 0: give one its {weight} back: {}; or repair this one",
        Few(out_of_rotation),
        by_number(out_of_rotation.len(), "is", "are"),
        access.how_to_give_weight(),
        weight = access.words().weight,
    )
}

/// Where HAProxy asks for other words.
fn of_haproxy(reason: &Reason, address: IpAddr) -> Option<String> {
    const READY: &str = "set its servers to state ready on HAProxy's stats socket";
    Some(match reason {
        Reason::InFlight => {
            "nothing: HAProxy has a few seconds to answer, and the command is tried again if it does \
             not"
            .to_owned()
        }
        Reason::SetBack => {
            "see what HAProxy answered to the last commands, and its log; the command is tried again \
             by itself"
                .to_owned()
        }
        Reason::BroughtUpAgain => {
            "find out who sets it ready, such as an agent of HAProxy's (agent-check); it is taken down again by \
             itself"
                .to_owned()
        }
        Reason::Silent => {
            "is HAProxy running, and does its stats socket answer? see its log".to_owned()
        }
        Reason::NotOurs => {
            format!("find out who took it down and why; to bring it up: {READY}")
        }
        Reason::Disputed => {
            format!("find out who takes it down; to bring it up at once: {READY}")
        }
        Reason::Unsteady => {
            format!("see in its log why it fails again and again; to bring it up at once: {READY}")
        }
        Reason::NoRefuge(_) => format!(
            "is this monitor cut off? poolmon check {address}, with its options, shows how far it gets; if not, repair one \
             server of these sections, or set ready what is held there"
        ),
        Reason::DownDelay => {
            "nothing: it is taken down when --down-delay is over; to do so at once: set its servers to \
             state maint on HAProxy's stats socket"
                .to_owned()
        }
        Reason::DrainPause => {
            "nothing: its sessions are ended again when the pause is over; the last commands show what \
             HAProxy answered"
                .to_owned()
        }
        Reason::Turn => "nothing: HAProxy's list is read once more, and then it is done".to_owned(),
        _ => return None,
    })
}

fn general(reason: &Reason, address: IpAddr, hands: Hands<'_>) -> String {
    let up = |address: &IpAddr| hands.doveadm("up", &address.to_string());
    match reason {
        Reason::InFlight => {
            "nothing: the director has up to a minute to answer, and in a drain with --max-moves 2 s more \
             for each batch of users; the command is tried again if no answer comes"
                .to_owned()
        }
        Reason::NotListedYet => "nothing: the list is read each second".to_owned(),
        Reason::SetBack => format!(
            "see what the director answered to the last commands, and {}; the command is tried again by \
             itself",
            hands.doveadm("ring status", "")
        ),
        Reason::BroughtUpAgain => {
            "find out who brings it up: an administrator, a script, or another monitor; it is taken down again by \
             itself"
                .to_owned()
        }
        Reason::Shared { stage, .. } => format!(
            "check this monitor's {}; poolmon check {address}, with its options, shows each step",
            what_to_check(*stage)
        ),
        Reason::PeersAwaited { .. } => {
            "nothing: the others are being probed, and this one after them".to_owned()
        }
        Reason::Stale => "nothing: its next attempts tell".to_owned(),
        Reason::Silent => format!(
            "is Dovecot running, and does its director answer? see {}",
            hands.doveadm("status", "")
        ),
        Reason::RingUnsynced => format!(
            "see which director is not synced: {}; one that is gone for good is taken out by {}",
            hands.doveadm("ring status", ""),
            hands.doveadm("ring remove", "ADDRESS")
        ),
        Reason::NotOurs => format!(
            "find out who took it down and why; to bring it up: {} (before dovecot 2.2.19: add {address} \
             COUNT in place of up {address})",
            up(&address)
        ),
        Reason::Disputed => format!(
            "find out who takes it down: an administrator, or a monitor that cannot reach all its ports; \
             to bring it up at once: {}",
            up(&address)
        ),
        Reason::Unsteady => format!(
            "see in its log why it fails again and again; to bring it up at once: {}",
            up(&address)
        ),
        Reason::RefugeAwaited { candidate } => format!("nothing: {candidate} is being probed"),
        Reason::FailureAwaited { .. } => "nothing: it is being probed once more".to_owned(),
        Reason::NoRefuge(_) => format!(
            "is this monitor cut off? poolmon check {address}, with its options, shows how far it gets; if not, repair one \
             backend, or bring up one that is well: {}",
            hands.doveadm("up", "ADDRESS")
        ),
        Reason::DownDelay => format!(
            "nothing: it is taken down when --down-delay is over; to do so at once: {}",
            hands.doveadm("down", &address.to_string())
        ),
        Reason::DownDelayLimit => {
            "is something wrong that the failed ones have in common? repair one, or allow more with \
             delayed_down_limit"
                .to_owned()
        }
        Reason::MaxDown { .. } => "repair one that is down, or allow more with --max-down".to_owned(),
        Reason::DrainPause => {
            "nothing: its users are moved again when the pause is over; the last commands show what the \
             director answered"
                .to_owned()
        }
        Reason::OthersDrain => {
            "nothing: if they are still there in a few seconds, this monitor moves them".to_owned()
        }
        Reason::Turn => {
            "nothing: within two seconds it is this monitor's turn, if nobody else has acted".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Groups, Tag};
    use crate::pool::Access;

    const SOCKET: &str = "/run/dovecot/director-admin";

    /// Programs that a person would start.
    const COMMANDS: [&str; 2] = ["doveadm ", "poolmon "];

    #[test]
    fn every_reason_has_advice_with_two_commands_at_most() {
        let address: IpAddr = [192, 0, 2, 7].into();
        for by in [ByHand::Doveadm, ByHand::StatsSocket] {
            each_has_advice(address, Hands { by, socket: SOCKET });
        }
    }

    fn haproxy() -> Access {
        Access::HaProxy {
            socket: "/admin".into(),
            watched: crate::pool::haproxy::reading::Watched::Ports(Vec::new()),
        }
    }

    #[test]
    fn advice_on_haproxy_speaks_of_no_director() {
        let address: IpAddr = [192, 0, 2, 7].into();
        for reason in Reason::one_of_each() {
            // HAProxy has no ring.
            if reason == Reason::RingUnsynced {
                continue;
            }
            let words = haproxy();
            let hands = Hands {
                by: ByHand::StatsSocket,
                socket: SOCKET,
            };
            let text = of_hold(&reason, address, &[], hands);
            assert!(
                !text.contains("director") && !text.contains("doveadm"),
                "{text}"
            );
            let reason = reason.in_words(words.words(), Groups::Several);
            assert!(!reason.contains("director"), "{reason}");
        }
    }

    fn each_has_advice(address: IpAddr, hands: Hands<'_>) {
        let mut texts = std::collections::BTreeSet::new();
        for reason in Reason::one_of_each() {
            let text = of_hold(&reason, address, &[], hands);
            let commands: usize = COMMANDS
                .iter()
                .map(|command| text.matches(command).count())
                .sum();
            assert!(commands <= 2, "{text}");
            assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
            let is_about_nothing = text.starts_with("nothing: ");
            assert!(is_about_nothing || !text.contains("nothing"), "{text}");
            assert!(texts.insert(text.clone()), "the same as another's: {text}");
        }
        assert!(texts.len() > 15);
    }

    #[test]
    fn where_healthy_ones_have_vhost_count_0_advice_is_to_give_one_its_count_back() {
        let others: [IpAddr; 2] = [[192, 0, 2, 8].into(), [192, 0, 2, 9].into()];
        let reason = Reason::NoRefuge(Tag::default());
        for (by, out_of_rotation, expected) in [
            (
                ByHand::Doveadm,
                &others[..],
                "192.0.2.8 and 192.0.2.9 are healthy and up with vhost count 0: give one its vhost count back: \
                 doveadm director update ADDRESS COUNT; or repair this one",
            ),
            (
                ByHand::StatsSocket,
                &others[..1],
                "192.0.2.8 is healthy and up with weight 0: give one its weight back: \"set weight PROXY/SERVER \
                 WEIGHT\", and \"set server PROXY/SERVER state ready\" where it is held, on HAProxy's stats socket, \
                 unless HAProxy's own check has it down; or repair this one",
            ),
        ] {
            let hands = Hands { by, socket: SOCKET };
            let address = [192, 0, 2, 7].into();
            assert_eq!(of_hold(&reason, address, out_of_rotation, hands), expected);
        }
    }

    #[test]
    fn the_time_that_a_drain_in_batches_may_take_is_said() {
        let hands = Hands {
            by: ByHand::Doveadm,
            socket: SOCKET,
        };
        assert_eq!(
            of_hold(&Reason::InFlight, [192, 0, 2, 7].into(), &[], hands),
            "nothing: the director has up to a minute to answer, and in a drain with --max-moves 2 s more for each \
             batch of users; the command is tried again if no answer comes"
        );
    }

    #[test]
    fn advice_names_the_backend_that_it_is_about_and_a_socket_that_doveadm_does_not_know() {
        let address: IpAddr = [192, 0, 2, 7].into();
        for (socket, expected) in [
            (SOCKET, "doveadm director up 192.0.2.7"),
            ("/srv/admin", "doveadm director up -a /srv/admin 192.0.2.7"),
        ] {
            let by = ByHand::Doveadm;
            let text = of_hold(&Reason::Unsteady, address, &[], Hands { by, socket });
            assert!(text.ends_with(expected), "{text}");
            let text = of_hold(&Reason::RingUnsynced, address, &[], Hands { by, socket });
            assert_eq!(
                text.contains("ring status -a /srv/admin;"),
                socket != SOCKET,
                "{text}"
            );
        }
    }

    #[test]
    fn who_sets_a_server_ready_and_what_a_turn_waits_for_is_told_in_haproxys_own_words() {
        let address: IpAddr = [192, 0, 2, 7].into();
        let socket = SOCKET;
        let advice = |by, reason: &Reason| of_hold(reason, address, &[], Hands { by, socket });
        for (reason, words) in [
            (Reason::BroughtUpAgain, "agent-check"),
            (Reason::Turn, "HAProxy's list is read once more"),
        ] {
            assert!(advice(ByHand::StatsSocket, &reason).contains(words));
            assert!(!advice(ByHand::Doveadm, &reason).contains(words));
        }
    }
}
