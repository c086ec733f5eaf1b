//! Edges between crates point down, and each outside world has one owner.

use std::collections::BTreeMap;

use super::Problem;
use crate::project::{Package, Project};

/// Every crate with its layer; ARCHITECTURE.md draws them. A crate depends on lower layers only,
/// so that features meet through the vocabulary and the stores and never through each other.
const LAYERS: &[(u8, &[&str])] = &[
    (0, &["model", "bbolt", "expfmt", "etcd-proto"]),
    (1, &["etcd", "notify", "promql", "store", "tsdb"]),
    // Real and simulated clusters are used by the program (for `--demo`) and by tests.
    (2, &["alert", "backup", "bench", "monitor", "rules", "testbed"]),
    (3, &["ctl", "server"]),
    (4, &["etcd-monitor"]),
    (5, &["fuzzing", "xtask"]),
];

/// Dependencies that only the named crates may use, so that knowledge stays in one place.
const OWNED: &[(&str, &[&str], &str)] = &[
    ("tonic", &["etcd", "testbed"], "only `etcd` knows gRPC"),
    ("etcd-proto", &["etcd", "testbed"], "only `etcd` knows etcd's messages"),
    ("axum", &["server"], "only `server` answers HTTP"),
    ("clap", &["etcd-monitor", "testbed"], "only programs have a command line"),
];

/// Names that attract whatever has no place.
const MAGNETS: &[&str] = &["common", "core", "helpers", "shared", "util", "utils"];

pub(super) fn check(project: &Project) -> Vec<Problem> {
    let mut problems = Vec::new();
    let layers: BTreeMap<&str, u8> =
        LAYERS.iter().flat_map(|(layer, names)| names.iter().map(|name| (*name, *layer))).collect();
    for package in &project.packages {
        let mut report = |text: String| {
            problems.push(Problem::new(&format!("crate {}", package.name), 0, text));
        };
        if MAGNETS.contains(&package.name.as_str()) {
            report("the name says nothing; name the crate for the one thing that it owns".into());
        }
        match layers.get(package.name.as_str()) {
            Some(layer) => check_edges(package, *layer, &layers, &mut report),
            None => report("has no layer; add it to xtask/src/tidy/layers.rs".into()),
        }
        for (dependency, owners, reason) in OWNED {
            let is_used = package.dependencies.iter().any(|used| used.name == *dependency);
            if is_used && !owners.contains(&package.name.as_str()) {
                report(format!("depends on {dependency}, but {reason}"));
            }
        }
    }
    problems
}

fn check_edges(
    package: &Package,
    layer: u8,
    layers: &BTreeMap<&str, u8>,
    report: &mut impl FnMut(String),
) {
    for dependency in package.dependencies.iter().filter(|dependency| dependency.is_ours()) {
        // Tests may use the test clusters, wherever they stand, and their own crate's fakes.
        let is_for_tests = ["testbed", &package.name].contains(&dependency.name.as_str());
        if dependency.is_dev() && is_for_tests {
            continue;
        }
        if let Some(below) = layers.get(dependency.name.as_str())
            && *below >= layer
        {
            report(format!(
                "is in layer {layer} and depends on {} in layer {below}; edges point down only",
                dependency.name
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;
    use crate::project::Dependency;

    fn problems(name: &str, dependencies: &[(&str, Option<&str>, bool)]) -> Vec<String> {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind, is_ours)| Dependency {
                name: (*name).to_owned(),
                kind: kind.map(str::to_owned),
                path: is_ours.then(|| format!("crates/{name}")),
            })
            .collect();
        let packages = vec![Package { name: name.to_owned(), dependencies }];
        shown(&check(&Project { packages, ..Project::default() }))
    }

    #[test]
    fn an_edge_down_is_fine() {
        assert!(problems("monitor", &[("etcd", None, true), ("serde", None, false)]).is_empty());
    }

    #[test]
    fn an_edge_up_or_sideways_is_a_problem() {
        assert_eq!(
            problems("etcd", &[("monitor", None, true)]),
            ["crate etcd: is in layer 1 and depends on monitor in layer 2; edges point down only"]
        );
        assert_eq!(problems("model", &[("expfmt", Some("dev"), true)]).len(), 1);
    }

    #[test]
    fn tests_of_any_crate_may_use_test_clusters_and_its_own_fakes() {
        let in_tests = [("testbed", Some("dev"), true), ("etcd", Some("dev"), true)];
        assert!(problems("etcd", &in_tests).is_empty());
        assert_eq!(problems("etcd", &[("testbed", None, true)]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_layer_is_a_problem() {
        assert_eq!(
            problems("utils", &[]),
            [
                "crate utils: the name says nothing; name the crate for the one thing that it owns",
                "crate utils: has no layer; add it to xtask/src/tidy/layers.rs",
            ]
        );
    }

    #[test]
    fn grpc_outside_its_owner_is_a_problem() {
        assert_eq!(
            problems("server", &[("tonic", None, false)]),
            ["crate server: depends on tonic, but only `etcd` knows gRPC"]
        );
    }
}
