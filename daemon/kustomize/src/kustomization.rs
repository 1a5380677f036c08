//! A kustomization file as data.
//!
//! What always holds: every field is read, or reported as unknown or as not supported yet.

use std::collections::BTreeMap;
use std::rc::Rc;

use taffrail_yaml::{Errors, Fields, Location, Node};

use crate::generate::{Generator, Options};
use crate::selector::{Selector, anchored, parse_labels};
use crate::spec::FieldSpec;
use crate::transform::{Image, Labels, Replicas};

/// The names that a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const UNSUPPORTED: [&str; 13] = [
    "openapi",
    "replacements",
    "vars",
    "sortOptions",
    "crds",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// A text and where it stands.
pub(crate) type Located = (String, Location);

#[derive(Debug, Default)]
pub(crate) struct Kustomization {
    pub(crate) file: Rc<str>,
    pub(crate) component: bool,
    pub(crate) resources: Vec<Located>,
    pub(crate) components: Vec<Located>,
    pub(crate) generators: Vec<Generator>,
    pub(crate) patches_strategic_merge: Vec<Located>,
    pub(crate) patches: Vec<PatchEntry>,
    pub(crate) patches_json6902: Vec<PatchEntry>,
    pub(crate) namespace: Option<Located>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) labels: Vec<Labels>,
    pub(crate) common_labels: BTreeMap<String, String>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) replicas: Vec<Replicas>,
    pub(crate) images: Vec<Image>,
}

impl Kustomization {
    /// Bytes that names, labels, annotations and images may write into one object.
    pub(crate) fn written(&self) -> usize {
        let map =
            |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let labels: usize = self.labels.iter().map(|labels| map(&labels.pairs) * (1 + labels.fields.len())).sum();
        let images: usize = self.images.iter().map(Image::written).sum();
        let names = self.name_prefix.len() + self.name_suffix.len() + self.namespace.as_ref().map_or(0, |n| n.0.len());
        labels + map(&self.common_labels) + map(&self.common_annotations) + images + names
    }
}

/// Names on the way of a field spec.
const MOST_PARTS: usize = 50;

/// An item of `patches` or `patchesJson6902`.
#[derive(Debug)]
pub(crate) struct PatchEntry {
    pub(crate) location: Location,
    pub(crate) path: Option<Located>,
    pub(crate) text: Option<Located>,
    pub(crate) target: Option<Selector>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// Reads a kustomization; faults go to `errors`.
pub(crate) fn read(file: &str, node: &Node, errors: &mut Errors) -> Option<Kustomization> {
    let mut fields = Fields::new(file, node, errors)?.ignore_case();
    let mut this = Kustomization { file: Rc::from(file), ..Kustomization::default() };
    let kind = fields.string("kind").unwrap_or_else(|| "Kustomization".to_owned());
    this.component = kind == "Component";
    check_version(&mut fields, &kind);
    if node.entries().iter().all(|entry| matches!(entry.key.as_str(), "kind" | "apiVersion")) {
        fields.error_at(node.location, "is empty");
    }
    fields.node("metadata");
    this.resources = fields.strings("resources");
    this.resources.extend(fields.strings("bases"));
    this.components = fields.strings("components");
    let options = fields.mapping("generatorOptions", options).unwrap_or_default();
    for (name, secret) in [("configMapGenerator", false), ("secretGenerator", true)] {
        let generators = fields.mappings(name, |fields| generator(fields, secret, &options));
        this.generators.extend(generators.into_iter().flatten());
    }
    this.patches_strategic_merge = fields.strings("patchesStrategicMerge");
    this.patches = fields.mappings("patches", |fields| patch(fields, false));
    this.patches_json6902 = fields.mappings("patchesJson6902", |fields| patch(fields, true));
    let place = fields.location_of("namespace");
    this.namespace = fields.string("namespace").filter(|name| !name.is_empty()).map(|name| (name, place));
    this.name_prefix = fields.string("namePrefix").unwrap_or_default();
    this.name_suffix = fields.string("nameSuffix").unwrap_or_default();
    this.labels = fields.mappings("labels", labels);
    this.common_labels = fields.string_map("commonLabels").unwrap_or_default();
    this.common_annotations = fields.string_map("commonAnnotations").unwrap_or_default();
    this.replicas = fields.mappings("replicas", replicas).into_iter().flatten().collect();
    for name in ["images", "imageTags"] {
        this.images.extend(fields.mappings(name, image).into_iter().flatten());
    }
    fields.unsupported(&UNSUPPORTED);
    fields.finish();
    Some(this)
}

fn check_version(fields: &mut Fields<'_, '_>, kind: &str) {
    let expected = match kind {
        "Kustomization" => "kustomize.config.k8s.io/v1beta1",
        "Component" => "kustomize.config.k8s.io/v1alpha1",
        _ => {
            fields.error("kind", "kind should be Kustomization or Component");
            return;
        }
    };
    if fields.string("apiVersion").is_some_and(|version| version != expected) {
        fields.error("apiVersion", format!("the apiVersion of a {kind} should be {expected}"));
    }
}

fn options(fields: &mut Fields<'_, '_>) -> Options {
    Options {
        labels: fields.string_map("labels").unwrap_or_default(),
        annotations: fields.string_map("annotations").unwrap_or_default(),
        disable_name_suffix_hash: fields.boolean("disableNameSuffixHash").unwrap_or_default(),
        immutable: fields.boolean("immutable").unwrap_or_default(),
    }
}

fn generator(fields: &mut Fields<'_, '_>, secret: bool, global: &Options) -> Option<Generator> {
    let mut envs = fields.strings("envs");
    let place = fields.location_of("env");
    envs.extend(fields.string("env").filter(|path| !path.is_empty()).map(|path| (path, place)));
    let behavior = fields.string("behavior").unwrap_or_default();
    if !matches!(behavior.as_str(), "" | "create" | "merge" | "replace") {
        fields.error("behavior", format!("the behavior \"{behavior}\" is none of create, merge and replace"));
    }
    Some(Generator {
        location: fields.location(),
        secret,
        namespace: fields.string("namespace").unwrap_or_default(),
        behavior,
        envs,
        literals: fields.strings("literals"),
        files: fields.strings("files"),
        options: fields.mapping("options", options).unwrap_or_default().with_global(global),
        secret_type: if secret { fields.string("type").filter(|text| !text.is_empty()) } else { None },
        name: fields.required_string("name")?,
    })
}

fn patch(fields: &mut Fields<'_, '_>, json6902: bool) -> PatchEntry {
    let located = |fields: &mut Fields<'_, '_>, name: &'static str| {
        let place = fields.location_of(name);
        fields.string(name).filter(|text| !text.trim().is_empty()).map(|text| (text, place))
    };
    let (allow_name_change, allow_kind_change) = fields.mapping("options", patch_options).unwrap_or_default();
    let entry = PatchEntry {
        location: fields.location(),
        path: located(fields, "path"),
        text: located(fields, "patch"),
        target: fields.mapping("target", |fields| target(fields, json6902)),
        allow_name_change,
        allow_kind_change,
    };
    match (&entry.path, &entry.text) {
        (None, None) => fields.error_at(entry.location, "a patch needs a \"path\" or a \"patch\""),
        (Some(_), Some(_)) => fields.error_at(entry.location, "a patch has both \"path\" and \"patch\"; keep one"),
        _ => {}
    }
    if json6902 && entry.target.is_none() {
        fields.missing("target");
    }
    entry
}

