//! Each field of a kustomization: what it does to a small tree.

use taffrail_kustomize::{Limits, MemoryFiles, RepositoryPath, build};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n";
const API: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: api
        image: shop/api:1.0
        envFrom: [{configMapRef: {name: config}}]
      - {name: side, image: side}
";

/// Renders `kustomization` over the two manifests above.
fn render(kustomization: &str) -> String {
    render_tree(&[("kustomization.yaml", kustomization), ("api.yaml", API), ("config.yaml", CONFIG)], "")
}

fn render_tree(files: &[(&str, &str)], path: &str) -> String {
    let files = MemoryFiles::new(files.iter().copied());
    let path = RepositoryPath::new(path).expect("a path");
    let rendered = build(&files, &path, &Limits::default()).expect("a build without faults");
    rendered.objects.iter().map(taffrail_yaml::to_string).collect::<Vec<_>>().join("---\n")
}

#[track_caller]
fn has(rendered: &str, lines: &[&str]) {
    for line in lines {
        assert!(rendered.contains(line), "no {line:?} in\n{rendered}");
    }
}

#[track_caller]
fn lacks(rendered: &str, line: &str) {
    assert!(!rendered.contains(line), "{line:?} in\n{rendered}");
}

const BOTH: &str = "resources: [api.yaml, config.yaml]\n";

#[test]
fn resources_print_in_kustomizes_order() {
    let rendered = render(BOTH);
    assert!(rendered.find("kind: ConfigMap") < rendered.find("kind: Deployment"));
}

#[test]
fn lists_and_documents_are_flattened() {
    let list = "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n---\n---\n\
                {apiVersion: v1, kind: ServiceAccount, metadata: {name: a}}\n";
    let rendered = render_tree(&[("kustomization.yml", "resources: [l.yaml]"), ("l.yaml", list)], "");
    has(&rendered, &["kind: Secret", "kind: ServiceAccount"]);
    lacks(&rendered, "items");
}

#[test]
fn bases_and_components_share_a_tree() {
    let files = [
        ("base/kustomization.yaml", BOTH),
        ("base/api.yaml", API),
        ("base/config.yaml", CONFIG),
        (
            "part/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -part\n",
        ),
        ("over/kustomization.yaml", "bases: [../base]\ncomponents: [../part]\nnamePrefix: over-\n"),
    ];
    has(&render_tree(&files, "over"), &["name: over-api-part", "            name: over-config-part\n"]);
}

#[test]
fn names_follow_prefix_and_suffix_and_keys_have_any_case() {
    let rendered = render(&format!("{BOTH}nameprefix: x-\nNameSuffix: -y\n"));
    has(&rendered, &["name: x-api-y", "- configMapRef:\n            name: x-config-y"]);
}

#[test]
fn namespace_reaches_subjects_and_spares_cluster_scoped() {
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: r}\n\
                subjects: [{kind: ServiceAccount, name: default, namespace: old}, {kind: User, name: u}]\n\
                ---\napiVersion: v1\nkind: Namespace\nmetadata: {name: old}\n";
    let files = [
        ("kustomization.yaml", "resources: [r.yaml, config.yaml]\nnamespace: new"),
        ("r.yaml", role),
        ("config.yaml", CONFIG),
    ];
    let rendered = render_tree(&files, "");
    has(
        &rendered,
        &[
            "kind: Namespace\nmetadata:\n  name: new",
            "name: config\n  namespace: new",
            "name: default\n  namespace: new",
        ],
    );
    has(&rendered, &["kind: ClusterRoleBinding\nmetadata:\n  name: r\n"]);
}

#[test]
fn labels_go_where_they_are_asked_to() {
    let plain = render(&format!("{BOTH}labels: [{{pairs: {{t: v}}}}]\n"));
    assert_eq!(plain.matches("t: v").count(), 2);
    let templates = render(&format!("{BOTH}labels: [{{pairs: {{t: v}}, includeTemplates: true}}]\n"));
    assert_eq!(templates.matches("t: v").count(), 3);
    for all in ["labels: [{pairs: {t: v}, includeSelectors: true}]", "commonLabels: {t: v}"] {
        assert_eq!(render(&format!("{BOTH}{all}\n")).matches("t: v").count(), 4);
    }
    let own = "labels: [{pairs: {t: v}, fields: [{kind: ConfigMap, path: data, create: true}]}]";
    has(&render(&format!("{BOTH}{own}\n")), &["data:\n  a: b\n  t: v"]);
}

#[test]
fn annotations_reach_templates_and_become_strings() {
    assert_eq!(render(&format!("{BOTH}commonAnnotations: {{t: v}}\n")).matches("t: v").count(), 3);
    let object = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {n: 1.0, e: }}\n";
    let rendered = render_tree(&[("Kustomization", "resources: [s.yaml]"), ("s.yaml", object)], "");
    has(&rendered, &["\"n\": \"1.0\"", "e: \"\""]);
}

