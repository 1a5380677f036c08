//! A build: layer by layer from the bases up, then hashes, references and order once at the end.
//!
//! What always holds: the steps of a layer run in kustomize's order; a layer with faults is not transformed, but its
//! siblings are, so that independent faults are reported together.

use serde_json::Value;
use taffrail_yaml::{Error, Errors, Location, parse};

use crate::budget::Budget;
use crate::files::Files;
use crate::hash;
use crate::kustomization::{FILE_NAMES, Kustomization, read};
use crate::limits::Limits;
use crate::loader::{Found, Loader, is_url};
use crate::object::Object;
use crate::order::{self, Order};
use crate::patches::{Patch, Reader};
use crate::path::RepositoryPath;
use crate::references;
use crate::resource::{Metadata, objects};
use crate::set::ObjectSet;
use crate::strategic::text;
use crate::transform;

/// What a build gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects, in order.
    pub objects: Vec<Value>,
    /// What is probably not meant but not wrong, each with file and line.
    pub warnings: Vec<String>,
}

/// Renders the kustomization in the folder `path`, in the order of `kustomize build`.
pub fn build(files: &dyn Files, path: &RepositoryPath, limits: &Limits) -> Result<Rendered, Errors> {
    build_in_order(files, path, limits, Order::Legacy)
}

/// As [`build`], in another order.
pub fn build_in_order(
    files: &dyn Files,
    path: &RepositoryPath,
    limits: &Limits,
    order: Order,
) -> Result<Rendered, Errors> {
    let mut build = Build {
        loader: Loader::new(files, limits),
        limits,
        errors: Errors::default(),
        warnings: Vec::new(),
        visited: 0,
        budget: Budget::new(limits.written, limits.yaml.depth * 2),
    };
    let mut set = ObjectSet::default();
    build.root(path, &mut set);
    build.errors.into_result(())?;
    if order == Order::Legacy {
        order::sort(&mut set.objects);
    }
    let objects = set.objects.into_iter().map(|object| object.value).collect();
    Ok(Rendered { objects, warnings: build.warnings })
}

struct Build<'a> {
    loader: Loader<'a>,
    limits: &'a Limits,
    errors: Errors,
    warnings: Vec<String>,
    visited: usize,
    budget: Budget,
}

/// What a folder is read as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Root,
    Base,
    Component,
}

