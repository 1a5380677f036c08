//! Patches of a layer: read first, all of them, then applied one after the other.

use serde_json::Value;
use taffrail_yaml::{Content, Error, Errors, Fields, Location, Node, Rules, nearest, parse};

use crate::budget::{Budget, measure};
use crate::json_patch::{Operation, Pointer, What};
use crate::kustomization::{Kustomization, PatchEntry};
use crate::limits::Limits;
use crate::loader::Loader;
use crate::object::Object;
use crate::path::RepositoryPath;
use crate::resource::{Metadata, from_documents};
use crate::selector::Selector;
use crate::set::ObjectSet;
use crate::strategic;

/// A patch that is ready to be applied.
pub(crate) struct Patch {
    location: Location,
    target: Option<Selector>,
    allow_name_change: bool,
    allow_kind_change: bool,
    /// Whether the id before the patch is remembered for name references.
    remember: bool,
    content: PatchContent,
}

enum PatchContent {
    Strategic(Vec<Object>),
    Json { file: String, operations: Vec<(Operation, Location)> },
}

/// What reading patches needs.
pub(crate) struct Reader<'a, 'f> {
    pub(crate) kustomization: &'a Kustomization,
    pub(crate) folder: &'a RepositoryPath,
    pub(crate) loader: &'a mut Loader<'f>,
    pub(crate) limits: &'a Limits,
    pub(crate) errors: &'a mut Errors,
    pub(crate) warnings: &'a mut Vec<String>,
}

impl Reader<'_, '_> {
    fn error(&mut self, location: Location, what: impl Into<String>) {
        self.errors.push(Error::at(&self.kustomization.file, location, what));
    }

    /// The name under which faults of a text inside of the kustomization are reported.
    fn inline(&self, location: Location) -> String {
        format!("{}:{} (inline patch)", self.kustomization.file, location.line)
    }

    fn file(&mut self, path: &str, location: Location) -> Option<(String, Vec<u8>)> {
        match self.loader.file(self.folder, path) {
            Ok((path, bytes)) => Some((path.to_string(), bytes)),
            Err(what) => {
                self.error(location, format!("the patch {path} {what}"));
                None
            }
        }
    }

    fn parse(&mut self, file: &str, bytes: &[u8]) -> Option<Vec<Node>> {
        parse(bytes, file, &self.limits.yaml).map_err(|error| self.errors.push(error)).ok()
    }

    /// `patchesStrategicMerge`: each a path, or the patch itself.
    pub(crate) fn strategic(&mut self) -> Vec<Patch> {
        let mut patches = Vec::new();
        for (text, location) in &self.kustomization.patches_strategic_merge {
            let inline = self.inline(*location);
            let parsed = parse(text.as_bytes(), &inline, &self.limits.yaml);
            let is_patch = |documents: &[Node]| documents.iter().any(|node| !node.entries().is_empty());
            let (name, documents) = match parsed {
                Ok(documents) if is_patch(&documents) => (inline, documents),
                Err(error) if text.contains('\n') => {
                    self.errors.push(error);
                    continue;
                }
                _ => {
                    let Some((file, bytes)) = self.file(text, *location) else { continue };
                    let Some(documents) = self.parse(&file, &bytes) else { continue };
                    (file, documents)
                }
            };
            let objects = from_documents(documents, &name, Metadata::CopiedPatch, self.errors);
            if !objects.is_empty() {
                patches.push(Patch::new(*location, None, PatchContent::Strategic(objects)));
            }
        }
        let given = self.kustomization.patches_strategic_merge.first();
        if let Some((_, location)) = given.filter(|_| patches.is_empty() && self.errors.is_empty()) {
            self.error(*location, "patchesStrategicMerge holds no patch");
        }
        patches
    }

