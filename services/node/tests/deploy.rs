//! `deploy/redpanda`, as far as it can be checked without a container engine: every file can be parsed,
//! commands exist with their flags and variables, tables agree with the code, users may do what it does.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tidelog_core::{Retention, Topic};

#[test]
fn every_command_exists_with_its_flags_and_variables() {
    let mut found = 0;
    for Container { file, args, variables } in containers() {
        let mut command = tidelog();
        let output = command.args(&args).arg("--help").output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{file}: tidelog {}: {complaint}", args.join(" "));
        // In the help, names may be broken across lines, but not within a name.
        for variable in &variables {
            assert!(said.contains(variable), "{file}: {} does not know {variable}", args[0]);
        }
        found += 1;
    }
    assert_eq!(found, 3 + 3 + 2, "the containers of both compositions, and of Kubernetes");
}

/// A container with the image of Tidelog.
struct Container {
    file: &'static str,
    args: Vec<String>,
    variables: BTreeSet<String>,
}

/// Every container with the image of Tidelog.
fn containers() -> Vec<Container> {
    let mut all = Vec::new();
    for file in ["compose.yaml", "compose.three.yaml"] {
        let [composition] = &documents(file)[..] else { panic!("{file} is one document") };
        for service in composition["services"].as_object().expect("services").values() {
            if service["image"] == "tidelog" {
                let variables = service["environment"].as_object().expect("variables").keys();
                let args = texts(&service["command"]);
                all.push(Container { file, args, variables: variables.cloned().collect() });
            }
        }
    }
    let file = "kubernetes/tidelog.yaml";
    let documents = documents(file);
    let config = documents.iter().find(|it| it["kind"] == "ConfigMap").expect("a ConfigMap");
    let shared: Vec<_> = config["data"].as_object().expect("data").keys().cloned().collect();
    for document in documents.iter().filter(|it| it["kind"] == "Job" || it["kind"] == "StatefulSet")
    {
        let container = &document["spec"]["template"]["spec"]["containers"][0];
        let own = container["env"].as_array().expect("variables");
        let own = own.iter().map(|it| it["name"].as_str().expect("a name").to_owned());
        let variables = own.chain(shared.clone()).collect();
        all.push(Container { file, args: texts(&container["args"]), variables });
    }
    all
}

#[test]
fn the_table_of_topics_is_the_one_in_the_code() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("a README");
    for topic in Topic::ALL {
        let kept = match topic.retention() {
            Retention::Short => "7 days",
            Retention::Medium => "30 days",
            Retention::Long => "for ever",
            Retention::Compacted => "compacted",
        };
        let row = format!("| `{topic}` | {kept} |");
        assert!(readme.contains(&row), "there is no line {row}");
    }
    let rows = readme.lines().filter(|line| {
        ["| 7 days |", "| 30 days |", "| for ever |", "| compacted |"]
            .iter()
            .any(|end| line.ends_with(end))
    });
    assert_eq!(rows.count(), Topic::ALL.len() + 1, "one row for all changelogs");
}

#[test]
fn users_may_do_what_the_code_does_under_its_prefix() {
    let users = documents("kubernetes/users.yaml");
    let config = documents("kubernetes/tidelog.yaml");
    let prefix = &config[0]["data"]["TIDELOG_PREFIX"];
    let may = |user: &str, kind: &str| -> BTreeSet<String> {
        let user = users.iter().find(|it| it["metadata"]["name"] == user).expect("the user");
        let rules = user["spec"]["authorization"]["acls"].as_array().expect("rules");
        let of_kind = rules.iter().filter(|rule| rule["resource"]["type"] == kind);
        of_kind
            .inspect(|rule| {
                let resource = &rule["resource"];
                let is_cluster = kind == "cluster";
                assert!(is_cluster || resource["name"] == *prefix, "{resource}");
                assert!(is_cluster || resource["patternType"] == "prefixed", "{resource}");
            })
            .flat_map(|rule| texts(&rule["operations"]))
            .collect()
    };
    let has = |all: &BTreeSet<String>, some: &[&str]| some.iter().all(|it| all.contains(*it));
    assert!(has(&may("tidelog", "topic"), &["Read", "Write", "Describe"]));
    assert!(has(&may("tidelog", "group"), &["Read"]));
    assert!(has(&may("tidelog", "transactionalId"), &["Write", "Describe"]));
    assert!(has(&may("tidelog", "cluster"), &["IdempotentWrite"]));
    assert!(has(&may("tidelog-admin", "topic"), &["Create", "Describe", "DescribeConfigs"]));

    let script = std::fs::read_to_string(folder().join("security/acls.sh")).expect("the script");
    for needed in ["--transactional-id \"$prefix\"", "--group \"$prefix\"", "--topic \"$prefix\""] {
        assert!(script.contains(needed), "{needed}");
    }
}

