//! Whether this machine has IPv6 to connect from, by the kernel's own table of addresses.
//!
//! Only a connection that found no way asks. Where there is no such table, nothing is claimed.

use std::fs;

/// Linux: an address a line.
const TABLE: &str = "/proc/self/net/if_inet6";

/// Whether this machine is known to have no IPv6 address but loopback's and those of its own links:
/// then nothing with IPv6 can be reached from it, whatever is listed.
pub fn is_without_ipv6() -> bool {
    match fs::read_to_string(TABLE) {
        Ok(table) => !has_address(&table),
        Err(_) => false,
    }
}

/// The fourth field of a line is the address's scope, in hexadecimal: 10 for this host, 20 for the link.
fn has_address(table: &str) -> bool {
    let mut scopes = table
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(3));
    scopes.any(|scope| !matches!(scope, "10" | "20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "00000000000000000000000000000001 01 80 10 80       lo\n";
    const OF_THE_LINK: &str = "fe80000000000000021122fffe334455 02 40 20 80     eth0\n";
    const OF_THE_SITE: &str = "fec00000000000000000000000000001 02 40 40 80     eth0\n";
    const GLOBAL: &str = "20010db8000000000000000000000001 02 40 00 80     eth0\n";

    #[test]
    fn only_an_address_beyond_this_host_and_its_links_is_one_to_connect_from() {
        for (table, expected) in [
            (String::new(), false),
            (LOOPBACK.to_owned(), false),
            ([LOOPBACK, OF_THE_LINK].concat(), false),
            ([LOOPBACK, OF_THE_SITE].concat(), true),
            ([LOOPBACK, OF_THE_LINK, GLOBAL].concat(), true),
            ([GLOBAL, LOOPBACK].concat(), true),
        ] {
            assert_eq!(has_address(&table), expected, "{table}");
        }
    }
}