fn patch_options(fields: &mut Fields<'_, '_>) -> (bool, bool) {
    let flag = |fields: &mut Fields<'_, '_>, name| fields.boolean(name).unwrap_or_default();
    (flag(fields, "allowNameChange"), flag(fields, "allowKindChange"))
}

fn target(fields: &mut Fields<'_, '_>, json6902: bool) -> Selector {
    let name = fields.string("name").unwrap_or_default();
    if json6902 && name.is_empty() {
        fields.missing("name");
    }
    let mut pattern = |name: &'static str| {
        let text = fields.string(name).unwrap_or_default();
        anchored(&text).unwrap_or_else(|what| {
            fields.error(name, format!("\"{name}\" {what}"));
            None
        })
    };
    let (group, version, kind) = (pattern("group"), pattern("version"), pattern("kind"));
    let (name, namespace) = (pattern("name"), pattern("namespace"));
    let mut requirements = |name: &'static str| {
        let text = fields.string(name).unwrap_or_default();
        parse_labels(&text).unwrap_or_else(|what| {
            fields.error(name, format!("\"{name}\" {what}"));
            Vec::new()
        })
    };
    let (labels, annotations) = (requirements("labelSelector"), requirements("annotationSelector"));
    Selector { group, version, kind, name, namespace, labels, annotations }
}

fn labels(fields: &mut Fields<'_, '_>) -> Labels {
    Labels {
        location: fields.location(),
        pairs: fields.string_map("pairs").unwrap_or_default(),
        include_selectors: fields.boolean("includeSelectors").unwrap_or_default(),
        include_templates: fields.boolean("includeTemplates").unwrap_or_default(),
        fields: fields.mappings("fields", field_spec),
    }
}

fn field_spec(fields: &mut Fields<'_, '_>) -> FieldSpec {
    let path = fields.required_string("path").unwrap_or_default();
    if path.split('/').count() > MOST_PARTS {
        fields.error("path", format!("\"path\" has more than {MOST_PARTS} parts"));
    }
    FieldSpec {
        group: fields.string("group").unwrap_or_default(),
        version: fields.string("version").unwrap_or_default(),
        kind: fields.string("kind").unwrap_or_default(),
        path,
        create: fields.boolean("create").unwrap_or_default(),
    }
}

fn replicas(fields: &mut Fields<'_, '_>) -> Option<Replicas> {
    let count = fields.integer("count");
    if !fields.has("count") {
        fields.missing("count");
    }
    Some(Replicas { location: fields.location(), name: fields.required_string("name")?, count: count? })
}

fn image(fields: &mut Fields<'_, '_>) -> Option<Image> {
    let optional = |fields: &mut Fields<'_, '_>, name| fields.string(name).unwrap_or_default();
    let (new_name, new_tag) = (optional(fields, "newName"), optional(fields, "newTag"));
    let (digest, tag_suffix) = (optional(fields, "digest"), optional(fields, "tagSuffix"));
    let name = fields.required_string("name")?;
    match Image::new(fields.location(), &name, new_name, new_tag, digest, tag_suffix) {
        Ok(image) => Some(image),
        Err(what) => {
            fields.error("name", format!("\"name\" {what}"));
            None
        }
    }
}