impl Build<'_> {
    fn root(&mut self, path: &RepositoryPath, set: &mut ObjectSet) {
        let folder = match self.loader.find(&RepositoryPath::root(), path.as_str()) {
            Ok(Found::Folder(folder)) => folder,
            Ok(_) => return self.errors.push(Error::of(&path.to_string(), "is no folder")),
            Err(what) => return self.errors.push(Error::of(&path.to_string(), what)),
        };
        self.layer(&folder, &mut Vec::new(), Role::Root, set);
        if !self.errors.is_empty() {
            return;
        }
        for object in set.objects.iter_mut().filter(|object| object.hashed) {
            object.remember();
            object.set_name(format!("{}-{}", object.name(), hash::suffix(&object.value)));
        }
        self.errors.0.extend(references::fix(set));
        set.objects.retain(|object| !is_local(object));
        set.objects.iter_mut().for_each(finish_annotations);
        self.refuse_collision(set);
    }

    /// Adds what a kustomization makes to `set`. Recursion is bounded by `limits.nesting`.
    fn layer(&mut self, folder: &RepositoryPath, above: &mut Vec<RepositoryPath>, role: Role, set: &mut ObjectSet) {
        let before = self.errors.0.len();
        let Some(kustomization) = self.kustomization(folder, role) else { return };
        self.visited += 1;
        if self.visited > self.limits.kustomizations || above.len() >= self.limits.nesting {
            let limits = (self.limits.kustomizations, self.limits.nesting);
            let what = format!("goes beyond the limit of {} kustomizations or {} levels of bases", limits.0, limits.1);
            return self.errors.push(Error::of(&kustomization.file, what));
        }
        above.push(folder.clone());
        self.resources(&kustomization, folder, above, set);
        if self.errors.0.len() == before {
            self.generate(&kustomization, folder, set);
        }
        for (path, location) in &kustomization.components {
            if let Some(below) = self.base(&kustomization, folder, path, *location, above) {
                self.layer(&below, above, Role::Component, set);
            }
        }
        above.pop();
        self.transform(&kustomization, folder, set, before);
    }

    fn kustomization(&mut self, folder: &RepositoryPath, role: Role) -> Option<Kustomization> {
        let mut found = Vec::new();
        for name in FILE_NAMES {
            match self.loader.find(folder, name) {
                Ok(Found::File(path, bytes)) if path.is_in(folder) => found.push((path, bytes)),
                Ok(Found::File(path, _)) => {
                    let what = format!("its {name} is {path}, outside of the folder");
                    self.errors.push(Error::of(&folder.to_string(), what));
                    return None;
                }
                Ok(_) => {}
                Err(what) => {
                    self.errors.push(Error::of(&folder.to_string(), format!("its {name} {what}")));
                    return None;
                }
            }
        }
        if found.len() > 1 {
            let names: Vec<&str> = found.iter().map(|(path, _)| path.name()).collect();
            let what = format!("has more than one kustomization file: {}; keep one", names.join(", "));
            self.errors.push(Error::of(&folder.to_string(), what));
            return None;
        }
        let Some((path, bytes)) = found.pop() else {
            let what = format!("has no kustomization file ({})", FILE_NAMES.join(", "));
            self.errors.push(Error::of(&folder.to_string(), what));
            return None;
        };
        let file = path.as_str();
        let documents = parse(&bytes, file, &self.limits.yaml).map_err(|error| self.errors.push(error)).ok()?;
        let Some(first) = documents.first() else {
            self.errors.push(Error::of(file, "is empty"));
            return None;
        };
        if let Some(second) = documents.get(1) {
            let line = second.location.line;
            self.warnings.push(format!("{file}:{line}: a kustomization is one document; this one is ignored"));
        }
        let kustomization = read(file, first, &mut self.errors)?;
        match (role, kustomization.component) {
            (Role::Component, false) => {
                self.errors.push(Error::of(file, "is used as a component, but its kind is not Component"));
                None
            }
            (Role::Base, true) => {
                let error = Error::of(file, "is a Component, but is used as a resource");
                self.errors.push(error.hint("name it under components"));
                None
            }
            _ => Some(kustomization),
        }
    }

    fn resources(
        &mut self,
        kustomization: &Kustomization,
        folder: &RepositoryPath,
        above: &mut Vec<RepositoryPath>,
        set: &mut ObjectSet,
    ) {
        for (path, location) in &kustomization.resources {
            match self.find(kustomization, folder, path, *location) {
                Some(Found::File(file, bytes)) if file.is_in(folder) => {
                    let read = objects(&bytes, file.as_str(), &self.limits.yaml, Metadata::Manifest, &mut self.errors);
                    self.add(set, read);
                }
                Some(Found::File(file, _)) => {
                    let what = format!("the resource {path} is {file}, outside of the kustomization's folder");
                    let error = Error::at(&kustomization.file, *location, what);
                    self.errors.push(error.hint("give its folder a kustomization and name the folder here"));
                }
                Some(Found::Folder(below)) => {
                    if self.refuse_cycle(kustomization, *location, &below, above) {
                        continue;
                    }
                    let mut base = ObjectSet::default();
                    self.layer(&below, above, Role::Base, &mut base);
                    self.add(set, base.objects);
                }
                Some(Found::Nothing(missing)) => {
                    let what = format!("the resource {path} does not exist ({missing})");
                    self.errors.push(Error::at(&kustomization.file, *location, what));
                }
                None => {}
            }
        }
    }

    fn find(
        &mut self,
        kustomization: &Kustomization,
        folder: &RepositoryPath,
        path: &str,
        location: Location,
    ) -> Option<Found> {
        let found = if is_url(path) {
            Err("is remote; remote bases and files are not supported: copy it into the repository".to_owned())
        } else if path.is_empty() {
            Err("is empty".to_owned())
        } else {
            self.loader.find(folder, path)
        };
        let refused = |what| Error::at(&kustomization.file, location, format!("the resource {path} {what}"));
        found.map_err(|what| self.errors.push(refused(what))).ok()
    }

    /// The folder of a component.
    fn base(
        &mut self,
        kustomization: &Kustomization,
        folder: &RepositoryPath,
        path: &str,
        location: Location,
        above: &[RepositoryPath],
    ) -> Option<RepositoryPath> {
        let what = match self.find(kustomization, folder, path, location)? {
            Found::Folder(below) => {
                return if self.refuse_cycle(kustomization, location, &below, above) { None } else { Some(below) };
            }
            Found::File(file, _) => format!("the component {path} is a file ({file}), not a folder"),
            Found::Nothing(missing) => format!("the component {path} does not exist ({missing})"),
        };
        self.errors.push(Error::at(&kustomization.file, location, what));
        None
    }

    /// A base that is, or holds, a folder being built would never end.
    fn refuse_cycle(
        &mut self,
        kustomization: &Kustomization,
        location: Location,
        below: &RepositoryPath,
        above: &[RepositoryPath],
    ) -> bool {
        let Some(first) = above.iter().position(|folder| folder.is_in(below)) else { return false };
        let way: Vec<String> = above[first..].iter().chain([below]).map(ToString::to_string).collect();
        let what = format!("is a cycle of bases: {}", way.join(" -> "));
        self.errors.push(Error::at(&kustomization.file, location, what));
        true
    }

    fn add(&mut self, set: &mut ObjectSet, objects: Vec<Object>) {
        for object in objects {
            if set.objects.len() >= self.limits.objects {
                let what = format!("goes beyond the limit of {} objects", self.limits.objects);
                return self.errors.push(Error::at(&object.origin.file, object.origin.location, what));
            }
            if let Err((position, object)) = set.add(object) {
                self.refuse_twin(&set.objects[position], &object);
            }
        }
    }

    fn refuse_twin(&mut self, first: &Object, second: &Object) {
        let what = format!("{} is there already, from {}", second.title(), first.place());
        let hint = if first.place() == second.place() {
            "the file is reached on two ways; rename in one of them, or name it once"
        } else {
            "two objects cannot have one kind, name and namespace"
        };
        self.errors.push(Error::at(&second.origin.file, second.origin.location, what).hint(hint));
    }

    fn refuse_collision(&mut self, set: &ObjectSet) {
        if let Some((first, second)) = set.collision() {
            self.refuse_twin(&set.objects[first], &set.objects[second]);
        }
    }

    fn generate(&mut self, kustomization: &Kustomization, folder: &RepositoryPath, set: &mut ObjectSet) {
        let file = &kustomization.file;
        for generator in &kustomization.generators {
            let before = self.errors.0.len();
            let object = generator.generate(file, folder, &mut self.loader, &mut self.errors);
            if self.errors.0.len() > before {
                continue;
            }
            if let Err(what) = generator.absorb(object, set) {
                self.errors.push(Error::at(file, generator.location, what));
            }
        }
    }

    /// The transformations of a layer, in kustomize's order; none when the layer has faults.
    fn transform(
        &mut self,
        kustomization: &Kustomization,
        folder: &RepositoryPath,
        set: &mut ObjectSet,
        before: usize,
    ) {
        let mut reader = Reader {
            kustomization,
            folder,
            loader: &mut self.loader,
            limits: self.limits,
            errors: &mut self.errors,
            warnings: &mut self.warnings,
        };
        let mut first = reader.strategic();
        first.extend(kustomization.patches.iter().filter_map(|entry| reader.entry(entry, false)));
        let last: Vec<Patch> =
            kustomization.patches_json6902.iter().filter_map(|entry| reader.entry(entry, true)).collect();
        if self.errors.0.len() > before {
            return;
        }
        self.patch(kustomization, set, &first);
        if self.errors.0.len() > before {
            return;
        }
        let fault = |location, what| Error::at(&kustomization.file, location, what);
        let whole = Location { line: 1, column: 1 };
        if let Err(what) = self.budget.spend(kustomization.written(), set.objects.len()) {
            return self.errors.push(fault(whole, what));
        }
        if let Some((namespace, location)) = &kustomization.namespace {
            let _ = transform::namespace(set, namespace).map_err(|what| self.errors.push(fault(*location, what)));
        }
        transform::rename(set, &kustomization.name_prefix, &kustomization.name_suffix);
        for labels in &kustomization.labels {
            let _ = transform::labels(set, labels).map_err(|what| self.errors.push(fault(labels.location, what)));
        }
        for done in [
            transform::common_labels(set, &kustomization.common_labels),
            transform::annotations(set, &kustomization.common_annotations),
        ] {
            let _ = done.map_err(|what| self.errors.push(fault(whole, what)));
        }
        self.patch(kustomization, set, &last);
        for replicas in &kustomization.replicas {
            let _ = transform::replicas(set, replicas).map_err(|what| self.errors.push(fault(replicas.location, what)));
        }
        for image in &kustomization.images {
            match transform::images(set, image) {
                Ok(true) => {}
                Ok(false) => {
                    let line = image.location.line;
                    self.warnings.push(format!("{}:{line}: no image is named {}", kustomization.file, image.name));
                }
                Err(what) => self.errors.push(fault(image.location, what)),
            }
        }
        self.refuse_collision(set);
    }

    fn patch(&mut self, kustomization: &Kustomization, set: &mut ObjectSet, patches: &[Patch]) {
        for patch in patches {
            let (left, errors) = (&mut self.budget, &mut self.errors);
            patch.apply(&kustomization.file, set, left, errors, &mut self.warnings);
        }
        set.compact();
    }
}

/// `config.kubernetes.io/local-config`: an object for tools on the way, not for the cluster.
fn is_local(object: &Object) -> bool {
    object
        .metadata_map("annotations")
        .any(|(key, value)| key == "config.kubernetes.io/local-config" && value != "false")
}

/// kustomize writes all annotations anew: as strings, and none when there are none.
fn finish_annotations(object: &mut Object) {
    let Some(metadata) = object.value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let Some(Value::Object(annotations)) = metadata.get_mut("annotations") else {
        metadata.remove("annotations");
        return;
    };
    annotations.values_mut().for_each(|value| *value = Value::String(text(value)));
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}
