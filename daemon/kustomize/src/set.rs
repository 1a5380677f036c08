//! The objects of a layer in load order, findable by kind and name.
//!
//! What always holds: no two objects that were added have one current id; a look-up costs the objects of that kind
//! and name, not the whole set.

use std::collections::BTreeMap;

use crate::object::{Id, Object};

/// Objects and an index of every kind and name that each has or had. The index may hold more than is true (names only
/// ever get added), so that a look-up always checks the object itself.
#[derive(Default)]
pub(crate) struct ObjectSet {
    pub(crate) objects: Vec<Object>,
    index: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

impl ObjectSet {
    /// Adds an object, or gives the position of the one that already has its id.
    pub(crate) fn add(&mut self, object: Object) -> Result<(), (usize, Box<Object>)> {
        if let Some(position) = self.current(&object.id()).first() {
            return Err((*position, Box::new(object)));
        }
        self.objects.push(object);
        self.touch(self.objects.len() - 1);
        Ok(())
    }

    /// Indexes the object's names after they may have changed.
    pub(crate) fn touch(&mut self, position: usize) {
        let object = &self.objects[position];
        let mut names: Vec<(String, String)> =
            object.previous.iter().map(|previous| (previous.kind.clone(), previous.name.clone())).collect();
        names.push((object.kind().to_owned(), object.name().to_owned()));
        for (kind, name) in names {
            let positions = self.index.entry(name).or_default().entry(kind).or_default();
            if !positions.contains(&position) {
                positions.push(position);
            }
        }
    }

    /// Indexes all names anew, after a change of the whole layer.
    pub(crate) fn touch_all(&mut self) {
        (0..self.objects.len()).for_each(|position| self.touch(position));
    }

    /// Drops what patches deleted.
    pub(crate) fn compact(&mut self) {
        if self.objects.iter().any(|object| object.deleted) {
            self.objects.retain(|object| !object.deleted);
            self.index.clear();
            self.touch_all();
        }
    }

    /// Those that have the id today.
    pub(crate) fn current(&self, id: &Id) -> Vec<usize> {
        self.candidates(&id.name, Some(&id.gvk.kind)).filter(|position| self.objects[*position].is(id)).collect()
    }

    /// Those that have or had the id.
    pub(crate) fn any(&self, id: &Id) -> Vec<usize> {
        self.candidates(&id.name, Some(&id.gvk.kind)).filter(|position| self.objects[*position].is_or_was(id)).collect()
    }

    /// Those that have or had the name (and the kind), in load order.
    pub(crate) fn candidates<'a>(&'a self, name: &str, kind: Option<&'a str>) -> impl Iterator<Item = usize> + 'a {
        let mut positions: Vec<usize> = self
            .index
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(of_kind, _)| kind.is_none_or(|kind| *of_kind == kind))
            .flat_map(|(_, positions)| positions.iter().copied())
            .filter(|position| !self.objects[*position].deleted)
            .collect();
        positions.sort_unstable();
        positions.dedup();
        positions.into_iter()
    }

    /// The first object whose id another one, later in the set, has too: a patch or a namespace may make that.
    pub(crate) fn collision(&self) -> Option<(usize, usize)> {
        let mut seen: BTreeMap<Id, usize> = BTreeMap::new();
        self.objects
            .iter()
            .enumerate()
            .filter(|(_, object)| !object.deleted)
            .find_map(|(position, object)| seen.insert(object.id(), position).map(|first| (first, position)))
    }

    /// Every name in use, for "did you mean".
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.index.keys().map(String::as_str)
    }
}
