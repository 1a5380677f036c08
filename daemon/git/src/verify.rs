//! Whether everything that leads to a revision is signed by somebody who may.
//!
//! Always: every commit that is not part of what was accepted before is looked at, merges and what they merge as well,
//! and so is the tag object. One that is not signed well refuses the whole revision.

use std::time::{SystemTime, UNIX_EPOCH};

use git2::{ObjectType, Oid, Repository, Sort};
use taffrail_model::configuration::Verify;
use taffrail_model::{Known, Refusal};
use taffrail_ports::repositories::RepositoryError;

use crate::allowed_signers::AllowedSigners;
use crate::history::{self, Found, FoundTag};
use crate::pgp_keys::Keyring;
use crate::signed::{self, Signed};

/// Most commits that are looked at.
const MOST_VERIFIED: usize = 10_000;
/// Most tags that may lead to one another.
const LONGEST_CHAIN: usize = 5;

/// Who may sign.
pub(crate) struct Verifier {
    ssh: Option<AllowedSigners>,
    pgp: Option<Keyring>,
}

impl Verifier {
    pub(crate) fn read(verify: &Verify) -> Result<Self, RepositoryError> {
        Ok(Self {
            ssh: verify.allowed_signers.as_deref().map(AllowedSigners::read).transpose()?,
            pgp: verify.pgp_keys.as_deref().map(Keyring::read).transpose()?,
        })
    }

    /// Why what was found is not taken, when `known` was accepted before.
    pub(crate) fn refuse(
        &self,
        repo: &Repository,
        found: &Found,
        known: Option<&Known>,
    ) -> Result<Option<Refusal>, git2::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed());
        let refusal = |commit: Oid, reason: String| -> Result<Option<Refusal>, git2::Error> {
            Ok(Some(Refusal {
                revision: history::commit_id(found.head),
                tag: found.tag.as_ref().map(|tag| tag.name.clone()),
                commit: history::describe(repo, commit)?,
                reason,
            }))
        };
        let accepted = known.map(|known| history::find(repo, &known.revision)).transpose()?.flatten();
        if let Some(tag) = &found.tag
            && let Some(reason) = self.refuse_tag(repo, tag, now)?
        {
            return refusal(found.head, format!("the tag {:?}: {reason}", tag.name));
        }
        let mut walk = repo.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
        walk.push(found.head)?;
        match (known, accepted) {
            (Some(_), Some(accepted)) => walk.hide(accepted)?,
            // What was accepted is gone with the mirror that it was in: nothing can be left out.
            (Some(_), None) => {}
            (None, _) => {
                let head = repo.find_commit(found.head)?;
                head.parent_ids().try_for_each(|parent| walk.hide(parent))?;
            }
        }
        for (count, id) in walk.enumerate() {
            let id = id?;
            if count >= MOST_VERIFIED {
                return refusal(id, format!("more than {MOST_VERIFIED} commits would have to be checked"));
            }
            let at = repo.find_commit(id)?.time().seconds();
            if let Err(reason) = self.check(&signed::commit(repo, id)?, at, now) {
                return refusal(id, reason);
            }
        }
        Ok(None)
    }

    /// Why the tag objects on the way to a commit do not count. A tag without an object has nothing to sign.
    fn refuse_tag(&self, repo: &Repository, found: &FoundTag, now: i64) -> Result<Option<String>, git2::Error> {
        let mut id = found.id;
        for depth in 0..LONGEST_CHAIN {
            let object = repo.find_object(id, None)?;
            let Some(tag) = object.as_tag().filter(|_| object.kind() == Some(ObjectType::Tag)) else { return Ok(None) };
            // Else a good tag could be passed off as a newer one.
            if depth == 0 && tag.name_bytes() != found.name.as_bytes() {
                return Ok(Some("it was made and signed under another name".to_owned()));
            }
            let at = tag.tagger().map_or(0, |tagger| tagger.when().seconds());
            if let Err(reason) = self.check(&signed::tag(repo, id)?, at, now) {
                return Ok(Some(reason));
            }
            id = tag.target_id();
        }
        Ok(Some(format!("more than {LONGEST_CHAIN} tags lead to one another")))
    }

    fn check(&self, signed: &Signed, at: i64, now: i64) -> Result<(), String> {
        let Some(armor) = &signed.signature else { return Err("it is not signed".to_owned()) };
        let kind = armor.lines().next().unwrap_or_default().trim_end();
        match (kind, &self.ssh, &self.pgp) {
            ("-----BEGIN SSH SIGNATURE-----", Some(signers), _) => signers.check(armor, &signed.payload, at, now),
            ("-----BEGIN PGP SIGNATURE-----", _, Some(keys)) => keys.check(armor, &signed.payload, now),
            ("-----BEGIN SSH SIGNATURE-----", None, _) => {
                Err("it is signed with ssh, and there are no `allowedSigners`".to_owned())
            }
            ("-----BEGIN PGP SIGNATURE-----", _, None) => {
                Err("it is signed with PGP, and there are no `pgpKeys`".to_owned())
            }
            _ => Err("it has a signature of a kind that is not known".to_owned()),
        }
    }
}
