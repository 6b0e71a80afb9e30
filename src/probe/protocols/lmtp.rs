//! LMTP (RFC 2033): greeting, LHLO, STARTTLS, the two addresses of a delivery, and a message.
//!
//! It decides what each reply means. No message but the test message is ever sent.

use crate::config::choice::{
    choice, Choice,
    Takes::Text,
    Usual::{Made, Nothing, Value},
};
use crate::config::kind::Kind::{Address, Port, Truth, Word};
use crate::config::settings::Probing;
use crate::config::values;
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::Lines;
use crate::probe::protocols::remarks;
use crate::probe::protocols::smtp::{self, exchange, read_reply, Class};
use crate::probe::protocols::table::{
    Dialogue, Hides, PartInDelivery, PortAlone, Ports, Row, UseOfStartTls,
};
use crate::probe::protocols::{after_word, message, Check, Milestone, Progress, Way, Work};
use crate::quote::Quote;
use crate::service::{Protocol, WhichPort::Both};

/// The port is the same with TLS and without, as dovemon's `lmtp_port` means it.
pub(super) const ROW: Row = Row {
    name: "lmtp",
    ports: Some(Ports {
        plain: 24,
        tls: 24,
        alone: PortAlone::Implies,
    }),
    logs_in: false,
    starttls: UseOfStartTls {
        hides: Hides::Recipient,
        is_checked_by_default: false,
    },
    part: PartInDelivery::Delivers,
    choices: CHOICES,
    steps,
    dialogue: Dialogue {
        begin,
        resume,
        may_say_unasked: smtp::is_closing,
        take_leave: Some(take_leave),
    },
};

const CHOICES: &[Choice] = &[
    choice(Truth(|to| &mut to.of_mut(Protocol::Lmtp).poll))
        .key("poll_lmtp", Value("False"))
        .nearly("port")
        .help("check LMTP"),
    choice(Truth(|to| &mut to.of_mut(Protocol::Lmtp).ssl))
        .key("lmtp_ssl", Value("False"))
        .nearly("ssl")
        .help("TLS from the start"),
    choice(Port(Both(Protocol::Lmtp)))
        .key("lmtp_port", Value("24"))
        .nearly("port")
        .help("the port, with TLS and without"),
    choice(Truth(|to| &mut to.poll_lmtp_deliver))
        .key("poll_lmtp_deliver", Value("False"))
        .help("deliver a test message"),
    choice(Address(|to| &mut to.lmtp_from))
        .option("lmtp-from", "", Text("ADDRESS"), Made("the empty sender"))
        .added_key("lmtp_from", Nothing)
        .help("the sender (MAIL FROM) of an LMTP check"),
    choice(Address(|to| &mut to.lmtp_to))
        .option("lmtp-to", "", Text("ADDRESS"), Nothing)
        .added_key("lmtp_to", Nothing)
        .help(
            "the recipient (RCPT TO) of an LMTP check; no mail is sent unless a delivery is \
               checked, too",
        ),
    choice(Word(values::DEEP_PROBE, |to, text, by| {
        to.deep_probe.read(text, values::deep_probe, by)
    }))
    .added_key("deep_probe", Value("no"))
    .help("deliver a message over LMTP, find it by this protocol, and delete it"),
];

fn steps(probing: &Probing) -> Vec<String> {
    let mut steps = vec!["greeting".to_owned(), "LHLO".to_owned()];
    if let Some(to) = &probing.envelope.to {
        steps.push(format!("MAIL FROM:<{}>", probing.envelope.from));
        steps.push(format!("RCPT TO:<{to}>"));
    }
    if probing.steps.lmtp.deliver {
        steps.push("delivery of a test message".to_owned());
    }
    steps
}

/// A name that is valid everywhere and never looked up (RFC 6761 6.3). The machine's own would have
/// to be asked of the system, and tells a server nothing that the address does not.
const LHLO: &[u8] = b"LHLO localhost\r\n";

/// The longest path of RFC 5321 (4.5.3.1.3), its brackets not counted.
const LONGEST_ADDRESS: usize = 254;

/// Whether an address can stand between `<` and `>` in a command without being able to end it, and
/// is no longer than a path may be. The empty one can: it is the null sender.
pub fn is_address(address: &str) -> bool {
    address.len() <= LONGEST_ADDRESS
        && !address
            .bytes()
            .any(|byte| byte.is_ascii_control() || matches!(byte, b'<' | b'>'))
}

