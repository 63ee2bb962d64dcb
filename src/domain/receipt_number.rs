//! Receipt numbers: `S012-T03-0-000123`, gapless per store, terminal and epoch (invariant 3). Prefixing the
//! register's identity and counting without holes is what fiscal rules ask for (RKSV § 4, BOFiP 30-80).

/// Formats the number of the `counter`th order of a terminal in an epoch.
pub fn receipt_number(store_code: &str, terminal_name: &str, epoch: u32, counter: u64) -> String {
    format!("{store_code}-{terminal_name}-{epoch}-{counter:06}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_as_the_house_writes_it() {
        assert_eq!(super::receipt_number("S012", "T03", 0, 123), "S012-T03-0-000123");
        assert_eq!(super::receipt_number("S1", "T1", 2, 1_234_567), "S1-T1-2-1234567");
    }
}
