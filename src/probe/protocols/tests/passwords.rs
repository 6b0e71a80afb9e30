//! `--require-tls` over every transcript: whatever the server says, the password goes nowhere it may not.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::play::{Notes, Scene, Step};
use super::*;

/// Nothing else in a dialogue looks like it.
const PASSWORD: &[u8] = b"Zq7Xv9pW";

/// Gives the server's side of a transcript, whatever the client says, and keeps what it says.
struct Willing<'a> {
    steps: &'a [Step],
    over: usize,
    channel: Channel,
    said: Vec<(Channel, Vec<u8>)>,
}

impl Willing<'_> {
    fn shake_hands(&mut self) {
        self.channel = Channel::Encrypted;
        self.over = 0;
        let tls = self.steps.iter().position(|step| *step == Step::Tls);
        self.steps = tls.map_or(&[], |tls| &self.steps[tls + 1..]);
    }
}

impl Duplex for Willing<'_> {}

impl Read for Willing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.steps {
                [Step::Client(_), rest @ ..] => self.steps = rest,
                [Step::Server(text), rest @ ..] if self.over == text.len() => {
                    self.over = 0;
                    self.steps = rest;
                }
                [Step::Server(text), ..] => {
                    let count = buffer.len().min(text.len() - self.over);
                    buffer[..count].copy_from_slice(&text[self.over..self.over + count]);
                    self.over += count;
                    return Ok(count);
                }
                [Step::Tls, ..] | [] => return Err(ErrorKind::TimedOut.into()),
            }
        }
    }
}

impl Write for Willing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.said.last_mut() {
            Some((channel, said)) if *channel == self.channel => said.extend_from_slice(bytes),
            _ => self.said.push((self.channel, bytes.to_vec())),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The channels over which the password was said, by itself or in SASL's base64.
fn channels_of_password(scene: &Scene) -> Vec<Channel> {
    let mut stream = Willing {
        steps: &scene.steps,
        over: 0,
        channel: scene.channel,
        said: Vec::new(),
    };
    let _ = scene.talk_over(
        &mut stream,
        &Repeats::of(&scene.account),
        &|_| {},
        &mut Notes::default(),
        Willing::shake_hands,
    );
    let response = scene.account.as_ref().map(sasl::plain);
    let is_said = |said: &[u8]| {
        let whole = |part: &[u8]| said.windows(part.len()).any(|window| window == part);
        whole(PASSWORD) || matches!(&response, Some(Ok(response)) if whole(response.reveal()))
    };
    let said = stream.said.into_iter().filter(|(_, said)| is_said(said));
    said.map(|(channel, _)| channel).collect()
}

#[test]
fn whatever_a_server_says_required_tls_sends_no_password_elsewhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let mut said_in_clear = 0;
    let mut said_under_tls = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut scene = Scene::parse(&path.display().to_string(), &text);
        let hides = scene.protocol.row().starttls.hides;
        let account = match &mut scene.account {
            Some(account) if hides == Hides::Password => account,
            _ => continue,
        };
        account.password = Secret::new(PASSWORD);
        for starttls in [StartTls::Offered, StartTls::Required, StartTls::Never] {
            scene.starttls = starttls;
            scene.password_needs = PasswordNeeds::Nothing;
            let channels = channels_of_password(&scene);
            said_in_clear += usize::from(channels.contains(&Channel::Clear));

            scene.password_needs = PasswordNeeds::Tls;
            let channels = channels_of_password(&scene);
            assert!(
                !channels.contains(&Channel::Clear),
                "{}: {starttls:?}",
                scene.name
            );
            said_under_tls += usize::from(channels.contains(&Channel::Encrypted));

            scene.password_needs = PasswordNeeds::VerifiedTlsThatIsOff;
            let channels = channels_of_password(&scene);
            assert!(channels.is_empty(), "{}: {starttls:?}", scene.name);
        }
    }
    // The looking finds what there is.
    assert!(said_in_clear > 50, "{said_in_clear}");
    assert!(said_under_tls > 10, "{said_under_tls}");
}

/// Such as the response to SASL, or the password with what no log shows as it is.
#[test]
fn whatever_a_fault_quotes_is_withheld_if_it_repeats_the_password_in_any_form() {
    let account = Account {
        user: b"probe".to_vec(),
        password: Secret::new(*b"Zq7\tXv9pW"),
        master: None,
    };
    let response = sasl::plain(&account).unwrap();
    let withheld = Fault::Bye(Quote::new(
        "(reply withheld, it repeats a part of the password)",
    ));
    for text in [response.reveal(), b"Zq7\tXv9pW"] {
        let quote = Quote::new([b"you said ", text].concat());
        let failure = Failure::new(Stage::Login, Fault::Bye(quote));
        assert_eq!(
            without_password(failure, &Repeats::of([&account])).fault,
            withheld
        );
    }
    for (password, part) in [
        ("\u{e4}\u{f6}\u{fc}\u{df}1234", "\u{e4}\u{f6}"),
        ("a\"b\"c\"d", "\"b\"c"),
        ("a\\b\\c", "a\\b\\"),
    ] {
        let account = Account {
            password: Secret::new(password),
            ..account.clone()
        };
        let quote = Quote::new(format!("you said {part}"));
        let failure = Failure::new(Stage::Stat, Fault::Bye(quote));
        assert_eq!(
            without_password(failure, &Repeats::of([&account])).fault,
            withheld
        );
    }
    let other = Failure::new(Stage::Login, Fault::Bye(Quote::new("good-bye")));
    assert_eq!(
        without_password(other.clone(), &Repeats::of([&account])),
        other
    );
    // Our own words are none of the server's.
    let ours = Fault::CredentialsRefused(Quote::new(remarks::MASTER_NEEDS_SASL));
    let failure = Failure::new(Stage::Login, ours);
    let account = Account {
        password: Secret::new(*b"Master2022!"),
        ..account
    };
    assert_eq!(
        without_password(failure.clone(), &Repeats::of([&account])),
        failure
    );
}