    /// An item of `patches` or `patchesJson6902`.
    pub(crate) fn entry(&mut self, entry: &PatchEntry, json6902: bool) -> Option<Patch> {
        let (file, bytes, place) = match (&entry.path, &entry.text) {
            (Some((path, location)), None) => {
                let (file, bytes) = self.file(path, *location)?;
                (file, bytes, *location)
            }
            (None, Some((text, location))) => (self.inline(*location), text.clone().into_bytes(), *location),
            // Reported when the kustomization was read.
            _ => return None,
        };
        let documents = self.parse(&file, &bytes)?;
        let first = match documents.first() {
            Some(first) => first,
            None if json6902 => {
                self.error(place, "the patch is empty");
                return None;
            }
            None => {
                self.warnings.push(format!("{}:{}: the patch is empty", self.kustomization.file, place.line));
                return None;
            }
        };
        let content = match &first.content {
            Content::Sequence(items) => {
                if entry.target.is_none() {
                    self.error(entry.location, "a JSON6902 patch needs a target; add target: {kind: ..., name: ...}");
                }
                if documents.len() > 1 {
                    self.error(place, "a JSON6902 patch should be one document");
                }
                PatchContent::Json { operations: self.operations(&file, items), file }
            }
            _ if json6902 => {
                self.error(place, "a JSON6902 patch should be a list of operations");
                return None;
            }
            _ => {
                let how = if entry.target.is_some() { Metadata::CopiedPatch } else { Metadata::Patch };
                let objects = from_documents(documents, &file, how, self.errors);
                if entry.target.is_some() && objects.len() > 1 {
                    self.error(entry.location, "a patch with a target should be one document; write one entry each");
                }
                PatchContent::Strategic(objects)
            }
        };
        Some(Patch {
            allow_name_change: entry.allow_name_change,
            allow_kind_change: entry.allow_kind_change,
            remember: !json6902,
            ..Patch::new(entry.location, entry.target.clone(), content)
        })
    }

    fn operations(&mut self, file: &str, items: &[Node]) -> Vec<(Operation, Location)> {
        let mut operations = Vec::new();
        for item in items {
            let Some(mut fields) = Fields::new(file, item, self.errors) else { continue };
            let operation = operation(&mut fields, item);
            fields.finish();
            operations.extend(operation.map(|operation| (operation, item.location)));
        }
        operations
    }
}

fn operation(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Operation> {
    let name = fields.required_string("op");
    let pointer = |fields: &mut Fields<'_, '_>, name: &'static str| {
        let Some(text) = fields.string(name) else {
            fields.missing(name);
            return None;
        };
        Pointer::parse(&text).map_err(|what| fields.error(name, format!("\"{name}\" {what}"))).ok()
    };
    let path = pointer(fields, "path");
    fields.node("value");
    let value = node.get("value").map(|value| value.to_value(Rules::Yaml11));
    let has_from = fields.has("from");
    let from = if has_from { pointer(fields, "from") } else { None };
    let what = match (name?.as_str(), value, from) {
        ("add", Some(value), _) => What::Add(value),
        ("replace", Some(value), _) => What::Replace(value),
        ("test", value, _) => What::Test(value.unwrap_or(Value::Null)),
        ("remove", ..) => What::Remove,
        ("move", _, Some(from)) => What::Move(from),
        ("copy", _, Some(from)) => What::Copy(from),
        ("add" | "replace", None, _) => {
            fields.missing("value");
            return None;
        }
        ("move" | "copy", ..) => {
            if !has_from {
                fields.missing("from");
            }
            return None;
        }
        (other, ..) => {
            fields.error("op", format!("the op \"{other}\" is none of add, remove, replace, move, copy and test"));
            return None;
        }
    };
    Some(Operation { what, path: path? })
}

impl Patch {
    fn new(location: Location, target: Option<Selector>, content: PatchContent) -> Self {
        Self { location, target, allow_name_change: false, allow_kind_change: false, remember: false, content }
    }