/// Kubernetes refuses to change a job: an upgrade under the same name fails, and makes no topics.
#[test]
fn every_release_has_a_job_of_its_own_for_topics() {
    let documents = documents("kubernetes/tidelog.yaml");
    let find = |kind: &str| documents.iter().find(|it| it["kind"] == kind).expect("the resource");
    let image = |kind: &str| {
        let container = &find(kind)["spec"]["template"]["spec"]["containers"][0];
        container["image"].as_str().expect("an image").to_owned()
    };
    assert_eq!(image("Job"), image("StatefulSet"));
    let release = image("Job").split_once(':').expect("a tag").1.replace('.', "-");
    let job = find("Job");
    assert_eq!(job["metadata"]["name"], format!("tidelog-topics-{release}"));
    assert!(job["spec"]["ttlSecondsAfterFinished"].is_number(), "old ones go");
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("a README");
    assert!(readme.contains(&format!("delete job tidelog-topics-{release}`")));
    // A node that waits for its topics is alive, and is not to be started again.
    let probes = &find("StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(probes["startupProbe"]["httpGet"]["path"], "/healthz");
}

#[test]
fn nodes_keep_their_names_and_stores_and_run_as_nobody() {
    let documents = documents("kubernetes/tidelog.yaml");
    let find = |kind: &str| documents.iter().find(|it| it["kind"] == kind).expect("the resource");
    let set = &find("StatefulSet")["spec"];
    let pod = &set["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let claim = &set["volumeClaimTemplates"][0]["metadata"]["name"];
    let mounts = container["volumeMounts"].as_array().expect("mounts");
    let store = mounts.iter().find(|mount| mount["name"] == *claim).expect("the store");
    let dockerfile = std::fs::read_to_string(folder().join("Dockerfile")).expect("a Dockerfile");
    let data = store["mountPath"].as_str().expect("a path");
    assert!(dockerfile.contains(&format!("TIDELOG_DATA={data}")), "{data}");
    assert!(dockerfile.contains("USER 65532"), "no root");
    let labels = &set["template"]["metadata"]["labels"];
    assert_eq!(set["selector"]["matchLabels"], *labels);
    assert_eq!(find("PodDisruptionBudget")["spec"]["selector"]["matchLabels"], *labels);
    for (probe, path) in [("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
    }
}

#[test]
fn every_yaml_file_can_be_parsed() {
    let mut files = 0;
    for folder in [folder(), folder().join("kubernetes")] {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|it| it == "yaml") {
                assert!(!parse(&path).is_empty(), "{}", path.display());
                files += 1;
            }
        }
    }
    assert_eq!(files, 5);
}

fn tidelog() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidelog"));
    command.env("COLUMNS", "200");
    command
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/redpanda")
}

/// The documents of a file.
fn documents(file: &str) -> Vec<Value> {
    parse(&folder().join(file))
}

fn parse(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file");
    let documents = serde_saphyr::from_multiple(&text);
    documents.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is a list"));
    list.iter().map(|it| it.as_str().expect("a text").to_owned()).collect()
}
