//! Plain scalars that go-yaml takes for a time, and the RFC 3339 text they become in a manifest.
//!
//! Source: `allowedTimestampFormats` in go-yaml's `resolve.go`: a date, or a date and time with `T`, `t` and a zone,
//! or with a space and no zone; month, day, hour, minute and second may have one digit.

/// RFC 3339 text of a time, or `None` when the text is none.
pub(crate) fn rfc3339(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-').filter(|(year, _)| year.len() == 4 && is_digits(year))?;
    let (month, rest) = rest.split_once('-')?;
    let month = short(month, 1, 12)?;
    let (day, time) = match rest.find(['T', 't', ' ']) {
        Some(at) => (&rest[..at], Some((&rest[at..=at], &rest[at + 1..]))),
        None => (rest, None),
    };
    let day = short(day, 1, days(year.parse().ok()?, month))?;
    let date = format!("{year}-{month:02}-{day:02}");
    let Some((separator, time)) = time else { return Some(format!("{date}T00:00:00Z")) };
    let (clock, zone) = if separator == " " { (time, "Z") } else { split_zone(time)? };
    Some(format!("{date}T{}{zone}", read_clock(clock)?))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// One or two digits within bounds.
fn short(text: &str, least: u32, most: u32) -> Option<u32> {
    if !is_digits(text) || text.len() > 2 {
        return None;
    }
    text.parse().ok().filter(|value| (least..=most).contains(value))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn split_zone(time: &str) -> Option<(&str, &str)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, "Z"));
    }
    let at = time.rfind(['+', '-'])?;
    let (hours, minutes) = time[at + 1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || short(hours, 0, 24).is_none() || short(minutes, 0, 59).is_none() {
        return None;
    }
    Some((&time[..at], if &time[at + 1..] == "00:00" { "Z" } else { &time[at..] }))
}

fn read_clock(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match second.split_once(['.', ',']) {
        Some((second, fraction)) => (second, is_digits(fraction).then_some(fraction)?.trim_end_matches('0')),
        None => (second, ""),
    };
    let clock = format!("{:02}:{:02}:{:02}", short(hour, 0, 23)?, short(minute, 0, 59)?, short(second, 0, 59)?);
    let fraction = &fraction[..fraction.len().min(9)];
    Some(if fraction.is_empty() { clock } else { format!("{clock}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn reads_the_four_forms_and_nothing_else() {
        for (text, expected) in [
            ("2020-01-01", Some("2020-01-01T00:00:00Z")),
            ("2020-1-2", Some("2020-01-02T00:00:00Z")),
            ("2020-01-01T10:20:30Z", Some("2020-01-01T10:20:30Z")),
            ("2020-01-01t10:20:30.500+02:00", Some("2020-01-01T10:20:30.5+02:00")),
            ("2020-01-01 10:20:30", Some("2020-01-01T10:20:30Z")),
            ("2020-02-30", None),
            ("2020-01-01T10:20:30", None),
            ("2020-01-01 10:20", None),
            ("2020-13-01", None),
            ("20-01-01", None),
            ("2020-01", None),
        ] {
            assert_eq!(rfc3339(text).as_deref(), expected, "{text}");
        }
    }
}