    /// Applies it to all it is meant for.
    pub(crate) fn apply(
        &self,
        file: &str,
        set: &mut ObjectSet,
        budget: &mut Budget,
        errors: &mut Errors,
        warnings: &mut Vec<String>,
    ) {
        let selected = self.target.as_ref().map(|target| select(set, target));
        if selected.as_ref().is_some_and(Vec::is_empty) {
            warnings.push(format!("{file}:{}: the patch's target matches no object", self.location.line));
        }
        let cost = match &self.content {
            PatchContent::Strategic(patches) => patches.iter().map(|patch| measure(&patch.value).0).sum(),
            PatchContent::Json { operations, .. } => operations.len(),
        };
        if let Err(what) = budget.spend(cost, selected.as_ref().map_or(1, Vec::len)) {
            return errors.push(Error::at(file, self.location, format!("the patch {what}")));
        }
        match &self.content {
            PatchContent::Strategic(patches) => {
                for patch in patches {
                    let found = match &selected {
                        Some(positions) => Ok(positions.clone()),
                        None => target_of(set, patch).map(|position| vec![position]),
                    };
                    match found {
                        Ok(positions) => positions.into_iter().for_each(|at| self.merge(set, at, patch, errors)),
                        Err(error) => errors.push(error),
                    }
                }
            }
            PatchContent::Json { file, operations } => {
                for position in selected.unwrap_or_default() {
                    self.operate(set, position, file, operations, budget, errors);
                }
            }
        }
    }

    fn merge(&self, set: &mut ObjectSet, position: usize, patch: &Object, errors: &mut Errors) {
        let object = &mut set.objects[position];
        let (name, namespace, kind) =
            (object.name().to_owned(), object.namespace().to_owned(), object.kind().to_owned());
        let mut value = patch.value.clone();
        if self.target.is_some() {
            value["apiVersion"] = Value::from(object.api_version());
        }
        match strategic::merge(object.value.clone(), value) {
            Err(what) => {
                let what = format!("cannot be applied to {} ({}): {what}", object.title(), object.place());
                errors.push(Error::at(&patch.origin.file, patch.origin.location, what));
            }
            Ok(None) => object.deleted = true,
            Ok(Some(merged)) if merged.as_object().is_some_and(serde_json::Map::is_empty) => object.deleted = true,
            Ok(Some(merged)) => {
                if self.allow_name_change || self.allow_kind_change {
                    object.remember();
                }
                object.value = merged;
                if !self.allow_kind_change {
                    object.set_kind(&kind);
                }
                if !self.allow_name_change {
                    object.set_name(name);
                }
                object.set_namespace(&namespace);
                set.touch(position);
            }
        }
    }

    fn operate(
        &self,
        set: &mut ObjectSet,
        position: usize,
        file: &str,
        operations: &[(Operation, Location)],
        budget: &mut Budget,
        errors: &mut Errors,
    ) {
        let object = &mut set.objects[position];
        if self.remember {
            object.remember();
        }
        for (operation, location) in operations {
            if let Err(what) = operation.apply(&mut object.value, budget) {
                let what = format!("{what} (in {}, {})", object.title(), object.place());
                errors.push(Error::at(file, *location, what));
                return;
            }
        }
        if object.kind().is_empty() || object.name().is_empty() {
            let what = format!("leaves the object of {} without kind or name", object.place());
            errors.push(Error::at(file, operations.first().map_or(self.location, |(_, at)| *at), what));
        }
        set.touch(position);
    }
}

fn select(set: &ObjectSet, target: &Selector) -> Vec<usize> {
    let objects = set.objects.iter().enumerate();
    objects.filter(|(_, object)| !object.deleted && target.selects(object)).map(|(position, _)| position).collect()
}

/// The one object that has or had the patch's id.
fn target_of(set: &ObjectSet, patch: &Object) -> Result<usize, Error> {
    let error = |what| Error::at(&patch.origin.file, patch.origin.location, what);
    match set.any(&patch.id())[..] {
        [position] => Ok(position),
        [] => {
            let error =
                error(format!("no object is {} of {}, which the patch is for", patch.title(), patch.api_version()));
            Err(match nearest(patch.name(), set.names()) {
                Some(name) if name != patch.name() => error.hint(format!("did you mean {name}?")),
                Some(_) => error.hint("look at its apiVersion, kind and namespace"),
                None => error,
            })
        }
        [first, second, ..] => Err(error(format!(
            "the patch could be for {} and for {}; give it a target",
            set.objects[first].place(),
            set.objects[second].place()
        ))),
    }
}
