//! Which tag is followed: a decision over names, and over dates only where no name is a version.
//!
//! Always: the same tags give the same choice. A pattern takes pre-releases as versions like any other; a range takes
//! them only when it names one.

use std::cmp::Ordering;

use taffrail_model::Reference;
use taffrail_model::reference::version;

use crate::advertisement::Tag;

/// The tag that is followed, as far as names can tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// None fits.
    Nothing,
    /// This one.
    One(Tag),
    /// The one of these with the newest commit: they fit, and none is a version.
    Newest(Vec<Tag>),
}

/// What `reference` follows of `tags`.
pub(crate) fn choose(reference: &Reference, tags: &[Tag]) -> Choice {
    let versions = tags.iter().filter_map(|tag| {
        let version = match reference {
            Reference::Branch(_) => None,
            Reference::Tag(pattern) => pattern.matches(&tag.name).then(|| pattern.version(&tag.name)).flatten(),
            Reference::Semver(range) => version(&tag.name).filter(|version| range.contains(version)),
        };
        version.map(|version| (version, tag))
    });
    // Of v1.0 and 1.0 one is taken, always the same.
    let highest = versions.max_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.name.cmp(&other.name)));
    if let Some((_, tag)) = highest {
        return Choice::One(tag.clone());
    }
    let Reference::Tag(pattern) = reference else { return Choice::Nothing };
    let fitting: Vec<Tag> = tags.iter().filter(|tag| pattern.matches(&tag.name)).cloned().collect();
    if fitting.is_empty() { Choice::Nothing } else { Choice::Newest(fitting) }
}

/// Orders tags that are no versions: by the time at which their commit was made, then by name.
pub(crate) fn by_date((a, one): &(i64, Tag), (b, other): &(i64, Tag)) -> Ordering {
    a.cmp(b).then_with(|| one.name.cmp(&other.name))
}

#[cfg(test)]
mod tests {
    use git2::Oid;

    use super::*;

    fn chosen(reference: &str, names: &[&str]) -> String {
        let tags: Vec<Tag> =
            names.iter().map(|name| Tag { name: (*name).to_owned(), id: Oid::from_bytes(&[7; 20]).unwrap() }).collect();
        let (kind, value) = reference.split_once(' ').unwrap();
        let reference = match kind {
            "tag" => Reference::Tag(value.parse().unwrap()),
            "semver" => Reference::Semver(value.parse().unwrap()),
            _ => Reference::Branch(value.to_owned()),
        };
        match choose(&reference, &tags) {
            Choice::Nothing => String::new(),
            Choice::One(tag) => tag.name,
            Choice::Newest(tags) => tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn versions_are_ordered_as_versions() {
        assert_eq!(chosen("tag v*", &["v1.9", "v1.10", "v1.2.3", "w9"]), "v1.10");
        assert_eq!(chosen("tag v*", &["v2.0.0-rc.1", "v1.10"]), "v2.0.0-rc.1", "a pattern takes what fits");
        assert_eq!(chosen("tag v*", &["v2.0.0-rc.1", "v2"]), "v2");
        assert_eq!(chosen("tag shop-*", &["shop-1.2", "shop-1.10", "api-3"]), "shop-1.10");
    }

    #[test]
    fn a_version_comes_before_what_is_none() {
        assert_eq!(chosen("tag v*", &["v-test", "v1", "very-new"]), "v1");
        assert_eq!(chosen("tag stable-*", &["stable-b", "stable-a", "v1"]), "stable-b stable-a", "dates must tell");
    }

    #[test]
    fn a_range_takes_the_highest_version_in_it() {
        let tags = ["v1.3", "v1.4.1", "1.9.0", "v1.9.9-rc.1", "v2.0.0-rc.1", "v2", "latest"];
        assert_eq!(chosen("semver >=1.4 <2", &tags), "1.9.0");
        assert_eq!(chosen("semver >=2.0.0-rc.0, <2.0.0", &tags), "v2.0.0-rc.1");
        assert_eq!(chosen("semver >=3", &tags), "");
    }

    #[test]
    fn of_two_names_of_one_version_the_same_is_always_taken() {
        assert_eq!(chosen("semver ^1", &["v1.0", "1.0.0"]), chosen("semver ^1", &["1.0.0", "v1.0"]));
    }
}