/// Changes to TLS if the server offers it, but only if addresses are to be sent: nothing else in this
/// dialogue is worth hiding, and a check of the greeting should not depend on a certificate.
fn begin(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Progress, Failure> {
    lines.stage(Stage::Greeting, |lines| {
        read_reply(lines, |_| {})?.success_or(Fault::PolicyRefused)
    })?;
    let offers_tls = lines.stage(Stage::Hello, say_hello)?;
    if Delivery::of(check).is_some() && check.way(offers_tls)? == Way::StartTls {
        // 454 4.7.0 says that TLS does not work here (RFC 3207 4): no policy, but the server's trouble.
        lines.stage(Stage::StartTls, |lines| {
            exchange(lines, b"STARTTLS\r\n")?.success()
        })?;
        return Ok(Progress::StartTls);
    }
    deliver(lines, check).map(Progress::Done)
}

/// Says LHLO anew, for the server has forgotten the first (RFC 3207 4.2).
fn resume(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    lines.stage(Stage::Hello, say_hello)?;
    deliver(lines, check)
}

fn take_leave(lines: &mut Lines<'_>) -> Result<(), Fault> {
    exchange(lines, b"QUIT\r\n").map(drop)
}

/// LHLO; whether STARTTLS is among what the server offers.
fn say_hello(lines: &mut Lines<'_>) -> Result<bool, Fault> {
    let mut offers_tls = false;
    lines.send(LHLO)?;
    let reply = read_reply(lines, |text| {
        offers_tls |= after_word(text, "STARTTLS").is_some();
    })?;
    reply.success_or(Fault::PolicyRefused)?;
    Ok(offers_tls)
}

/// What is sent after LHLO, to whom.
#[derive(Clone, Copy)]
enum Delivery<'a> {
    /// The addresses, and no more.
    Named {
        to: &'a [u8],
    },
    Whole {
        to: &'a [u8],
    },
}

impl<'a> Delivery<'a> {
    /// Nothing without a recipient. A deep probe's is the user in whose mailbox it is going to look.
    fn of(check: &Check<'a>) -> Option<Delivery<'a>> {
        let user = check.account.map(|account| &account.user[..]);
        let address = check.envelope.to.as_ref().map(|to| to.as_bytes());
        match check.work {
            Work::Greeting => None,
            Work::Deliver => user.map(|to| Delivery::Whole { to }),
            Work::Steps(steps) if steps.lmtp.deliver => {
                address.or(user).map(|to| Delivery::Whole { to })
            }
            Work::Steps(_) | Work::Collect => address.map(|to| Delivery::Named { to }),
        }
    }
}

fn deliver(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<Pass, Failure> {
    let delivery = match Delivery::of(check) {
        Some(delivery) => delivery,
        None => return Ok(Pass::Clean),
    };
    let from = check.envelope.from.as_bytes();
    lines.stage(Stage::Sender, |lines| {
        send_address(lines, "MAIL FROM", from, Fault::SenderRefused)
    })?;
    let (Delivery::Named { to } | Delivery::Whole { to }) = delivery;
    lines.stage(Stage::Recipient, |lines| {
        send_address(lines, "RCPT TO", to, Fault::RecipientRefused)
    })?;
    if let Delivery::Whole { .. } = delivery {
        lines.stage(Stage::Data, |lines| send_message(lines, check))?;
    }
    Ok(Pass::Clean)
}

/// After the message there is one reply for each recipient that was taken (RFC 2033 4.2), and there is
/// one.
fn send_message(lines: &mut Lines<'_>, check: &Check<'_>) -> Result<(), Fault> {
    let go_ahead = exchange(lines, b"DATA\r\n")?;
    if !matches!(go_ahead.class, Class::GoAhead) {
        return match go_ahead.class {
            // Said before there was any message.
            Class::Success => Err(Fault::Malformed(go_ahead.last)),
            _ => go_ahead.taken_or(Fault::MessageRefused),
        };
    }
    let message = message::text(check.token);
    exchange(lines, format!("{message}.\r\n").as_bytes())?.taken_or(Fault::MessageRefused)?;
    (check.milestone)(Milestone::Delivered);
    Ok(())
}

fn send_address(
    lines: &mut Lines<'_>,
    verb: &str,
    address: &[u8],
    refused: fn(Quote) -> Fault,
) -> Result<(), Fault> {
    let address = match std::str::from_utf8(address) {
        Ok(address) if is_address(address) => address,
        _ => return Err(refused(Quote::new(remarks::NOT_AN_ADDRESS))),
    };
    exchange(lines, format!("{verb}:<{address}>\r\n").as_bytes())?.taken_or(refused)
}