#[test]
fn images_and_replicas_change() {
    let rendered = render(&format!(
        "{BOTH}images: [{{name: shop/api, newName: r/api, newTag: \"2\"}}, {{name: side, digest: \"sha256:ab\"}}]\n\
         replicas: [{{name: api, count: 3}}]\n"
    ));
    has(&rendered, &["image: r/api:2", "image: side@sha256:ab", "replicas: 3"]);
}

#[test]
fn patches_merge_or_operate() {
    let merge = "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: api}\n    spec:\n\
                 \x20     replicas: null\n      template: {spec: {containers: [{name: side, image: other}, {name: api, $patch: delete}]}}\n";
    let rendered = render(&format!("{BOTH}{merge}"));
    has(&rendered, &["image: other"]);
    lacks(&rendered, "replicas");
    lacks(&rendered, "shop/api");
    let operate = "patches:\n- target: {kind: Dep.*, labelSelector: \"!x\"}\n  patch: '[{op: replace, path: /spec/replicas, value: 7}]'\n";
    has(&render(&format!("{BOTH}{operate}")), &["replicas: 7"]);
    let rename = "patches:\n- target: {kind: ConfigMap}\n  options: {allowNameChange: true}\n  patch: |-\n    apiVersion: v1\n    \
                  kind: ConfigMap\n    metadata: {name: renamed}\n";
    has(&render(&format!("{BOTH}{rename}")), &["- configMapRef:\n            name: renamed"]);
    let old = "patchesJson6902:\n- target: {version: v1, kind: ConfigMap, name: config}\n  patch: |-\n    - {op: add, path: /data/c, value: yes}\n";
    has(&render(&format!("{BOTH}{old}")), &["c: true"]);
    let delete = "patchesStrategicMerge:\n- |-\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: config}\n  $patch: delete\n";
    lacks(&render(&format!("{BOTH}{delete}")), "kind: ConfigMap");
}

#[test]
fn patches_come_from_files_too() {
    let patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {p: q}\n";
    for field in ["patches: [{path: p.yaml}]", "patchesStrategicMerge: [p.yaml]"] {
        let kustomization = format!("resources: [config.yaml]\n{field}\n");
        let files = [("kustomization.yaml", kustomization.as_str()), ("config.yaml", CONFIG), ("p.yaml", patch)];
        has(&render_tree(&files, ""), &["a: b\n  p: q"]);
    }
}

#[test]
fn generators_make_hashed_objects_that_are_followed() {
    let kustomization = "resources: [api.yaml]\ngeneratorOptions: {labels: {g: all}}\n\
                         configMapGenerator:\n- {name: config, literals: [k=\"v\"], files: [f.txt, named=f.txt], envs: [e.env]}\n\
                         secretGenerator:\n- {name: s, type: t, literals: [p=secret], options: {disableNameSuffixHash: true, immutable: true}}\n";
    let files = [
        ("kustomization.yaml", kustomization),
        ("api.yaml", API),
        ("f.txt", "one\ntwo\n"),
        ("e.env", "\u{feff}# comment\nX=1=2\r\nY\n"),
    ];
    let rendered = render_tree(&files, "");
    has(&rendered, &["X: 1=2", "\"Y\": \"\"", "f.txt: |\n    one\n    two", "named: |", "k: v", "g: all"]);
    has(&rendered, &["p: c2VjcmV0", "immutable: true", "type: t", "  name: s\n"]);
    let name = rendered.lines().find(|line| line.starts_with("  name: config-")).expect("a hashed name").trim();
    has(&rendered, &[&format!("- configMapRef:\n            {name}")]);
}

#[test]
fn generators_merge_and_replace() {
    let files = |behavior: &str| {
        let over = format!(
            "resources: [../base]\nconfigMapGenerator:\n- {{name: c, behavior: {behavior}, literals: [b=2]}}\n"
        );
        let files = [
            ("base/kustomization.yaml", "namePrefix: p-\nconfigMapGenerator:\n- {name: c, literals: [a=1]}\n"),
            ("over/kustomization.yaml", over.as_str()),
        ];
        render_tree(&files, "over")
    };
    has(&files("merge"), &["a: \"1\"\n  b: \"2\"", "name: p-c-"]);
    lacks(&files("replace"), "a: \"1\"");
}

#[test]
fn local_objects_are_not_printed() {
    let local = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l, annotations: {config.kubernetes.io/local-config: \"true\"}}\n";
    let files =
        [("kustomization.yaml", "resources: [l.yaml, config.yaml]"), ("l.yaml", local), ("config.yaml", CONFIG)];
    lacks(&render_tree(&files, ""), "name: l\n");
}
