//! What the lists of all directors say together, and in words.

use crate::lab::admin_socket::HostLine;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists(pub Vec<Vec<HostLine>>);

impl Lists {
    /// Every director lists backends, and all of them `U`.
    pub fn say_all_up(&self) -> bool {
        self.all_directors(|list| !list.is_empty() && list.iter().all(|line| line.state == 'U'))
    }

    pub fn say_down(&self, address: &str) -> bool {
        self.all_directors(|list| {
            list.iter()
                .any(|line| line.address.to_string() == address && line.state == 'D')
        })
    }

    pub fn say_empty(&self, address: &str) -> bool {
        self.all_directors(|list| {
            list.iter()
                .any(|line| line.address.to_string() == address && line.users == 0)
        })
    }

    fn all_directors(&self, says: impl Fn(&[HostLine]) -> bool) -> bool {
        !self.0.is_empty() && self.0.iter().all(|list| says(list))
    }

    /// A line for each director, backends by the end of their address.
    pub fn in_words(&self) -> Vec<String> {
        let name = |index: usize| format!("director {}", index + 1);
        let words = |list: &Vec<HostLine>| match list.as_slice() {
            [] => "no answer".to_string(),
            lines => lines
                .iter()
                .map(host_in_words)
                .collect::<Vec<_>>()
                .join("   "),
        };
        self.0
            .iter()
            .enumerate()
            .map(|(index, list)| format!("{}   {}", name(index), words(list)))
            .collect()
    }
}

fn host_in_words(line: &HostLine) -> String {
    let state = match line.state {
        'U' => "up",
        'D' => "DOWN",
        _ => "?",
    };
    let address = line.address.to_string();
    let noun = if line.users == 1 { "user " } else { "users" };
    format!("{} {state:<4} {:>2} {noun}", short(&address), line.users)
}

/// `.2` of `127.64.0.2`: the rest is the same for all.
pub fn short(address: &str) -> String {
    let last = address.rsplit('.').next().unwrap_or(address);
    format!(".{last}")
}
